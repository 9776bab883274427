"""What people decided about single rows: read, added, replayed."""

import json
from pathlib import Path

import pytest

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import (
    CurateSettings,
    DecisionLog,
    Override,
    PinnedSplits,
    SplitShares,
    curate,
    read_overrides,
    read_splits,
    write_splits,
)
from tuneworth.style import parse_style

FILLER = [{"id": f"f{i}", "input": f"{i} something else {i * 7919}", "output": f"text {i}"} for i in range(40)]
QUESTION, ANSWER = "What does the red part with 5V cost today?", "It costs a lot of money for this, friend"


def pair(id, input=QUESTION, output=ANSWER, **more):
    return {"id": id, "input": input, "output": output, **more}


def decided(rows, *decisions, style=None, **options):
    overrides = [Override(id=id, decision=decision, who="Ada", why="seen") for id, decision in decisions]
    return curate([*rows, *FILLER], style, settings=CurateSettings(**options), overrides=overrides)


def outcomes(done):
    return dict(done.ledger.select("id", "outcome").rows())


def entry(done, id):
    return done.ledger.filter(id=id).row(0, named=True)


def test_a_copy_that_a_person_keeps_stays_beside_the_other():
    rows = [pair("a"), pair("b", QUESTION.upper()), pair("c", QUESTION + " ")]
    done = decided(rows, ("b", "keep"), ("c", "keep"))
    assert [outcomes(done)[id] for id in "abc"] == ["duplicate", "kept", "kept"]
    assert entry(done, "a")["other_id"] in "bc"
    assert entry(done, "b")["rule"] == "override"
    assert entry(done, "b")["evidence"] == "Decided by Ada: keep (seen)"
    assert done.summary["certificate"]["pairs_at_or_above"] == 0


def test_a_near_copy_that_a_person_keeps_goes_before_a_better_one():
    rows = [pair("long", output=ANSWER + " of it"), pair("short")]
    assert outcomes(decided(rows, keep="longest"))["short"] == "duplicate"
    done = decided(rows, ("short", "keep"), keep="longest")
    assert (outcomes(done)["short"], entry(done, "long")["other_id"]) == ("kept", "short")


def test_who_repeats_a_row_that_stays_leaves_though_that_row_repeats_another():
    words = [f"{chr(97 + i) * 5}" for i in range(20)]
    texts = [" ".join(word + "!" * (i < n) for i, word in enumerate(words)) for n in (0, 2, 4)]
    rows = [pair(name, output=text) for name, text in zip("abc", texts, strict=True)]
    done = decided(rows, ("a", "keep"), ("b", "keep"))
    assert [outcomes(done)[id] for id in "abc"] == ["kept", "kept", "duplicate"]
    assert entry(done, "c")["other_id"] == "b"


@pytest.mark.parametrize("conflicts", ["quarantine", "keep best"])
def test_a_kept_row_settles_its_conflict_and_the_others_name_it(conflicts):
    rows = [
        pair("a"),
        pair("b", output=ANSWER + " 7"),
        pair("c", output=ANSWER + " 8"),
        pair("b2", output=ANSWER + " 7"),
    ]
    done = decided(rows, ("b", "keep"), conflicts=conflicts)
    assert [outcomes(done)[id] for id in ("a", "b", "c", "b2")] == ["conflict", "kept", "conflict", "duplicate"]
    assert {entry(done, id)["other_id"] for id in ("a", "c", "b2")} == {"b"}
    assert "7" in done.kept.filter(id="b")["output"][0]


def test_both_sides_of_a_conflict_may_stay():
    rows = [pair("a"), pair("b", output=ANSWER + " 7")]
    done = decided(rows, ("a", "keep"), ("b", "train"))
    assert [outcomes(done)[id] for id in "ab"] == ["kept", "kept"]
    assert set(done.kept.filter(done.kept["id"].is_in(["a", "b"]))["split"]) == {"train"}


