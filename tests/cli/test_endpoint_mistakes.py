"""What is wrong with an endpoint, its key or a gate is said before anything is paid for; what is under way is shown."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ..conftest import pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, counted, error

GUIDE = "Write a label for the box: it begins with Box, names the colour and the thing, and ends with the weight."
PROJECT = """
[data]
path = "pairs.jsonl"
group = "family"
[evaluate]
variants = ["prompted", "tuned"]
rivals = "none"
[evaluate.prompted]
endpoint = "{url}"
model = "base"
guide = "guide.txt"
few_shot = 1
{more}
[evaluate.tuned]
endpoint = "{url}"
model = "ft:base"
{more}
[roi]
requests_per_day = 100
failures = "repair"
failure_cost = 0.1
[roi.prompted]
price_input = 1000
price_output = 1000
[roi.tuned]
price_input = 1000
price_output = 1000
"""


@pytest.fixture
def hosted(tmp_path: Path, pairs_file: Path, style_file: Path) -> Callable[..., Path]:
    """A project whose variants are at `url`, each with the keys `more`."""

    def write(url: str, more: str = "") -> Path:
        (tmp_path / "guide.txt").write_text(GUIDE)
        (tmp_path / "tuneworth.toml").write_text(PROJECT.format(url=url, more=more))
        return tmp_path

    return write


def label(asked: Asked) -> Step:
    text = next((pair(n)["output"] for n in range(60) if asked.text.endswith(f"weight: {n} kg")), "?")
    return counted(asked, text)


def results(project: Path) -> dict[str, Any]:
    (run,) = (project / "runs").iterdir()
    return json.loads((run / "results.json").read_text())


@pytest.mark.parametrize(
    "gate", ["quality.tuned.acceptabel.low >= 0.9", "quality.tuned.acceptable.low", "verdict.decision == finetune"]
)
def test_a_gate_that_can_never_hold_ends_the_command_before_the_first_request(
    command: Any, hosted: Any, gate: str
) -> None:
    with EndpointServer(label) as server:
        project = hosted(server.url)
        done = command("run", project, "--gate", gate)
        assert done.code == 2
        assert f'--gate "{gate}"' in done.err
        assert not (project / "runs").exists()
        assert command("curate", project).code == 0
        assert command("evaluate", project, "--gate", gate).code == 2
        assert server.requests == []


@pytest.mark.parametrize("key", ["sk-proj-0123456789abcdefghij", "d41d8cd98f00b204e9800998ecf8427e", "hunter2"])
def test_a_key_in_place_of_the_variables_name_is_repeated_nowhere(command: Any, hosted: Any, key: str) -> None:
    project = hosted("https://api.example.com/v1", f'key_env = "{key}"')
    for words in (("run", project), ("run", project, "--json"), ("evaluate", project, "--dry-run")):
        done = command(*words)
        assert done.code == 2
        assert key not in done.out + done.err
    for wrong in (
        f"key_env = {key}",
        f'key_env = ["{key}"]',
        f'key_env = "{key}',
        f'key_env: "{key}"',
        f'api_key = "{key}"',
    ):
        done = command("run", hosted("https://api.example.com/v1", wrong))
        assert done.code == 2
        assert key not in done.out + done.err
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_a_model_without_a_system_role_gets_the_guide_in_the_users_message(command: Any, hosted: Any) -> None:
    def gemma(asked: Asked) -> Step:
        roles = {message["role"] for message in asked.body["messages"]}
        return error(400, "System role not supported") if "system" in roles else label(asked)

    with EndpointServer(gemma) as server:
        project = hosted(server.url)
        done = command("run", project)
        assert done.code == 2
        assert "the model takes no system message (400: System role not supported)" in done.err
        assert "Set system_role = false" in done.err
        assert len(server.requests) == 1
        hosted(server.url, "system_role = false")
        done = command("evaluate", project, "--json")
        assert done.code == 0, done.err
        begun = [asked.body["messages"][0]["content"] for asked in server.requests if asked.body["model"] == "base"]
        assert sum(text.startswith(f"{GUIDE}\n\n") for text in begun) == len(begun) - 2  # the others count the rest
    assert done.json["variants"]["prompted"]["guide_tokens"] == len(GUIDE.split())
    assert done.json["validity"] == []


@pytest.mark.slow
def test_counts_that_cannot_be_true_are_not_called_an_empty_guide(command: Any, hosted: Any) -> None:
    def constant(asked: Asked) -> Step:
        body = label(asked).body
        return Step(body=body | {"usage": {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}})

    with EndpointServer(constant) as server:
        done = command("run", project := hosted(server.url), "--json")
    assert done.code == 0, done.err
    assert "127.0.0.1: its token counts cannot be true: 9 prompt tokens" in done.err
    found = results(project)
    assert "is empty" not in found["verdict"]["sentence"]
    assert found["validity"] == []
    assert found["variants"]["prompted"]["doubtful_counts"].startswith("9 prompt tokens")
    assert found["variants"]["prompted"]["guide_tokens"] is None
    assert found["tokens"]["prompted"]["input"] is None
    (run,) = (project / "runs").iterdir()
    assert "token counts, which cannot be true (9 prompt tokens" in (run / "report.html").read_text()


@pytest.mark.slow
def test_a_terminal_shows_what_is_under_way_from_the_first_second(command: Any, hosted: Any) -> None:
    with EndpointServer(lambda asked: replace(label(asked), wait=0.15 if asked.number else 1.0)) as server:
        project = hosted(server.url)
        assert command("curate", project).code == 0
        ours, theirs = pty.openpty()
        words = [sys.executable, "-m", "tuneworth.cli", "evaluate", str(project)]
        screen = {**os.environ, "TERM": "xterm", "COLUMNS": "160"}
        with subprocess.Popen(words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, env=screen) as process:
            os.close(theirs)
            seen = bytearray()
            with suppress(OSError):  # the other end of a terminal is closed
                while piece := os.read(ours, 4096):
                    seen += piece
            assert process.wait(timeout=60) == 0
        os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace"))
    assert re.search(r"answers \(prompted\): 1 sent, 1 waiting, 0 EUR so far", text)
    assert re.search(r"answers \((prompted|tuned)\): \d+ sent, [1-8] waiting, [0-9.]+ EUR so far", text)
    assert "evaluate: 28 requests sent to endpoints" in text
