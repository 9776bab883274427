"""Projects whose variants are at endpoints: curated and judged without torch, without a model."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ..conftest import pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion, error


def labels(asked: Asked) -> Step:
    """The label of the pair; the model that was not tuned forgets the first word of every third."""
    sent = sum(len(m["content"].split()) for m in asked.body["messages"])
    text = next((pair(n)["output"] for n in range(200) if asked.text.endswith(f"weight: {n} kg")), "?")
    if asked.body["model"] == "base" and len(text) % 3 == 0:
        text = text.removeprefix("Box ")
    usage = {"prompt_tokens": sent, "completion_tokens": len(text.split()), "total_tokens": sent + len(text.split())}
    return Step(body=completion(text, usage=usage))


PROJECT = """
[data]
path = "pairs.jsonl"
group = "family"
[evaluate]
variants = ["prompted", "tuned"]
rivals = "none"
{more}
[evaluate.prompted]
endpoint = "{url}"
model = "base"
guide = "guide.txt"
few_shot = 1
[evaluate.tuned]
endpoint = "{url}"
model = "ft:base:labels"
"""
MONEY = """
[roi]
requests_per_day = 1000
failures = "repair"
failure_cost = 0.1
[roi.prompted]
price_input = 1
price_output = 4
[roi.tuned]
price_input = 1
price_output = 4
"""


@pytest.fixture
def hosted(tmp_path: Path, pairs_file: Path, style_file: Path):
    """Writes the project file of variants at `url`; the project's folder."""

    def write(url: str, *, more: str = "", money: str = MONEY) -> Path:
        (tmp_path / "guide.txt").write_text("Write a label: Box with a COLOUR THING, WEIGHT.", encoding="utf-8")
        (tmp_path / "tuneworth.toml").write_text(PROJECT.format(url=url, more=more) + money, encoding="utf-8")
        return tmp_path

    return write


def the_run(project: Path) -> Path:
    (run,) = (project / "runs").iterdir()
    return run


