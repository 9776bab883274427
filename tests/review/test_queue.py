"""The queue of a run: what is in it, in which order, and what a decision does to the next run."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.curate import Override, contents_as_read
from tuneworth.project import Run, curate_pairs, curate_project
from tuneworth.review import KINDS, Item, Queue

from ..shared import unsealed
from .small_runs import (
    STYLE,
    again,
    all_kinds,
    conflicting_pairs,
    curated,
    latest,
    ledger_of,
    lines_of,
    pair,
    plain_pairs,
    relays,
    write_project,
)

WHEN = "2026-01-02T03:04:05.678Z"


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that repairs outputs."""
    return curated(tmp_path_factory.mktemp("safe") / "parts", all_kinds(), curate="fix = 'safe'")


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that repairs nothing."""
    return curated(tmp_path_factory.mktemp("off") / "parts", all_kinds())


def keys(queue: Queue, kind: str, made=(), **which) -> list[str]:
    return [entry.key for entry in queue.entries(kind, latest(made), start=0, limit=1000, **which).entries]


def items(queue: Queue, kind: str) -> list[Item]:
    return [queue.item(kind, key, {}) for key in keys(queue, kind)]


@pytest.mark.slow
def test_conflicts_are_the_pairs_that_the_ledger_names(safe):
    ledger = ledger_of(safe)
    named = {frozenset((id, row["other_id"])) for id, row in ledger.items() if row["outcome"] == "conflict"}
    found = [frozenset(side.id for side in item.sides) for item in items(Queue(safe), "conflict")]
    assert set(found) == named
    assert len(found) == len(named) == 3


def test_repairs_are_the_kept_rows_that_were_repaired(safe):
    fixed = {id: row["fixed"] for id, row in ledger_of(safe).items() if row["fixed"]}
    found = {item.sides[0].id: ", ".join(item.rules) for item in items(Queue(safe), "repair")}
    assert found == fixed
    assert fixed


def test_a_repaired_row_shows_its_output_before_and_after(safe):
    item = items(Queue(safe), "repair")[0]
    line = {**lines_of(safe, "train"), **lines_of(safe, "validation")}[item.sides[0].id]
    assert item.repair is not None
    assert item.repair.text == line["output"]
    assert "".join(text for text, _ in item.repair.before) == line["written"] == line["output"] + "."
    assert item.reason == ledger_of(safe)[item.sides[0].id]["evidence"]
    assert (".", "broken") in item.sides[0].output


@pytest.mark.slow
def test_rejected_rows_with_a_repair_move_to_the_repairs_once_they_are_measured(off):
    queue, ledger = Queue(off), ledger_of(off)
    invalid = {id: row["rule"] for id, row in ledger.items() if row["outcome"] == "invalid"}
    before = {count.kind: count for count in queue.counts({})}
    assert "repair" not in before
    assert before["rejected"].count == len(invalid)
    assert not before["rejected"].exact
    queue.measure()
    after = {count.kind: count for count in queue.counts({})}
    assert after["repair"].exact
    assert after["rejected"].exact
    repairs = {item.sides[0].id: item.repair.text for item in items(queue, "repair") if item.repair}
    assert repairs.keys() == {id for id, rule in invalid.items() if rule == "style:no-stop"}
    texts = lines_of(off, "set_aside")
    assert all(text + "." == texts[id]["output"] for id, text in repairs.items())
    rejected = {item.sides[0].id for item in items(queue, "rejected")}
    assert rejected == invalid.keys() - repairs.keys()
    assert rejected


@pytest.mark.slow
def test_the_address_of_a_rejected_row_stays_good_when_it_turns_out_to_have_a_repair(off):
    queue = Queue(off)
    every = keys(queue, "rejected")
    key = next(k for k in every if queue.item("rejected", k, {}).rules == ("no-stop",))
    queue.measure()
    left = keys(queue, "rejected")
    assert key not in left
    before = [k for k in every[: every.index(key)] if k in left]
    after = [k for k in every[every.index(key) :] if k in left]
    place = queue.place("rejected", key, {})
    assert place == (len(before) + 1, len(left), (before or [None])[-1], (after or [None])[0])
    assert queue.item("rejected", key, {}).repair == queue.item("repair", key, {}).repair is not None


def test_near_duplicates_are_those_just_above_the_threshold(safe):
    near = {id: row["similarity"] for id, row in ledger_of(safe).items() if row["rule"] == "near_duplicate"}
    border = {id for id, similarity in near.items() if similarity < 0.85}
    assert {item.sides[0].id for item in items(Queue(safe), "near_duplicate")} == border
    assert set() < border < near.keys()


@pytest.mark.slow
def test_the_list_has_as_many_entries_as_the_counts_say(off):
    queue = Queue(off)
    queue.measure()
    counts = queue.counts({})
    assert [count.kind for count in counts] == ["conflict", "repair", "rejected", "near_duplicate", "reference"]
    for count in counts:
        page = queue.entries(count.kind, {}, start=0, limit=2)
        assert page.total == count.count == len(keys(queue, count.kind))
        assert len(page.entries) == min(2, count.count)


def test_search_finds_ids_requests_and_outputs_whatever_the_case(safe):
    queue = Queue(safe)
    every = items(queue, "rejected")
    for text in ("SOCKET 121", "part-122", "relay-"):
        expected = [
            item.key
            for item in every
            if any(text.lower() in f"{s.id} {s.text} {''.join(t for t, _ in s.input)}".lower() for s in item.sides)
        ]
        assert keys(queue, "rejected", search=text) == expected != []
    assert keys(queue, "rejected", search="reference_ok") == []


def test_a_decided_pair_leaves_the_next_answer_to_the_same_request_waiting(safe):
    queue = Queue(safe)
    about = {key: queue.item("conflict", key, {}) for key in keys(queue, "conflict")}
    first, second = [key for key, item in about.items() if item.sides[0].id.startswith("part-101")]
    shared = {side.id for side in about[first].sides} & {side.id for side in about[second].sides}
    assert len(shared) == 1
    kept = "left" if about[first].sides[0].id in shared else "right"
    made = queue.decisions(about[first], kept, who="ann", when=WHEN)
    assert keys(queue, "conflict", made, left=True) == [key for key in about if key != first]
    dropped = queue.decisions(about[first], "left" if kept == "right" else "right", who="ann", when=WHEN)
    assert second not in keys(queue, "conflict", dropped, left=True)  # the row that it contradicts is gone


def test_one_answer_kept_by_itself_settles_what_contradicts_it(safe):
    queue = Queue(safe)
    item = items(queue, "conflict")[0]
    alone = queue.decisions(item, "both", when=WHEN)[:1]
    assert item.key not in keys(queue, "conflict", alone, left=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["conflict", "repair", "rejected", "near_duplicate"])
def test_a_decision_about_an_item_settles_that_item(safe, kind):
    queue = Queue(safe)
    for item in items(queue, kind):
        for action in item.actions:
            made = queue.decisions(item, action.name, text="Another text" if action.name == "edit" else None)
            assert item.key not in keys(queue, kind, made, left=True)
            count = next(count for count in queue.counts(latest(made)) if count.kind == kind)
            assert count.left == len(keys(queue, kind, made, left=True))
            assert count.left + count.decided == count.count


def test_a_decision_about_another_pair_with_the_same_id_settles_nothing(safe):
    queue = Queue(safe)
    item = items(queue, "rejected")[0]
    (made,) = queue.decisions(item, "keep")
    assert item.key not in keys(queue, "rejected", [made], left=True)
    assert item.key in keys(queue, "rejected", [replace(made, content="0" * 32)], left=True)


CONFLICT = {
    "left": ("kept", "decided"),
    "right": ("decided", "kept"),
    "both": ("kept", "kept"),
    "neither": ("decided",) * 2,
}


@pytest.mark.slow
@pytest.mark.parametrize("action", CONFLICT)
def test_a_new_run_obeys_what_was_decided_about_a_conflict(tmp_path: Path, action):
    run = curated(tmp_path / "parts", [*plain_pairs(), *conflicting_pairs(100, *relays(12, 24))])
    queue = Queue(run)
    (item,) = items(queue, "conflict")
    done = again(run, queue.decisions(item, action, who="ann", when=WHEN))
    ledger = ledger_of(done)
    assert tuple(ledger[side.id]["outcome"] for side in item.sides) == CONFLICT[action]
    found = done.curation["overrides"]
    assert (found["applied"], found["unmatched"], found["changed"]) == (2, [], [])
    assert keys(Queue(done), "conflict") == []


@pytest.mark.slow
def test_a_new_run_obeys_every_action_on_rejected_and_repairable_rows(off):
    queue = Queue(off)
    queue.measure()
    texts = {"edit": "A text by hand", "accept": None}
    waiting = {kind: items(queue, kind) for kind in ("repair", "rejected")}
    made, expected = [], {}
    for kind, every in waiting.items():
        offered = every[0].actions
        for item, action in zip(every, offered, strict=False):
            made += queue.decisions(item, action.name, text=texts.get(action.name), why="so it is", who="bo", when=WHEN)
            expected[item.sides[0].id] = (kind, item, action.name)
    done = again(off, made)
    ledger, kept = (
        ledger_of(done),
        {**lines_of(done, "train"), **lines_of(done, "validation"), **lines_of(done, "test")},
    )
    assert {name for _, _, name in expected.values()} >= {"keep", "drop", "edit", "wrong", "accept"}
    for id, (_, item, action) in expected.items():
        assert ledger[id]["outcome"] == ("decided" if action == "drop" else "kept")
        if action != "drop":
            text = {"accept": item.repair and item.repair.text, "edit": "A text by hand"}.get(
                action, item.sides[0].text
            )
            assert kept[id]["output"] == text
            assert kept[id]["reference_ok"]
    whys = {override.id: override.why for override in made}
    wrong = next(id for id, (_, _, action) in expected.items() if action == "wrong")
    assert whys[wrong] == f"{ledger_of(off)[wrong]['rule'].removeprefix('style:')} is wrong here: so it is"


@pytest.mark.slow
def test_a_row_that_was_edited_is_named_by_its_content_as_it_was_read(tmp_path: Path):
    run = curated(tmp_path / "parts", [*plain_pairs(), *conflicting_pairs(100, *relays(12, 24))])
    queue = Queue(run)
    (item,) = items(queue, "conflict")
    done = again(run, queue.decisions(item, "edit", text="Relay for 48 V", who="ann", when=WHEN))
    ledger = ledger_of(done)
    assert ledger[item.sides[0].id]["outcome"] == "kept"
    assert ledger[item.sides[1].id]["outcome"] == "decided"
    kept = {**lines_of(done, "train"), **lines_of(done, "validation"), **lines_of(done, "test")}[item.sides[0].id]
    assert kept["output"] == "Relay for 48 V"
    assert contents_as_read([kept], [])[0] == item.sides[0].content == ledger_of(run)[kept["id"]]["content"]


def test_an_action_that_does_not_fit_is_refused_with_those_that_do(safe):
    queue = Queue(safe)
    item = items(queue, "rejected")[0]
    with pytest.raises(ConfigError, match='"left" is not possible here'):
        queue.decisions(item, "left")
    with pytest.raises(ConfigError, match="the edited text is missing"):
        queue.decisions(item, "edit")


def test_every_item_offers_what_its_kind_offers_and_has_a_reason(safe):
    queue = Queue(safe)
    for kind in KINDS[:4]:
        for item in items(queue, kind.name):
            assert item.reason
            assert {action.name for action in item.actions} <= {action.name for action in kind.actions}


def test_an_unknown_item_is_a_key_error(safe):
    with pytest.raises(KeyError):
        Queue(safe).item("conflict", "1-2", {})
    with pytest.raises(KeyError):
        Queue(safe).entries("nothing", {}, start=0, limit=1)


def test_the_place_of_an_item_skips_what_is_decided(safe):
    queue = Queue(safe)
    every = keys(queue, "rejected")
    made = queue.decisions(queue.item("rejected", every[1], {}), "drop")
    assert queue.place("rejected", every[2], latest(made)) == (3, len(every), every[0], every[3])
    assert queue.place("rejected", every[2], latest(made), left=False) == (3, len(every), every[1], every[3])
    assert queue.first("rejected", latest(queue.decisions(queue.item("rejected", every[0], {}), "drop"))) == every[1]


RULES = """
name: parts
checks:
  - {id: no-stop, kind: punctuation, end: none}
  - {id: one-space, kind: vocabulary, level: should, preferred: {"rail": [RAIL]}}
  - {id: other-colour, kind: contradicts, field: colour}
