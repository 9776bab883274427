"""An afternoon at the keyboard: 75 decisions in one go, the server killed between, and a new run that has each of them."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tuneworth.project import Run, curate_project

from ..reports.chromium import Window
from .served import serving
from .small_runs import curated, ledger_of, pair, plain_pairs
from .workbench import Workbench, open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow(25)]

DECISIONS = 75
KILLED = (19, 40, 41, 60, 74)  # the decisions at which the server is killed, as soon as the key is pressed
LONG = "a sentence that goes on and on without saying much about the part that it is for"


def test_75_decisions_by_keyboard_alone_survive_kills_and_are_in_the_next_ledger(
    window: Window, tmp_path: Path
) -> None:
    rejected = [pair(n, f"Socket {n}: {LONG} and {LONG}", maker=f"maker-{n}") for n in range(500, 610)]
    project = curated(tmp_path / "parts", [*plain_pairs(), *rejected]).project.folder
    pressed: dict[str, str] = {}
    with ExitStack() as running:
        served = running.enter_context(serving(project, "--who", "Ada"))
        bench = open_page(window, served, "#queue/rejected")
        for number in range(DECISIONS):
            key = "1xw"[number % 3]
            address = bench.row()
            pressed[bench.page.locator(".side .id bdi").first.inner_text()] = key
            if number not in KILLED:
                bench.decide(key)
                bench.leaves(address)
                continue
            bench.press(key)
            served.kill()
            served = running.enter_context(serving(project, "--who", "Ada", "--port", served.origin.rsplit(":", 1)[1]))
            _go_on(bench, served.address)
    lines = [json.loads(line) for line in (project / "overrides.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(pressed) == DECISIONS, "each decision is one line, also those whose answer was lost"
    assert {line["id"]: line["decision"] for line in lines} == {id: _decision(key) for id, key in pressed.items()}
    _in_the_ledger(curate_project(project), pressed)


def _go_on(bench: Workbench, address: str) -> None:
    """Open the new address in the same tab, and wait until what was kept there is saved."""
    bench.page.goto(address + "#queue/rejected")
    bench.row()
    bench.until("document.querySelectorAll('#troubles .trouble').length === 0")
    # A decision that was saved just before the kill is not shown again; one that was kept moves on once it is saved.
    bench.until("document.querySelector('#view .item .decided') === null")


def _decision(key: str) -> str:
    return "drop" if key == "x" else "keep"


def _in_the_ledger(run: Run, pressed: dict[str, str]) -> None:
    """Each decision has its outcome in the new run."""
    ledger = ledger_of(run)
    found = {id: ledger[id]["outcome"] for id in pressed}
    assert found == {id: "decided" if key == "x" else "kept" for id, key in pressed.items()}
