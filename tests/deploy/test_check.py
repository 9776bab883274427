"""`tuneworth serve-check` against servers on this machine: one that serves what was judged, and some that do not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworth import Run
from tuneworth.deploy import ServeCheck

from ..cli.test_endpoint import labels
from ..conftest import Done
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion

Command = Callable[..., Done]
pytestmark = pytest.mark.slow


def serving(change: Callable[[Asked, str], dict[str, Any]] = lambda asked, text: {}, *, models: int = 1) -> Any:
    """A server of the labels: `change` gives what its answers have otherwise."""

    def behave(asked: Asked) -> Step:
        if asked.path.endswith("/models"):
            return Step(body={"data": [{"id": f"labels-{number}"} for number in range(models)]})
        if not asked.path.endswith("/chat/completions"):
            return Step(404, {"error": "no such path"})
        honest = labels(asked).body
        choice, usage = honest["choices"][0], honest["usage"]
        text = choice["message"]["content"]
        changed = {"output": text, "usage": usage} | change(asked, text)
        return Step(body=completion(**changed))

    return behave


def chats(server: EndpointServer) -> list[Asked]:
    return [asked for asked in server.requests if asked.path.endswith("/chat/completions")]


def stored(run: Run) -> dict[str, Any]:
    (file,) = (run.folder / "served").glob("*/check.json")
    return json.loads(file.read_text(encoding="utf-8"))


def test_the_same_model_passes_and_is_asked_once(command: Command, judged: Run) -> None:
    with EndpointServer(serving()) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url)
        assert done.code == 0, done.err
        assert done.out.startswith("What is served is what was judged: ")
        assert "127.0.0.1 gets 23 requests" in done.err  # 12 pairs, eight of them twice, and three probes
        assert len(chats(server)) == 23
        server.requests.clear()
        again = command("serve-check", judged.folder, "--endpoint", server.url, "--json")
        assert chats(server) == []
    assert again.json == stored(judged)
    assert again.json["schema"] == "tuneworth/serve-check/1"
    assert (again.json["model"], again.json["variant"], again.json["rows"]) == ("labels-0", "tuned", 12)


def test_worse_answers_fail_as_a_gate_does(command: Command, judged: Run, tmp_path: Path) -> None:
    page = tmp_path / "check.md"
    with EndpointServer(serving(lambda asked, text: {"output": text.removeprefix("Box ")})) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url, "--markdown", page)
    assert done.code == 1
    assert "What is served is not what was judged, and no cause was found" in " ".join(done.out.split())
    assert page.read_text(encoding="utf-8").startswith("**What is served is not what was judged")
    assert stored(judged)["same"] is False
    checked = ServeCheck(judged.folder, stored(judged))
    assert repr(checked) in done.out
    assert "<strong>What is served is not what was judged" in checked._repr_html_()
    assert checked._repr_html_().count("<tr>") == 10


def test_a_server_that_draws_its_tokens_is_named(command: Command, judged: Run) -> None:
    with EndpointServer(serving(lambda asked, text: {"output": f"{text} {asked.attempt}"})) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url, "--json")
    assert done.code == 1
    assert "sampling" in [cause["id"] for cause in done.json["causes"]]


def test_thoughts_before_the_answer_are_named(command: Command, judged: Run) -> None:
    with EndpointServer(serving(lambda asked, text: {"output": f"<think>Hm.</think>{text}"})) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url, "--json")
    assert done.code == 1
    assert [cause["id"] for cause in done.json["causes"]] == ["thinking"]


def test_a_sample_of_the_requests_is_asked(command: Command, judged: Run) -> None:
    with EndpointServer(serving()) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url, "--rows", 4, "--json")
        assert len(chats(server)) == 4 + 4 + 3
    assert (done.json["rows"], done.json["tested"]) == (4, 12)


def test_a_dry_run_says_the_bill_and_sends_no_chat(command: Command, judged: Run) -> None:
    with EndpointServer(serving()) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url, "--dry-run")
        assert chats(server) == []
    assert done.code == 0, done.err
    assert "127.0.0.1 gets 23 requests" in done.out
    assert "price stated in [roi.tuned]" in done.out
    assert not (judged.folder / "served").exists()


def test_several_models_need_a_name(command: Command, judged: Run) -> None:
    with EndpointServer(serving(models=2)) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url)
        assert done.code == 2
        assert "serves 2 models: labels-0, labels-1" in done.err
        assert command("serve-check", judged.folder, "--endpoint", server.url, "--model", "labels-1").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--endpoint", "models.example.com"], 'does not begin with "http://"'),
        (["--endpoint", "http://127.0.0.1:9/v1", "--key-env", "NO_SUCH_KEY"], "NO_SUCH_KEY, which is not set"),
        (["--endpoint", "http://127.0.0.1:9/v1"], "lists no model"),
        (["--endpoint", "http://127.0.0.1:9/v1", "--max-cost", "much"], "is not an amount of money"),
        (["--endpoint", "http://127.0.0.1:9/v1", "--variant", "tund"], 'no variant "tund"; did you mean "tuned"'),
    ],
)
def test_wrong_input_is_refused_before_anything_is_asked(
    command: Command, judged: Run, options: list[str], message: str
) -> None:
    done = command("serve-check", judged.folder, *options)
    assert done.code == 2
    assert message in done.err


def test_a_hostile_name_stays_text(command: Command, judged: Run, tmp_path: Path) -> None:
    name, page = "../../x\x1b[31m|<b>", tmp_path / "check.md"
    with EndpointServer(serving()) as server:
        done = command("serve-check", judged.folder, "--endpoint", server.url, "--model", name, "--markdown", page)
    assert done.code == 0, done.err
    (folder,) = (judged.folder / "served").iterdir()
    assert folder.resolve().parent == (judged.folder / "served").resolve()
    assert "\x1b" not in done.out + done.err + page.read_text(encoding="utf-8")
    assert "<b>" not in page.read_text(encoding="utf-8")