def test_a_dropped_row_leaves_and_its_conflict_with_it():
    rows = [pair("a"), pair("b", output=ANSWER + " 7")]
    done = decided(rows, ("b", "drop"))
    assert [outcomes(done)[id] for id in "ab"] == ["kept", "decided"]
    assert entry(done, "b")["rule"] == "override"
    assert done.dropped.filter(id="b").select("output", "rule").row(0) == (ANSWER + " 7", "override")
    assert len(done.kept) + len(done.dropped) == len(done.ledger)


def test_a_text_of_a_person_replaces_the_output_and_the_row_is_new_content():
    rows = [pair("a"), pair("b", output=ANSWER + " 7"), pair("c", "quite another text on boats", "words")]
    given = [
        Override(id="b", decision="keep", who="Ada", text=ANSWER),
        Override(id="c", decision="train", text="Better."),
    ]
    done, before = curate([*rows, *FILLER], overrides=given), curate([*rows, *FILLER])
    assert [outcomes(before)[id] for id in "ab"] == ["conflict", "conflict"]
    assert [outcomes(done)[id] for id in "abc"] == ["duplicate", "kept", "kept"]
    assert entry(done, "b")["evidence"] == "Decided by Ada: keep, with another output"
    kept = {row["id"]: (row["output"], row["written"]) for row in done.kept.iter_rows(named=True)}
    assert (kept["b"], kept["c"], kept["f3"]) == ((ANSWER, ANSWER + " 7"), ("Better.", "words"), ("text 3", None))
    assert entry(done, "c")["content"] != entry(before, "c")["content"]


def test_a_text_of_a_person_is_masked_like_the_data():
    given = [Override(id="a", decision="keep", text="Write to ann.lee@example.org")]
    done = curate([pair("a"), *FILLER], settings=CurateSettings(mask=True), overrides=given)
    assert "example.org" not in str(done.kept.filter(id="a").row(0))


@pytest.mark.parametrize(
    ("decision", "text", "said"), [("drop", "x", "cannot be given another"), ("keep", " ", "is empty")]
)
def test_a_text_must_be_one_that_can_be_kept(decision, text, said):
    with pytest.raises(ConfigError, match=said):
        Override(id="a", decision=decision, text=text)


def test_an_output_that_breaks_a_rule_stays_where_a_person_says_so():
    style = parse_style("name: t\nchecks: [{kind: pattern, regex: '[.]$', min: 0, max: 0, id: stop}]")
    rows = [pair("a", output=ANSWER + "."), pair("b", "another thing altogether 99", "text.")]
    done = decided(rows, ("a", "train"), style=style, split=SplitShares(train=1))
    assert [outcomes(done)[id] for id in "ab"] == ["kept", "invalid"]
    assert done.kept.filter(id="a")["reference_ok"].item() is True


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_row_stands_where_a_person_puts_it_and_what_is_tied_follows(split):
    rows = [pair("a", group="g"), pair("b", "quite another text on boats", "words", group="g")]
    done = decided(rows, ("a", split))
    assert set(done.kept.filter(group="g")["split"]) == {split}


def test_leaking_comes_before_a_decision():
    rows = [pair("a", split="test"), pair("b", QUESTION.upper(), "Nobody ever painted that one, so it is grey")]
    done = decided(rows, ("b", "train"))
    assert outcomes(done)["b"] == "leaked"
    assert entry(done, "b")["other_id"] == "a"
    assert entry(done, "b")["similarity"] == 1
    assert "Decided by Ada: train (seen); leaking comes first" in entry(done, "b")["evidence"]


def test_a_decision_goes_before_where_a_row_was_placed():
    before = decided([pair("a")])
    was = before.kept.filter(id="a")["split"].item()
    other = "train" if was == "test" else "test"
    overrides = [Override(id="a", decision=other)]
    done = curate([pair("a"), *FILLER], pinned=PinnedSplits().grown(before.ledger), overrides=overrides)
    assert done.kept.filter(id="a")["split"].item() == other
    assert any("overrides.jsonl state another one" in note for note in done.summary["split_notes"])


