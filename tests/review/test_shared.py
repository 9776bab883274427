"""Items like one another: those that share a rule, a group, a field or a repair, and wait."""

import pytest

from tuneworth.project import Run
from tuneworth.review import Queue

from .small_runs import all_kinds, curated, latest, ledger_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that repairs outputs."""
    return curated(tmp_path_factory.mktemp("likeness") / "parts", all_kinds(), curate="fix = 'safe'")


def keys(queue: Queue, kind: str, made=()) -> list[str]:
    return [entry.key for entry in queue.entries(kind, latest(made), start=0, limit=1000, left=True).entries]


@pytest.mark.slow
def test_what_items_share_is_counted_over_those_that_wait(run):
    queue = Queue(run)
    queue.measure()
    made = queue.decisions(queue.item("rejected", keys(queue, "rejected")[0], {}), "drop")
    waiting = {key: queue.item("rejected", key, {}) for key in keys(queue, "rejected", made)}
    for key, item in waiting.items():
        for like in queue.likes(item, latest(made)):
            if like.by == "rule":
                expected = [
                    k for k, other in waiting.items() if ledger_of(run)[other.sides[0].id]["rule"] == like.value
                ]
            elif like.by == "group":
                expected = [k for k, other in waiting.items() if other.sides[0].group == like.value]
            else:
                name = like.by.removeprefix("field:")
                expected = [k for k, other in waiting.items() if (other.sides[0].meta or {}).get(name) == like.value]
            assert queue.sharing("rejected", like.by, like.value, latest(made)) == expected
            assert like.count == len(expected) > 1
            assert key in expected
    assert {"rule"} <= {like.by for item in waiting.values() for like in queue.likes(item, latest(made))}


def test_rows_that_were_changed_in_the_same_way_are_alike_by_their_repair(run):
    queue = Queue(run)
    repaired = keys(queue, "repair")
    likes = {like.by: like for like in queue.likes(queue.item("repair", repaired[0], {}), {})}
    assert likes["repair"].label == 'no-stop: removed "."'
    assert queue.sharing("repair", "repair", likes["repair"].value, {}) == repaired
    assert likes["rule"].label == "are repaired by no-stop"


@pytest.mark.slow
def test_many_items_at_once_decide_what_each_of_them_decides(run):
    queue = Queue(run)
    for kind, action in (
        ("repair", "accept"),
        ("rejected", "wrong"),
        ("conflict", "right"),
        ("near_duplicate", "keep"),
    ):
        every = keys(queue, kind)
        together = [made for item in queue.bulk(kind, every, {}) for made in queue.decisions(item, action, why="alike")]
        single = [made for key in every for made in queue.decisions(queue.item(kind, key, {}), action, why="alike")]
        assert together == single != []


def test_many_items_keep_the_order_in_which_they_are_named(run):
    queue = Queue(run)
    every = keys(queue, "rejected")[::-1]
    assert [item.key for item in queue.bulk("rejected", every, {})] == every
