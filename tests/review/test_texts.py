"""Texts by row number: found by bisection in the files of a run, in one piece or in parts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.review.queue.texts import SET_ASIDE, Texts

from .small_runs import all_kinds, curated


def write_lines(run: Path, rows: dict[int, str], parts: int = 0) -> None:
    """A run whose train split has these rows; with `parts` cut into so many files, of which some may be empty."""
    lines = [
        json.dumps({"id": f"r{row}", "input": text, "fields": {"row": row + 1}, "output": text[::-1], "written": None,
                    "system": None, "group": None, "row": row, "split": "train", "reference_ok": True,
                    "meta": {"row": 7, "split": "x"}}, ensure_ascii=False) + "\n"
        for row, text in sorted(rows.items())
    ]  # fmt: skip
    folder = run / "curate"
    folder.mkdir(parents=True, exist_ok=True)
    if not parts:
        (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
        return
    (folder / "train").mkdir(exist_ok=True)
    (folder / "summary.json").write_text(json.dumps({"parts": parts}))
    share = -(-len(lines) // max(1, parts - 1))
    for part in range(parts):  # the first is empty
        some = lines[(part - 1) * share : part * share] if part else []
        (folder / "train" / f"part-{part:05d}.jsonl").write_text("".join(some), encoding="utf-8")


ROWS = st.dictionaries(
    st.integers(0, 400), st.text(max_size=60).map(lambda t: t.encode("utf-8", "ignore").decode()), min_size=1
)


@given(ROWS, st.integers(0, 4), st.lists(st.integers(0, 401), max_size=8))
def test_any_row_is_found_by_its_number_and_no_other(tmp_path_factory, rows, parts, wanted):
    run = tmp_path_factory.mktemp("run")
    write_lines(run, rows, parts=0 if parts < 2 else parts)
    texts = Texts(run)
    expected = {row: rows[row] for row in wanted if row in rows}
    assert {row: pair["input"] for row, pair in texts.pairs("train", wanted).items()} == expected
    assert {pair["row"]: pair["input"] for pair in texts.scan("train", wanted)} == expected
    assert [pair["row"] for pair in texts.scan("train")] == sorted(rows)
    assert all((texts.pair("train", row) is None) == (row not in rows) for row in wanted)


@given(ROWS, st.text(min_size=1, max_size=3))
def test_a_text_is_found_in_requests_and_outputs_alone(tmp_path_factory, rows, wanted):
    run = tmp_path_factory.mktemp("run")
    write_lines(run, rows)
    wanted = wanted.encode("utf-8", "ignore").decode().casefold() or "a"
    expected = {row for row, text in rows.items() if wanted in text.casefold() or wanted in text[::-1].casefold()}
    assert Texts(run).holding("train", wanted) == expected


@pytest.mark.slow
def test_the_lines_of_a_real_run_are_in_the_order_that_bisection_needs(tmp_path: Path):
    run = curated(tmp_path / "parts", all_kinds(), curate="fix = 'safe'")
    for file in ("train", "validation", "test", SET_ASIDE):
        lines = (run.folder / "curate" / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = {line["row"]: line for line in map(json.loads, lines)}
        assert list(rows) == sorted(rows)
        assert Texts(run.folder).pairs(file, [*rows, 10_000]) == rows


def test_a_damaged_file_says_what_to_do(tmp_path: Path):
    write_lines(tmp_path, {1: "a", 2: "b"})
    (tmp_path / "curate" / "train.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(DataError, match=r'train\.jsonl, line 1: "id" is 1; expected a text'):
        Texts(tmp_path).pair("train", 1)
    with pytest.raises(DataError, match="is missing; curate again"):
        Texts(tmp_path).pair("test", 1)