"""


@pytest.mark.slow
def test_the_rule_that_is_wrong_is_the_must_rule_that_a_repair_was_made_for(tmp_path: Path):
    pairs = [*plain_pairs(), pair(100, "Part 3100 for the RAIL of board x.")]
    for fix in ("safe", "off"):
        run = curated(
            tmp_path / fix, pairs, curate=f"fix = '{fix}'", style=RULES.replace("  - {id: other", "#  - {id: other")
        )
        queue = Queue(run)
        queue.measure()
        (item,) = items(queue, "repair")
        assert item.repair is not None
        assert set(item.repair.rules) == {"no-stop", "one-space"}
        assert queue.decisions(item, "wrong")[0].why == "no-stop is wrong here"
        assert queue.bulk("repair", [item.key], {})[0].rules == item.rules == ("no-stop",)


@pytest.mark.slow
def test_a_refusal_is_marked_without_a_rule_about_it(tmp_path: Path):
    run = curated(
        tmp_path / "parts", [*plain_pairs(), pair(100, "I'm sorry, but I can't help with that request today")]
    )
    (item,) = items(Queue(run), "rejected")
    assert item.rules == ("refusal",)
    assert any(mark == "broken" and "sorry" in text for text, mark in item.sides[0].output)
    assert item.reason in item.sides[0].notes


@pytest.mark.slow
def test_a_value_that_contradicts_the_request_is_marked_once_all_values_are_known(tmp_path: Path):
    colours = ["red", "blue", "green"]
    pairs = [
        {**pair(n, f"Part {n * 31} in {colours[n % 3]} for rail {n * 17}"), "colour": colours[n % 3]} for n in range(45)
    ]
    pairs.append({**pair(100, "Part 3100 in blue for rail 1700"), "colour": "red"})
    folder = tmp_path / "parts"
    write_project(folder, pairs, style=RULES)
    settings = (
        (folder / "tuneworth.toml")
        .read_text(encoding="utf-8")
        .replace("'input'\noutput", "['input', 'colour']\noutput")
    )
    (folder / "tuneworth.toml").write_text(settings, encoding="utf-8")
    queue = Queue(curate_project(folder))
    (item,) = items(queue, "rejected")
    assert item.rules == ("other-colour",)
    queue.measure()
    (item,) = items(queue, "rejected")
    assert ("blue", "broken") in item.sides[0].output


@pytest.mark.slow
def test_a_run_of_a_file_is_marked_by_the_style_that_it_was_curated_with(tmp_path: Path):
    folder = write_project(tmp_path / "parts", all_kinds())
    out = tmp_path / "out"
    curate_pairs(
        folder / "pairs.jsonl", folder / "style.yaml", input="input", output="output", id="id", group="maker", out=out
    )
    queue = Queue(Run(out))
    queue.measure()
    (count,) = (count for count in queue.counts({}) if count.kind == "repair")
    assert count.count
    assert (".", "broken") in items(queue, "repair")[0].sides[0].output
    (folder / "style.yaml").unlink()
    item = items(Queue(Run(out)), "rejected")[0]
    assert item.reason
    assert {mark for _, mark in item.sides[0].output} == {""}


def in_parts(run: Run, parts: int) -> Run:
    """The run with each of its tables cut into so many files."""
    folder = run.folder / "curate"
    ledger = pl.read_parquet(folder / "ledger.parquet")
    bounds = [len(ledger) * n // parts for n in range(parts + 1)]
    pieces = [ledger[a:b] for a, b in pairwise(bounds)]
    for name in ("ledger", *FILES):
        (folder / name).mkdir()
    for n, piece in enumerate(pieces):
        piece.write_parquet(folder / "ledger" / f"part-{n:05d}.parquet")
        for name in FILES:
            lines = [line for line in lines_of(run, name).values() if line["row"] in set(piece["row"])]
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            (folder / name / f"part-{n:05d}.jsonl").write_text(text, encoding="utf-8")
    for path in (folder / "ledger.parquet", *(folder / f"{name}.jsonl" for name in FILES)):
        path.unlink()
    (folder / "summary.json").write_text(json.dumps(run.curation | {"parts": parts}))
    return Run(unsealed(run.folder))


FILES = ("train", "validation", "test", "set_aside")


@pytest.mark.slow
def test_a_run_in_parts_has_the_same_items(tmp_path: Path):
    run = curated(tmp_path / "parts", all_kinds(), curate="fix = 'safe'")
    whole = {kind.name: items(Queue(run), kind.name) for kind in KINDS}
    queue = Queue(in_parts(run, 4))
    assert {kind.name: items(queue, kind.name) for kind in KINDS} == whole


@pytest.mark.slow
@given(data=st.data())
def test_any_decisions_settle_what_they_are_about_and_nothing_else(safe, data):
    queue = Queue(safe)
    made: list[Override] = []
    for n in range(data.draw(st.integers(0, 8))):
        kind = data.draw(st.sampled_from(["conflict", "repair", "rejected", "near_duplicate", "reference"]))
        item = queue.item(kind, data.draw(st.sampled_from(keys(queue, kind))), latest(made))
        action = data.draw(st.sampled_from(item.actions)).name
        before = {count.kind: count.left for count in queue.counts(latest(made))}
        waited = item.key in keys(queue, kind, made, left=True)
        made += queue.decisions(item, action, text="By hand", who="ann", when=f"{WHEN}{n}")
        assert item.key not in keys(queue, kind, made, left=True)
        after = {count.kind: count.left for count in queue.counts(latest(made))}
        assert after[kind] <= before[kind] - waited or kind == "conflict"
    decided = {one.id: one for one in made}
    for count in queue.counts(decided):
        assert count.count == count.left + count.decided == len(keys(queue, count.kind))
        every = [queue.item(count.kind, key, decided) for key in keys(queue, count.kind)]
        left = {item.key for item in every if waits(item, decided)}
        assert left == set(keys(queue, count.kind, made, left=True))


def waits(item: Item, decided: dict[str, Override]) -> bool:
    """Whether an item waits, said once more from the decisions alone."""
    about = [decided.get(side.id) for side in item.sides[: 2 if item.kind == "conflict" else 1]]
    if any(one is not None and one.decision == "drop" for one in about):
        return False
    return None in about


def test_train_rows_that_break_unreviewed_rules_wait_with_their_repairs(tmp_path):
    run = curated(tmp_path / "unread", all_kinds(), style=STYLE.replace("checks:", "reviewed: false\nchecks:"))
    failing = {id for id, line in lines_of(run, "train").items() if not line["reference_ok"]}
    queue = Queue(run)
    queue.measure()
    found = items(queue, "unreviewed")
    assert {item.sides[0].id for item in found} == failing
    assert len(failing) > 5
    assert {item.rules for item in found} == {("no-stop",), ("short",)}
    assert any(item.repair is not None for item in found)
    assert keys(queue, "rejected") == []
    read = Queue(curated(tmp_path / "read", all_kinds()))
    assert keys(read, "unreviewed") == []