def test_ids_that_no_row_has_are_named_with_the_nearest():
    done = decided([pair("part-one")], ("part-onne", "keep"), ("f3", "drop"), ("f3", "keep"))
    texts = {w["code"]: w["text"] for w in done.summary["warnings"]}
    found = done.summary["overrides"]
    assert (found["applied"], found["unmatched"], found["changed"]) == (1, ["part-onne"], [])
    assert 'did you mean "part-one"' in texts["override_unmatched"]
    assert 'more than once about 1 row; the last one applies: "f3": keep' in texts["override_repeated"]
    assert entry(done, "f3")["outcome"] == "kept"


def test_a_row_that_could_not_be_read_cannot_be_kept():
    done = decided([pair("empty", input="")], ("empty", "keep"))
    assert entry(done, "empty")["outcome"] == "invalid"
    assert "override_unread" in {w["code"] for w in done.summary["warnings"]}


def test_decisions_are_added_and_read_back(tmp_path):
    file = tmp_path / "overrides.jsonl"
    assert read_overrides(file) == ()
    one, other = Override(id="ä#2", decision="keep"), Override(id="b", decision="test", who="Ada", why='says "so"\n')
    DecisionLog(file).add([one])
    file.write_text(file.read_text().rstrip("\n"))  # an editor left the last line open
    DecisionLog(file).add([other])
    assert read_overrides(file) == (one, other)


def test_a_wrong_file_names_every_line(tmp_path):
    file = tmp_path / "overrides.jsonl"
    lines = ['{"id": "a", "decision": "keep"}', "no", '{"id": "b", "decision": "kepe"}', "[]", '{"decision": "drop"}']
    lines += ['{"id": "c", "decision": "drop", "because": "x"}', '{"id": ["c"], "decision": "drop"}', "[" * 10_000]
    file.write_text("\n".join(lines))
    with pytest.raises(DataError) as found:
        read_overrides(file)
    said = str(found.value)
    for words in (
        "7 problems", "line 2: not readable as JSON", 'line 3: unknown decision "kepe"; did you mean "keep"', "line 4",
        'line 5: lacks the key "id"', 'line 6: unknown key "because"', 'line 7: "id" is a list; expected', "line 8",
    ):  # fmt: skip
        assert words in said
    with pytest.raises(DataError):
        DecisionLog(file).add([Override(id="a", decision="keep")])
    with pytest.raises(ConfigError, match="unknown decision"):
        Override(id="a", decision="maybe")


def test_placed_rows_are_written_and_read_back(tmp_path):
    done = curate(FILLER)
    pinned = PinnedSplits().grown(done.ledger)
    write_splits(tmp_path / "splits.jsonl", pinned)
    assert read_splits(tmp_path / "splits.jsonl").lines.equals(pinned.lines)
    assert set(json.loads((tmp_path / "splits.jsonl").read_text().splitlines()[0])) == {"content", "id", "split"}
    assert read_splits(tmp_path / "none.jsonl").lines.is_empty()
    again = curate(FILLER, pinned=pinned)
    assert again.kept.equals(done.kept)
    assert pinned.grown(again.ledger).lines.equals(pinned.lines)


