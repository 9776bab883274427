"""The kinds that need more than curating: leaks by meaning, losses, outputs unlike their reference, failing references."""

import json
import statistics
from pathlib import Path

import pytest
from rapidfuzz.distance import Indel

from tuneworth.core import ConfigError
from tuneworth.review import Item, Judging, Queue

from .small_runs import (
    again,
    all_kinds,
    curated,
    evaluated,
    latest,
    ledger_of,
    lines_of,
    pair,
    plain_pairs,
    with_losses,
)

WHEN = "2026-01-02T03:04:05.678Z"


def items(queue: Queue, kind: str) -> list[Item]:
    return [queue.item(kind, entry.key, {}) for entry in queue.entries(kind, {}, start=0, limit=1000).entries]


def test_losses_beyond_the_fence_are_shown_the_highest_first(tmp_path: Path):
    run = curated(tmp_path / "parts", plain_pairs())
    ids = [*lines_of(run, "train")]
    losses = {id: 1 + n / 100 for n, id in enumerate(ids)} | {ids[3]: 4.0, ids[7]: 9.5, ids[5]: None}
    found = items(Queue(with_losses(run, losses)), "loss")
    known = [loss for loss in losses.values() if loss is not None]
    lower, _, upper = statistics.quantiles(known, n=4, method="inclusive")
    fence = upper + 1.5 * (upper - lower)
    above = sorted((id for id, loss in losses.items() if loss is not None and loss > fence), key=lambda id: -losses[id])
    assert [item.sides[0].id for item in found] == above == [ids[7], ids[3]]
    assert found[0].reason == f"Its loss is 9.50 per token; three in four train pairs have at most {upper:.2f}."


def test_equal_losses_stand_out_nowhere(tmp_path: Path):
    run = curated(tmp_path / "parts", plain_pairs())
    assert items(Queue(with_losses(run, dict.fromkeys(lines_of(run, "train"), 1.0))), "loss") == []


@pytest.mark.slow
def test_outputs_that_are_right_and_unlike_the_reference_come_least_similar_first(tmp_path: Path):
    run = curated(tmp_path / "parts", plain_pairs(60))
    test = {id: line["output"] for id, line in lines_of(run, "test").items()}
    names = [*test]
    outputs = dict(test) | {
        names[0]: "Something else",
        names[1]: "Quite another text.",
        names[2]: test[names[2]] + " x",
    }
    outputs[names[3]] = "Yet another thing altogether and no more"
    run = evaluated(run, outputs)
    found = items(Queue(run), "unlike")
    likeness = {id: Indel.normalized_similarity(test[id].lower(), outputs[id].lower()) for id in (names[0], names[3])}
    assert [item.sides[0].id for item in found] == sorted(likeness, key=lambda id: likeness[id])
    for item in found:
        one, other = item.sides
        assert (one.text, other.text) == (test[one.id], outputs[one.id])
        assert other.row is None
        assert f"{likeness[one.id]:.2f}" in item.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "outcome"), [("keep", "kept"), ("use", "kept"), ("drop", "decided"), ("edit", "kept")]
)
def test_a_new_run_obeys_what_was_decided_about_a_reference(tmp_path: Path, action, outcome):
    run = curated(tmp_path / "parts", plain_pairs(60))
    test = {id: line["output"] for id, line in lines_of(run, "test").items()}
    run = evaluated(run, test | {next(iter(test)): "Something else"})
    queue = Queue(run)
    (item,) = items(queue, "unlike")
    made = queue.decisions(item, action, text="By hand" if action == "edit" else None, who="ann", when=WHEN)
    (count,) = (count for count in queue.counts(latest(made)) if count.kind == "unlike")
    assert (count.left, count.decided) == (0, 1)
    done = again(run, made)
    id = item.sides[0].id
    assert ledger_of(done)[id]["outcome"] == outcome
    if outcome == "kept":
        text = {"use": "Something else", "edit": "By hand"}.get(action, test[id])
        assert lines_of(done, "test")[id]["output"] == text


@pytest.mark.slow
def test_references_that_break_a_rule_say_which_and_are_ordered_by_it(tmp_path: Path):
    run = curated(tmp_path / "parts", [*all_kinds(), *[pair(n, f"Lamp {n} for {n * 7} V.") for n in range(200, 260)]])
    failing = {id for id, line in lines_of(run, "test").items() if not line["reference_ok"]}
    queue = Queue(run)
    found = items(queue, "reference")
    assert {item.sides[0].id for item in found} == failing
    assert all(item.rules and item.reason == item.sides[0].notes[0] for item in found)
    queue.measure()
    rules = [item.rules[0] for item in items(queue, "reference")]
    assert sorted(rules, key=lambda rule: -rules.count(rule)) == rules
    assert {item.key for item in items(queue, "reference")} == {item.key for item in found}


