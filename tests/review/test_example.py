"""The shipped example: its conflicts decided one after the other, and obeyed by the next run."""

import shutil
from pathlib import Path

import pytest

from tuneworth.curate import Override
from tuneworth.project import curate_project
from tuneworth.review import Item, Queue

from .small_runs import again, latest, ledger_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "components"


@pytest.mark.slow
def test_every_conflict_of_the_example_is_decided_and_obeyed(tmp_path: Path):
    folder = shutil.copytree(EXAMPLE, tmp_path / "components", ignore=shutil.ignore_patterns("runs"))
    run = curate_project(folder)
    queue, made = Queue(run), list[Override]()
    named = {id: row["other_id"] for id, row in ledger_of(run).items() if row["outcome"] == "conflict"}
    while (key := queue.first("conflict", latest(made))) is not None:
        item = queue.item("conflict", key, latest(made))
        made += queue.decisions(item, "left", who="ann", when=f"2026-01-01T00:00:{len(made):09.6f}Z")
    # A row may be left alone only because what it contradicts is dropped.
    untouched = named.keys() - {one.id for one in made}
    assert {latest(made)[named[id]].decision for id in untouched} <= {"drop"}
    assert len(named) == 86
    done = again(run, made)
    decided, ledger = latest(made), ledger_of(done)
    outcomes = {"keep": "kept", "drop": "decided"}
    assert {id: ledger[id]["outcome"] for id in decided} == {id: outcomes[one.decision] for id, one in decided.items()}
    still = [item.sides for item in waiting_items(Queue(done), "conflict", decided)]
    assert all({side.id for side in sides} & untouched for sides in still)


def waiting_items(queue: Queue, kind: str, decided: dict[str, Override]) -> list[Item]:
    """The items of a kind that wait."""
    entries = queue.entries(kind, decided, start=0, limit=1000, left=True).entries
    return [queue.item(kind, entry.key, decided) for entry in entries]
