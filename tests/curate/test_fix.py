"""Repair during curation: only rows that would be dropped change, no test reference does, and the offer comes true."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import CurateSettings, Override, SplitShares, curate, read_pairs, why, write_curated
from tuneworth.examples import example_path
from tuneworth.style import check_outputs, parse_style, read_style

SOURCE = example_path("components")
STYLE = parse_style("""
name: t
checks:
  - {kind: punctuation, end: none, id: no-stop}
  - {kind: vocabulary, id: spelling, preferred: {"low noise": ["low-noise"]}}
  - {kind: forbidden, any: [cheap], id: no-cheap}
  - {kind: numbers, space: none, id: units, level: should}
""")
WORDS = ["red", "green", "part", "cheap", "low-noise", "low noise", "with", "a", "handle", "5 V", "USB", "12A"]


def example(**options: Any) -> Any:
    pairs = read_pairs(SOURCE / "pairs.jsonl")
    return curate(pairs, read_style(SOURCE / "style.yaml"), settings=CurateSettings(**options), identifiers=["part"])


@pytest.fixture(scope="module")
def off():
    return example()


@pytest.fixture(scope="module")
def safe():
    return example(fix="safe")


@st.composite
def tables(draw: Any) -> list[dict[str, str]]:
    """Rows with copies of other inputs, and outputs of which most break a rule."""
    words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8)
    rows: list[dict[str, str]] = []
    for number in range(draw(st.integers(8, 30))):
        text = " ".join(draw(words)) + f" item {number}"
        if rows and draw(st.booleans()):
            text = draw(st.sampled_from(rows))["input"]
        end = draw(st.sampled_from(["", ".", "!"]))
        rows.append({"id": f"r{number}", "input": text, "output": " ".join(draw(words)) + end})
    return rows


def run(rows: Any, **options: Any) -> Any:
    """None where no row of so small a table can be trained on."""
    shares = SplitShares(train=0.5, validation=0.2, test=0.3)
    try:
        return curate(rows, STYLE, settings=CurateSettings(split=shares, conflicts="report", **options))
    except DataError:
        return None


@pytest.mark.slow
@given(tables(), st.sampled_from(["safe", "unsafe"]))
def test_only_rows_that_would_be_dropped_change(rows, fix):
    plain, fixed = run(rows), run(rows, fix=fix)
    if plain is None or fixed is None:
        assert plain is None
        return
    assert_only_dropped_rows_changed(plain, fixed)


@pytest.mark.slow
@pytest.mark.parametrize("fix", ["safe", "unsafe"])
def test_in_the_example_only_rows_that_would_be_dropped_change(off, safe, fix):
    fixed = safe if fix == "safe" else example(fix=fix)
    assert len(fixed.kept) > len(off.kept) + 300
    assert_only_dropped_rows_changed(off, fixed)


def assert_only_dropped_rows_changed(plain: Any, fixed: Any) -> None:
    """Kept rows are the same, line by line; a dropped row is repaired, or repeats one that is."""
    both = fixed.kept.join(plain.kept.select("row"), on="row", how="semi")
    assert both.equals(plain.kept)
    assert fixed.splits["test"].equals(plain.splits["test"])
    new = fixed.ledger.join(plain.ledger, on="row", suffix="_before").filter(
        pl.col("outcome") != pl.col("outcome_before")
    )
    assert set(new["outcome_before"]) <= {"invalid"}
    assert set(new["outcome"]) <= {"kept", "duplicate"}
    repaired = new.filter(pl.col("outcome") == "kept")
    assert repaired["row"].to_list() == fixed.ledger.filter(pl.col("fixed").is_not_null())["row"].to_list()


@pytest.mark.slow
@settings(max_examples=30)
@given(tables(), st.sampled_from(["off", "safe", "unsafe"]))
def test_no_test_reference_differs_from_the_text_as_written(rows, fix):
    done = run(rows, fix=fix)
    if done is None:
        return
    given_outputs = {row["id"]: row["output"] for row in rows}
    for id, split, output, written in done.kept.select("id", "split", "output", "written").iter_rows():
        assert (output if written is None else written) == given_outputs[id]
        assert split != "test" or written is None
        assert fix != "off" or written is None
    assert done.dropped["written"].null_count() == len(done.dropped)


@pytest.mark.slow
def test_a_repaired_output_keeps_every_must_rule_and_says_so(safe):
    repaired = safe.kept.filter(pl.col("written").is_not_null())
    style = read_style(SOURCE / "style.yaml")
    assert check_outputs(repaired, style).shares()["acceptable"].all()
    assert not check_outputs(repaired.with_columns(output="written"), style).shares()["acceptable"].any()
    assert repaired["reference_ok"].all()
    assert set(repaired["split"]) == {"train", "validation"}
    ledger = safe.ledger.filter(pl.col("fixed").is_not_null())
    assert ledger["row"].to_list() == repaired["row"].to_list()
    assert ledger.filter(~pl.col("evidence").str.starts_with("Repaired: ")).is_empty()


@pytest.mark.slow
def test_the_offer_is_what_the_repair_then_brings(off, safe):
    offer, done = off.summary["fix"]["offer"], safe.summary["fix"]
    assert offer["rows"] == done["rows"] == safe.kept["written"].count()
    assert offer["rules"] == done["rules"]
    assert offer["tried"] == offer["failing"] >= offer["rows"]
    assert (off.summary["fix"]["rows"], safe.summary["fix"]["offer"]) == (0, None)


@pytest.mark.slow
def test_the_summary_shows_three_changes_of_each_rule(safe):
    written = {row: texts for row, *texts in safe.kept.select("row", "written", "output").iter_rows()}
    fixed = dict(safe.ledger.select("row", "fixed").iter_rows())
    examples = safe.summary["fix"]["examples"]
    assert list(examples) == list(safe.summary["fix"]["rules"])
    for rule, shown in examples.items():
        assert len(shown) == min(3, safe.summary["fix"]["rules"][rule])
        for case in shown:
            assert [case["before"], case["after"]] == written[case["row"]]
            assert rule in fixed[case["row"]]


@pytest.mark.slow
def test_of_very_many_rows_the_offer_is_estimated():
    rows = [{"input": f"part {n} of {n * n}", "output": f"Part number {n}{'.' * (n % 4 > 0)}"} for n in range(5_000)]
    found = curate(rows, STYLE, settings=CurateSettings(split=SplitShares(train=0.9, test=0.1))).summary["fix"]["offer"]
    assert found["tried"] == 2_000 < found["failing"]
    assert found["rows"] == found["failing"] == found["rules"]["no-stop"]


def test_a_row_kept_by_decision_is_left_as_written():
    rows = [{"id": f"r{n}", "input": f"part {n} of {n * n}", "output": f"Part number {n}."} for n in range(20)]
    done = curate(
        rows, STYLE, settings=CurateSettings(fix="safe"), overrides=[Override(id="r3", decision="train", who="Ada")]
    )
    texts = dict(done.kept.select("id", "output").iter_rows())
    assert texts["r3"] == "Part number 3."
    assert done.ledger.filter(id="r3")["fixed"].to_list() == [None]
    assert done.kept.filter(pl.col("written").is_null(), split="train")["id"].to_list() == ["r3"]


def test_an_output_that_is_bad_in_any_style_is_not_kept_because_its_style_was_repaired():
    rows = [{"id": f"r{n}", "input": f"part {n} of {n * n}", "output": f"Part number {n}"} for n in range(40)]
    rows[7]["output"] = "I'm sorry, but as an AI language model I can't help with that."
    rows[8]["output"] = "Part number 8."
    done = curate(rows, STYLE, settings=CurateSettings(fix="safe", split=SplitShares(train=1)))
    assert dict(done.ledger.select("id", "outcome").iter_rows())["r7"] == "invalid"
    assert done.ledger.filter(pl.col("fixed").is_not_null())["id"].to_list() == ["r8"]


@pytest.mark.slow
def test_personal_data_of_repaired_rows_reaches_neither_ledger_nor_summary():
    rows = [
        {"id": f"r{n}", "input": f"part {n} of {n * n}", "output": f"Ask jane{n}@example.org low-noise."}
        for n in range(9)
    ]
    done = curate(rows, STYLE, settings=CurateSettings(fix="safe", mask=True, split=SplitShares(train=1)))
    assert done.ledger["fixed"].count() == 9
    assert "example.org" not in json.dumps([done.summary, done.kept.to_dicts(), done.ledger["evidence"].to_list()])
    seen = curate(rows, STYLE, settings=CurateSettings(fix="safe", split=SplitShares(train=1)))
    assert "example.org" not in json.dumps([seen.summary, seen.ledger["evidence"].to_list()])


@pytest.mark.slow
def test_lines_carry_the_text_as_written_and_why_names_the_change(safe, tmp_path):
    write_curated(safe, tmp_path)
    lines = [
        json.loads(line) for line in (tmp_path / "curate" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    changed = {line["row"]: line for line in lines if line["written"] is not None}
    assert len(changed) == safe.splits["train"]["written"].count()
    row = next(row for row, line in changed.items() if line["output"].startswith(f"{line['written']}, "))
    found = why(tmp_path, f"row {row}")
    added = changed[row]["output"].removeprefix(changed[row]["written"])
    assert f'It is in the train split. Repaired: package-last: added "{added}".' in str(found)
    assert f"Output before repair:\n  {changed[row]['written']}" in str(found)
    assert (found.written, found.fixed) == (changed[row]["written"], ("package-last",))
    again = read_pairs(tmp_path / "curate" / "train.jsonl")
    assert again.pairs["output"].to_list() == [line["output"] for line in lines]
    assert not again.pairs["meta"].drop_nulls().str.contains("written").any()


@pytest.mark.slow
def test_with_fix_off_lines_and_ledger_only_have_the_empty_columns(off):
    assert off.kept["written"].null_count() == len(off.kept)
    assert off.ledger["fixed"].null_count() == len(off.ledger)


def test_an_unknown_repair_is_refused():
    with pytest.raises(ValueError, match='fix must be "off" or "safe" or "unsafe"'):
        CurateSettings(fix="always")  # type: ignore[arg-type]
