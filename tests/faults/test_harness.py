"""The harness itself: it counts the faults that it injected, and reports what they leave."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .harness import find_problems
from .situation import Situation
from .trees import partial_file_problems


def command(write: Callable[[int], None]) -> Callable[[], int]:
    """A command that calls `write` with the number of its run, and reports errors of the disk as a command does."""
    runs: list[int] = []

    def act() -> int:
        runs.append(len(runs))
        try:
            write(runs[-1])
        except OSError as error:
            print(f"tuneworth: {error}", file=sys.stderr)
            return 3
        return 0

    return act


def write_whole() -> None:
    Path("file.part").write_text("text", encoding="utf-8")
    Path("file.part").replace("file")


@pytest.mark.slow
def test_a_command_that_writes_atomically_has_no_problems(tmp_path: Path) -> None:
    coverage, problems = find_problems(
        Situation("atomic", command(lambda run: write_whole()), lambda folder: None), tmp_path, most=None, seed=0
    )
    assert problems == []
    assert coverage.faults == 2 * coverage.steps.total()


@pytest.mark.slow
def test_a_file_that_is_written_in_place_is_reported_as_half_written(tmp_path: Path) -> None:
    def write_in_place(run: int) -> None:
        Path("file").write_text("text", encoding="utf-8")

    situation = Situation("in place", command(write_in_place), lambda folder: None)
    _, problems = find_problems(situation, tmp_path, most=None, seed=0)
    assert any("leaves file half-written" in problem for problem in problems)


@pytest.mark.slow
def test_a_step_that_a_run_does_not_reach_is_not_counted_as_a_fault(tmp_path: Path) -> None:
    def fewer(run: int) -> None:
        for _ in range(2 if run == 0 else 1):
            write_whole()

    coverage, problems = find_problems(
        Situation("shorter", command(fewer), lambda folder: None), tmp_path, most=None, seed=0
    )
    assert problems == []
    assert coverage.faults == coverage.steps.total()


@pytest.mark.parametrize(
    ("left", "is_problem"),
    [
        (b"one\n", False),
        (b"one\ntw", False),
        (b"one\n\0wo\nthree\n", False),
        (b"one\n2\nthree\n", True),
        (b"\0ne\nt", False),
        (b"o\0e\n", True),
    ],
)
def test_decisions_may_end_with_a_batch_that_is_not_yet_valid(left: bytes, is_problem: bool) -> None:
    situation = Situation("decide", (), lambda folder: None, appends=("overrides.jsonl",))
    name, whole = "overrides.jsonl", b"one\ntwo\nthree\n"
    assert bool([*partial_file_problems({name: left}, {}, {name: whole}, situation)]) == is_problem