def outputs_of(run: Path) -> list[dict[str, Any]]:
    """What the run's outputs say, but for the seconds."""
    lines = [json.loads(line) for line in (run / "evaluate" / "outputs.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.slow
def test_a_project_of_endpoints_goes_from_pairs_to_a_verdict(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        done = command("run", project, "--json")
    assert done.code == 0, done.err
    assert done.json["quality"]["tuned"]["n"] == 12
    assert done.json["quality"]["tuned"]["acceptable"]["share"] == 1
    assert done.json["quality"]["prompted"]["acceptable"]["share"] < 1
    assert done.json["money"]["saving_per_request"] > 0
    results = json.loads((the_run(project) / "results.json").read_text())
    assert results["variants"]["prompted"]["source"] == results["variants"]["tuned"]["source"] == "endpoint"
    # Nine words of guide and the example's fifteen, counted by the endpoint with the full stop's own taken off.
    assert results["tokens"]["prompted"]["fixed"] > results["tokens"]["tuned"]["fixed"] == 0
    assert results["validity"] == []
    assert not (the_run(project) / "train").exists()
    assert "127.0.0.1 gets 28 requests" in done.err
    assert "evaluate: 28 requests sent to endpoints; the answers cost" in done.err


@pytest.mark.slow
def test_what_models_here_need_is_said_before_an_endpoint_is_paid(command, hosted, monkeypatch):
    monkeypatch.setattr("tuneworth.project.load.find_spec", lambda name: None if name == "torch" else name)
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        file = project / "tuneworth.toml"
        file.write_text(file.read_text().replace('["prompted", "tuned"]', '["plain", "prompted", "tuned"]'))
        assert command("curate", project).code == 0
        done = command("evaluate", project)
    assert (done.code, server.requests) == (2, [])
    assert '"plain": a model on this machine generates these outputs, which needs torch\n' in done.err
    assert "only those that have outputs or an endpoint" in done.err


@pytest.mark.slow
def test_a_second_evaluation_asks_for_nothing_and_says_the_same(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url)
        first = command("run", project, "--json").json
        server.requests.clear()
        second = command("evaluate", project, "--json")
        assert second.code == 0, second.err
        assert server.requests == []
    assert second.json["quality"] == first["quality"]
    assert "requests" not in second.err


BASE_INSTALL = """
import sys

HEAVY = {"torch", "transformers", "peft", "datasets", "accelerate", "safetensors", "tokenizers"}


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"not in the base install: {name}", name=name)


sys.meta_path.insert(0, Blocked())
from tuneworth.cli import main

main(sys.argv[1:])
"""


@pytest.mark.slow
def test_the_base_install_is_enough(hosted):
    with EndpointServer(labels) as server:
        words = [sys.executable, "-c", BASE_INSTALL, "run", str(hosted(server.url)), "--json"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["quality"]["tuned"]["n"] == 12


def test_a_missing_key_is_found_before_anything_is_curated(command, hosted, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with EndpointServer(labels) as server:
        project = hosted(server.url, money='key_env = "NO_SUCH_KEY"\n' + MONEY)
        done = command("run", project)
        assert server.requests == []
    assert done.code == 2
    assert "NO_SUCH_KEY" in done.err
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_the_key_goes_to_the_endpoint_and_nowhere_else(command, hosted, monkeypatch):
    monkeypatch.setenv("TUNED_KEY", "sk-secret-of-the-test")
    with EndpointServer(labels) as server:
        project = hosted(server.url, money='key_env = "TUNED_KEY"\n' + MONEY)
        done = command("run", project, "--debug")
        sent = {asked.headers.get("authorization") for asked in server.requests if asked.body["model"] != "base"}
        assert {asked.headers.get("authorization") for asked in server.requests} - sent == {None}
    assert sent == {"Bearer sk-secret-of-the-test"}
    left = b"".join(path.read_bytes() for path in project.rglob("*") if path.is_file())
    assert b"sk-secret" not in left + (done.out + done.err).encode()


@pytest.mark.slow
def test_personal_data_is_held_back_unless_allowed(command, hosted, pairs_file):
    rows = [pair(n) for n in range(60)]
    for row in rows:
        row["input"]["contact"] = f"{row['id']}.byron@engines.example"
    pairs_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    far = "https://api.example.com/v1"
    project = hosted(far)
    done = command("run", project)
    assert done.code == 2
    assert "personal data would be sent to api.example.com" in done.err
    assert "Nothing was sent" in done.err
    assert "byron" not in done.err
    hosted(far, more='personal_data = "allow"')
    assert command("evaluate", project, "--dry-run").code == 0
    hosted(far, more="[curate]\nmask = true")
    assert command("curate", project).code == 0
    assert command("evaluate", project, "--dry-run").code == 0


@pytest.mark.slow
def test_the_cost_limit_stops_in_time_and_a_higher_one_goes_on(command, hosted):
    with EndpointServer(labels) as server:
        project = hosted(server.url, more="max_cost = 0.0016")
        done = command("run", project)
        assert done.code == 3, done.err
        assert "max_cost" in done.err
        assert "of 24 outputs are kept" in done.err
        sent = len(server.requests)
        assert 4 < sent < 28
        hosted(server.url, more="max_cost = 1")
        done = command("evaluate", project, "--json")
        assert done.code == 0, done.err
        assert len(server.requests) == 28
    assert done.json["quality"]["tuned"]["n"] == 12


def test_a_cost_limit_without_prices_is_refused_before_anything_is_curated(command, hosted):
    project = hosted("https://api.example.com/v1", more="max_cost = 1", money="")
    done = command("run", project)
    assert done.code == 2
    assert "max_cost needs a price" in done.err
    assert len(done.err.strip().splitlines()) <= 3
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_too_many_failures_make_the_comparison_invalid_and_the_next_run_mends_it(command, hosted):
    broken = {f"weight: {n} kg" for n in range(0, 60, 2)}

    def half(asked: Asked) -> Step:
        return (
            error(400, "no")
            if asked.body["model"] == "base" and asked.text.split("\n")[-1] in broken
            else labels(asked)
        )

    with EndpointServer(half) as server:
        project = hosted(server.url)
        done = command("run", project, "--json")
        assert done.code == 0, done.err
        assert done.json["verdict"]["decision"] == "fix first"
        assert "failed after all tries" in done.err
        quality = done.json["quality"]
        assert 0 < quality["prompted"]["unscored"] == 12 - quality["tuned"]["n"]
        broken.clear()
        server.requests.clear()
        done = command("evaluate", project, "--json")
        assert done.json["quality"]["prompted"]["unscored"] == 0
        assert 0 < len(server.requests) < 12
        assert {asked.body["model"] for asked in server.requests} == {"base"}


@pytest.mark.slow
def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(command, hosted):
    project = hosted("https://api.example.com/v1")
    assert command("curate", project).code == 0
    done = command("evaluate", project, "--dry-run")
    assert done.code == 0, done.err
    assert "prompted: base at api.example.com" in done.out
    assert "api.example.com gets 28 requests (prompted 15, tuned 13); about " in done.out
    told = command("evaluate", project, "--dry-run", "--json").json
    assert [(row["variant"], row["requests"], row["there"]) for row in told["variants"]] == [
        ("prompted", 15, 0), ("tuned", 13, 0),
    ]  # fmt: skip
    assert told["variants"][0]["cost"] > 0
    assert not (the_run(project) / "evaluate").exists()


# --- a bad day --------------------------------------------------------------------------------------------------

MANY = 100
SPLIT = "[curate]\nsplit = {train = 0.2, validation = 0.05, test = 0.75}\n"


def many_pairs(file: Path, count: int) -> None:
    file.write_text("".join(json.dumps(pair(n)) + "\n" for n in range(count)), encoding="utf-8")


def with_faults(seed: int) -> Callable[[Asked], Step]:
    """One request in five fails, each in a way of its own."""
    chance = random.Random(seed)
    faults = [
        error(429, headers={"Retry-After": "0"}), error(500), error(503), Step(cut_after=0), Step(cut_after=60),
        Step(body=b"<html>gateway</html>"), Step(body=b'{"choices": ['),
    ]  # fmt: skip

    def answer(asked: Asked) -> Step:
        good = labels(asked)
        return good if chance.random() > 0.2 else faults[asked.number % len(faults)]

    return answer


@pytest.mark.slow
def test_three_hundred_requests_with_many_faults_lose_no_output_and_repeat_none(command, hosted, pairs_file):
    many_pairs(pairs_file, 200)
    with EndpointServer(with_faults(1)) as server:
        project = hosted(server.url, more=SPLIT)
        done = command("run", project, "--json")
        assert done.code == 0, done.err
        wanted = {text for text in server.succeeded if text != "."}
        # Two models, so each text twice.
        assert {server.succeeded[text] for text in wanted} == {2}
    table = outputs_of(the_run(project))
    assert len(table) == 2 * len(wanted) >= 280
    assert all(line["output"] for line in table)
    assert done.json["quality"]["tuned"]["unscored"] == 0


# Starting Python with all that is imported takes seconds, so one process gets ready and each evaluation is a fork of it.
NURSERY = """
import os, sys
from tuneworth.cli import main
import tuneworth.cli.evaluate, tuneworth.project.evaluation.evaluate, tuneworth.project.gather.requests
import tuneworth.evaluate.endpoints.remote, tuneworth.evaluate.endpoints.endpoint, tuneworth.reports, httpx2

for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # its answer is in the run folder
        try:
            main(["evaluate", line.strip(), "--quiet"])
        except SystemExit as left:
            os._exit(left.code)
        os._exit(9)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def nursery() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.slow
def test_a_process_killed_at_random_moments_comes_to_the_same(command, hosted, pairs_file):
    many_pairs(pairs_file, MANY)
    chance = random.Random(0)
    with EndpointServer(labels) as server:
        project = hosted(server.url, more=SPLIT)
        assert command("run", project).code == 0
        run = the_run(project)
        unbroken, results = outputs_of(run), json.loads((run / "results.json").read_text())
        answers = run / "evaluate" / "answers.jsonl"
        total = len(answers.read_text().splitlines())
        for file in (answers, run / "results.json", run / "evaluate" / "outputs.jsonl"):
            file.unlink()
        faulty, kills, repeated = with_faults(2), 0, 0
        server.behave = lambda asked: Step(**{**vars(faulty(asked)), "wait": 0.03})
        with nursery() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for left in range(6, -1, -1):
                kept = known(answers)
                server.requests.clear()
                print(project, file=process.stdin, flush=True)
                child = int(process.stdout.readline())
                if left:  # ever nearer to the end, and some before the first request or after the last
                    until = chance.randint(0, max(1, 2 * (total - len(kept)) // left))
                    pause = chance.uniform(0, 0.04)
                    with suppress(ProcessLookupError, FileNotFoundError):  # it may end while it is looked at
                        wait_for(lambda until=until: len(server.requests) >= until, child)
                        time.sleep(pause)
                        os.kill(child, signal.SIGKILL)
                code = int(process.stdout.readline())
                kills += code == -signal.SIGKILL
                asked = {(request.body["model"], request.text) for request in server.requests}
                repeated += len(asked & kept)
            assert code == 0, process.stderr
    assert kills >= 4
    assert repeated == 0
    assert outputs_of(run) == unbroken
    again = json.loads((run / "results.json").read_text())
    assert again["quality"] == results["quality"]
    assert again["verdict"] == results["verdict"]


def known(answers: Path) -> set[tuple[str, str]]:
    """Model and request of every whole answer in the file."""
    found = set()
    for line in answers.read_text().splitlines() if answers.exists() else ():
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if answer["id"] is not None:
            fields = pair(int(answer["id"][1:]))["input"]
            found.add((answer["asked"], "\n".join(f"{key}: {value}" for key, value in fields.items())))
    return found


def wait_for(happened: Callable[[], bool], child: int, seconds: float = 20) -> None:
    """Until it happened, or the process is gone."""
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.005)