@pytest.mark.slow
def test_an_accepted_repair_of_a_reference_makes_it_a_good_one(tmp_path: Path):
    run = curated(tmp_path / "parts", [*plain_pairs(), *[pair(n, f"Lamp {n} for {n * 7} V.") for n in range(200, 230)]])
    queue = Queue(run)
    item = next(item for item in items(queue, "reference") if item.repair is not None)
    done = again(run, queue.decisions(item, "accept", who="ann", when=WHEN))
    line = lines_of(done, "test")[item.sides[0].id]
    assert line["reference_ok"]
    assert line["output"] + "." == item.sides[0].text
    assert item.sides[0].id not in {item.sides[0].id for item in items(Queue(done), "reference")}


@pytest.mark.slow
def test_leaks_are_those_that_the_summary_lists_at_its_threshold(tmp_path: Path):
    run = curated(tmp_path / "parts", plain_pairs(60))
    train, test = [*lines_of(run, "train")], [*lines_of(run, "test")]
    rows = [
        {"id": test[n], "split": "test", "train_id": train[n], "similarity": 0.9 - n / 10, "same_output": n == 0}
        for n in range(3)
    ]
    file = run.folder / "curate" / "summary.json"
    for threshold, expected in ((0.8, 2), (None, 3)):
        summary = run.curation | {"meaning": {"model": "m", "threshold": threshold, "rows": rows}}
        file.write_text(json.dumps(summary), encoding="utf-8")
        found = items(Queue(run), "leak")
        assert [tuple(side.id for side in item.sides) for item in found] == [
            (train[n], test[n]) for n in range(expected)
        ]
    item = found[0]
    assert item.reason == f'Means nearly the same as "{test[0]}" of test (cosine 0.90), which has the same output.'
    queue = Queue(run)
    for action, outcome in (("keep", ("kept", "train")), ("move", ("kept", "test")), ("drop", ("decided", None))):
        done = again(run, queue.decisions(item, action, who="ann", when=f"{WHEN}{action}"))
        row = ledger_of(done)[train[0]]
        assert (row["outcome"], row["split"]) == outcome


def test_a_run_that_was_only_curated_has_no_items_of_later_stages(tmp_path: Path):
    kinds = {count.kind for count in Queue(curated(tmp_path / "parts", all_kinds())).counts({})}
    assert kinds & {"leak", "loss", "unlike", "disagreement"} == set()


@pytest.mark.slow
def test_a_third_judgement_settles_what_two_people_see_differently(tmp_path: Path):
    run = curated(tmp_path / "parts", plain_pairs(60))
    test = {id: line["output"] for id, line in lines_of(run, "test").items()}
    run = evaluated(run, {id: text + " as well" for id, text in test.items()})
    id, other = [*test][:2]
    judging, queue = Judging(run), Queue(run)
    assert items(queue, "disagreement") == []
    for name, wanted in (("ann", " as well"), ("bo", "")):
        for asked, want in ((id, wanted), (other, "")):
            shown = judging.request(name, asked)
            judging.judge(name, asked, next(side for side in ("left", "right") if shown[side] == test[asked] + want))
    (item,) = items(queue, "disagreement")
    assert {side.text for side in item.sides} == {test[id], test[id] + " as well"}
    assert queue.entries("disagreement", {}, start=0, limit=9).entries[0].title.startswith(f"{id}: Describe relay")
    assert item.reason == "2 people judged this request, and they prefer different outputs."
    with pytest.raises(ConfigError, match="settled by another judgement"):
        queue.decisions(item, "left")
    assert queue.likes(item, {}) == []
    judging.settle("cleo", id, "left")
    (count,) = (count for count in queue.counts({}) if count.kind == "disagreement")
    assert (count.count, count.left, count.decided) == (1, 0, 1)


@pytest.mark.slow
def test_mispaired_rows_stand_next_to_the_request_that_fits_the_least_fitting_first(tmp_path: Path):
    pairs = plain_pairs(500)
    for one, other in ((10, 150), (40, 90), (60, 121), (75, 180), (33, 166)):
        pairs[one]["output"], pairs[other]["output"] = pairs[other]["output"], pairs[one]["output"]
    run = curated(tmp_path / "parts", pairs)
    listed = {id: row for id, row in ledger_of(run).items() if row["rule"] == "quality:mispaired"}
    queue = Queue(run)
    found = items(queue, "mispaired")
    assert [item.sides[0].id for item in found] == sorted(listed, key=lambda id: listed[id]["similarity"])
    assert len(found) >= 8
    for item in found:
        assert item.sides[1].id == listed[item.sides[0].id]["other_id"]
        assert item.reason == f'Its output fits the request of "{item.sides[1].id}" better.'
    (drop,) = queue.decisions(found[0], "drop")
    assert drop.id == found[0].sides[0].id
    assert queue.counts({drop.id: drop})[0].left == len(found) - 1
    assert again(run, [drop]).curation["outcomes"]["decided"] == 1
