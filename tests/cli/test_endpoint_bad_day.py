"""A thousand requests on a bad day: one in five fails, the process is killed again and again, and money is short."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import pytest

from ..conftest import pair
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion, error
from .test_endpoint import MONEY, PROJECT, outputs_of, the_run

PAIRS = 660
SPLIT = "[curate]\nsplit = {train = 0.2, validation = 0.03, test = 0.77}\n"
WAITS = "seconds_per_call = 3\nconcurrency = 8\n"
KILLS = 6
LIMITS = (Decimal("0.05"), Decimal("0.1"), Decimal(1))  # in EUR; the first two are too low for all requests
LINES = {f"weight: {n} kg": pair(n)["output"] for n in range(PAIRS)}

# Starting Python with all that is imported takes seconds, so one process gets ready and each evaluation is a fork of it.
NURSERY = """
import os, sys
from tuneworth.cli import main
import tuneworth.cli.evaluate, tuneworth.project.evaluation.evaluate, tuneworth.project.gather.gathering
import tuneworth.evaluate.endpoints.remote, tuneworth.evaluate.endpoints.client, tuneworth.reports, httpx2

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


class Provider:
    """Answers a request with its label, one in five badly, and bills all that a provider may bill.

    What it lost is billed at the most that was asked for: a token for each byte, and all tokens of the limit.
    """

    def __init__(self, seed: int) -> None:
        self.chance, self.bill, self.seen = random.Random(seed), Decimal(0), Counter[str]()

    def __call__(self, asked: Asked) -> Step:
        text = LINES.get(asked.text.rpartition("\n")[2], "?")
        sent, wrote = sum(len(m["content"].split()) for m in asked.body["messages"]), len(text.split())
        usage = {"prompt_tokens": sent, "completion_tokens": wrote, "total_tokens": sent + wrote}
        good = Step(body=completion(text, usage=usage), wait=0.03)
        if self.chance.random() > 0.2:
            self.charge(sent, wrote)
            return good
        unbilled: dict[str, Step] = {
            "429": error(429, headers={"Retry-After": "0"}), "429 alone": error(429), "500": error(500), "503": error(503),
        }  # fmt: skip
        billed: dict[str, Step] = {
            "unanswered": Step(cut_after=0), "cut": Step(body=good.body, cut_after=150), "no JSON": Step(body=b'{"ch'),
            "reset": Step(body=good.body, cut_after=150, reset=True), "504": error(504), "a list": Step(body=[1]),
            "not UTF-8": Step(body=b"\xff"), "broken gzip": Step(body=b"x", headers={"Content-Encoding": "gzip"}),
            "an event": Step(body=b"data: {}"), "hangs": Step(body=good.body, wait=9), "twice": Step(body=good.body, twice=True),
        }  # fmt: skip
        kind = self.chance.choice([*unbilled, *billed])
        self.seen[kind] += 1
        if kind == "twice":
            self.charge(sent, wrote)
        elif kind in billed:
            size = sum(len(message["content"].encode()) + 16 for message in asked.body["messages"])
            self.charge(size, asked.body["max_tokens"])
        return (unbilled | billed)[kind]

    def charge(self, sent: int, wrote: int) -> None:
        """Add the tokens at the prices of MONEY."""
        self.bill += (sent * 1 + wrote * 4) / Decimal(10**6)


@pytest.mark.slow(30)
def test_a_thousand_requests_with_faults_and_kills_lose_none_and_pass_no_limit(command, tmp_path, style_file):
    provider, chance = Provider(seed=3), random.Random(0)
    with EndpointServer(provider) as server:
        project = bad_project(tmp_path, server.url)
        assert command("curate", project).code == 0
        answers = the_run(project) / "evaluate" / "answers.jsonl"
        codes, repeated, stopped = Counter[int](), 0, []
        with nursery() as process:
            for limit in LIMITS:
                set_limit(project, limit)
                for left in range(KILLS // len(LIMITS), -1, -1):
                    kept = known(answers)
                    server.requests.clear()
                    child = start(process, project)
                    until = chance.randint(0, 250)
                    if left:
                        kill_at(child, lambda until=until: len(server.requests) >= until)
                    code = ended(process)
                    codes[code] += 1
                    repeated += len({asked_of(request) for request in server.requests} & kept)
                    assert provider.bill <= limit
                stopped.append(code)
    assert stopped == [3, 3, 0]  # money ran short twice, then all was answered
    assert codes[-signal.SIGKILL] >= KILLS - 2
    assert repeated == 0
    table = outputs_of(the_run(project))
    assert len(table) >= 1000
    assert {line["output"] for line in table} <= set(LINES.values())
    assert all(LINES[f"weight: {line['id'][1:]} kg"] == line["output"] for line in table)
    lines = [json.loads(line)["key"] for line in answers.read_text().splitlines()]
    assert len(lines) == len(set(lines)) == len(table) + 4
    assert provider.bill > LIMITS[1]
    assert len(provider.seen) == 15
    results = json.loads((the_run(project) / "results.json").read_text())
    assert results["quality"]["tuned"]["unscored"] == results["quality"]["prompted"]["unscored"] == 0


def bad_project(folder: Path, url: str) -> Path:
    rows = "".join(json.dumps(pair(n)) + "\n" for n in range(PAIRS))
    (folder / "pairs.jsonl").write_text(rows, encoding="utf-8")
    (folder / "guide.txt").write_text("Write a label: Box with a COLOUR THING, WEIGHT.", encoding="utf-8")
    endpoints = PROJECT.format(url=url, more="max_cost = 1\n" + SPLIT).replace("endpoint =", f"{WAITS}endpoint =")
    (folder / "tuneworth.toml").write_text(endpoints + MONEY, encoding="utf-8")
    return folder


def set_limit(project: Path, limit: Decimal) -> None:
    file = project / "tuneworth.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text(
        "\n".join(f"max_cost = {limit}" if line.startswith("max_cost") else line for line in lines), encoding="utf-8"
    )


@contextmanager
def nursery() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()


def start(process: subprocess.Popen[str], project: Path) -> int:
    """Start an evaluation; its process id."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(project, file=process.stdin, flush=True)
    return int(process.stdout.readline())


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code of the evaluation, once it has one."""
    assert process.stdout is not None
    return int(process.stdout.readline())


def kill_at(child: int, happened: Callable[[], bool], seconds: float = 120) -> None:
    """Kill a process once it happened, unless it is gone before."""
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def asked_of(request: Asked) -> tuple[str, str]:
    """Model and text of a request."""
    return request.body["model"], request.text


def known(answers: Path) -> set[tuple[str, str]]:
    """Model and text of every request with a whole answer in the file."""
    found = set()
    for line in answers.read_text().splitlines() if answers.exists() else ():
        with suppress(ValueError):
            answer = json.loads(line)
            if answer["id"] is not None:
                fields = pair(int(answer["id"][1:]))["input"]
                found.add((answer["asked"], "\n".join(f"{key}: {value}" for key, value in fields.items())))
    return found