@pytest.mark.parametrize(
    "line", ["no", "[]", '{"content": "a", "id": "b", "split": "tset"}', '{"content": 1, "id": "b"}']
)
def test_a_damaged_file_of_placed_rows_is_refused_with_its_line(tmp_path, line):
    file = tmp_path / "splits.jsonl"
    file.write_text('{"content": "a", "id": "b", "split": "test"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"line 2(.|\n)*restore its last good version"):
        read_splits(file)


@pytest.mark.slow
def test_a_row_in_other_words_stays_where_it_was_and_one_with_a_borrowed_id_does_not():
    pinned = PinnedSplits().grown(curate(FILLER).ledger)
    was = dict(pinned.lines.select("id", "split").rows())
    reworded = [{**row, "output": row["output"] + " indeed"} for row in FILLER]
    done = curate(reworded, pinned=pinned)
    assert dict(done.kept.select("id", "split").rows()) == was
    grown = pinned.grown(done.ledger)
    assert len(grown.lines) == len(pinned.lines)
    assert not set(grown.lines["content"]) & set(pinned.lines["content"])
    # Ids that count lines: a new first line moves them all by one, and every row is still known by its content.
    numbered = [{**row, "id": str(i)} for i, row in enumerate(FILLER)]
    before = curate(numbered)
    moved = [{**row, "id": str(i)} for i, row in enumerate([{"input": "new here 1", "output": "x"}, *FILLER])]
    after = curate(moved, pinned=PinnedSplits().grown(before.ledger))
    assert PinnedSplits().grown(before.ledger).sides(["another content"], ["0"]).tolist() != [-1]
    content = [*before.ledger["content"], "another content"]
    assert PinnedSplits().grown(before.ledger).sides(content, [*before.ledger["id"][1:], "new", "0"])[-1] == -1
    places = [dict(done.kept.select("input", "split").rows()) for done in (before, after)]
    assert all(places[1][text] == split for text, split in places[0].items())


def test_a_placed_row_that_vanished_stays_in_the_file():
    pinned = PinnedSplits().grown(curate(FILLER).ledger)
    fewer = curate(FILLER[:20], pinned=pinned)
    assert pinned.grown(fewer.ledger).lines.equals(pinned.lines)
    back = curate(FILLER, pinned=pinned.grown(fewer.ledger))
    assert dict(back.kept.select("id", "split").rows()) == dict(pinned.lines.select("id", "split").rows())


def test_a_new_row_that_would_join_two_sides_leaks_and_names_both():
    rows = [
        *FILLER,
        pair("a", group="g", split="train"),
        pair("b", "a wholly other text", "words", group="h", split="test"),
    ]
    pinned = PinnedSplits().grown(curate(rows).ledger)
    rows = [{k: v for k, v in row.items() if k != "split"} for row in rows]
    bridge = pair("new", QUESTION.upper(), "Nobody ever painted that one, so it is grey", group="h")
    done = curate([*rows, bridge], pinned=pinned)
    said = entry(done, "new")
    assert (said["outcome"], said["other_id"]) == ("leaked", "b")
    assert said["evidence"] == 'Tied to "a" of train and to "b" of test, which it would join.'


@pytest.mark.slow
def test_siblings_that_are_always_tied_let_no_new_row_reach_two_sides():
    rows = [*FILLER, pair("a", split="test"), pair("b", "a wholly other text", "words", group="g", split="train")]
    settings = CurateSettings(tie_siblings=True, near_duplicate=0.75)
    pinned = PinnedSplits().grown(curate(rows, settings=settings).ledger)
    rows = [{k: v for k, v in row.items() if k != "split"} for row in rows]
    sibling = pair("new", QUESTION.replace("5V", "6V"), "Nobody ever painted that one, so it is grey", group="g")
    done = curate([*rows, sibling], pinned=pinned, settings=settings)
    assert outcomes(done)["new"] == "leaked"
    as_far_as_possible = curate([*rows, sibling], pinned=pinned, settings=CurateSettings(near_duplicate=0.75))
    assert as_far_as_possible.kept.filter(id="new")["split"].item() == "train"


def test_a_file_of_decisions_beyond_its_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworth.curate.decisions.overrides._MOST", 1000)
    file = tmp_path / "overrides.jsonl"
    file.write_bytes(b"\n" * 1001)
    with pytest.raises(
        DataError, match=r"overrides\.jsonl has 1,001 bytes; the file of decisions may have at most 1,000"
    ):
        read_overrides(file)
