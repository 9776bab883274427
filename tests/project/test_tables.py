"""Files, polars, pandas and lists of dictionaries give the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tuneworth as tw


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


KINDS: dict[str, Callable[[Path], Any]] = {
    "a path": lambda file: file,
    "the path as text": str,
    "polars": pl.read_ndjson,
    "pandas": lambda file: pd.DataFrame(_rows(file)),
    "pandas with ids as its index": lambda file: pd.DataFrame(_rows(file)).set_index("id").rename_axis(None),
    "arrow": lambda file: pa.Table.from_pylist(_rows(file)),
    "dictionaries": _rows,
}
FOUND = ("id", "input", "output", "group", "split", "reference_ok")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_pairs_of_any_kind_are_curated_the_same(kind: str, pairs_file: Path, style_file: Path) -> None:
    of_file = tw.curate_pairs(pairs_file, style_file, group="family")
    clean = tw.curate_pairs(KINDS[kind](pairs_file), style_file, group="family")
    assert clean.kept.select(FOUND).equals(of_file.kept.select(FOUND))
    assert clean.summary["outcomes"] == of_file.summary["outcomes"]
    assert repr(clean).startswith("60 rows read: 60 kept\nsplits: ")
    assert ("output" in repr(clean), "component" in repr(clean)) == (True, False)
    assert "<table" in clean._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_any_kind_are_judged_the_same(kind: str, labels: Path, style_file: Path) -> None:
    pairs = labels / "test.jsonl"
    pairs.write_text("".join((labels / "pairs.jsonl").read_text().splitlines(keepends=True)[48:]), encoding="utf-8")
    files = {name: labels / f"{name}.jsonl" for name in ("prompted", "tuned")}
    tables = {name: KINDS[kind](file) for name, file in files.items()}
    judged = tw.judge_outputs(KINDS[kind](pairs), tables, style_file)
    assert judged.results.quality["tuned"].acceptable.share == 1
    assert judged.results.quality["prompted"].acceptable.share == 0
    assert judged.results.comparison == tw.judge_outputs(pairs, files, style_file).results.comparison
    assert judged.report.is_file()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_style_is_inferred_from_and_checked_on_any_kind(kind: str, pairs_file: Path, style_file: Path) -> None:
    pairs = KINDS[kind](pairs_file)
    checked = tw.check_style(pairs, style_file)
    assert (checked.acceptable, checked.undecided, checked.broken, len(checked.table)) == (60, 0, 0, 3)
    assert "60 of 60 outputs follow every must rule" in repr(checked)
    assert "<table" in checked._repr_html_()
    inferred = tw.infer_style(pairs, name="Label")
    assert inferred.found_style
    assert inferred.schema == tw.infer_style(pairs_file, name="Label").schema
    assert inferred.message in repr(inferred)
    assert inferred._repr_html_().count("<tr>") == len(inferred.evidence) + 1


@pytest.mark.slow
def test_the_call_writes_what_the_command_writes(
    command: Callable[..., Any], tmp_path: Path, pairs_file: Path, style_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tw.curate_pairs(pairs_file, style_file, group="family", settings={"near_duplicate": 0.9}, out=tmp_path / "call")
    assert capsys.readouterr() == ("", "")
    words = ["--style", style_file, "--group", "family", "--near-duplicate", "0.9", "--out", tmp_path / "command"]
    assert command("curate", pairs_file, *words).code == 0
    for name in ("train.jsonl", "validation.jsonl", "test.jsonl", "set_aside.jsonl", "ledger.parquet"):
        made, expected = (tmp_path / side / "curate" / name for side in ("call", "command"))
        assert made.read_bytes() == expected.read_bytes(), name
    configs = [tw.Run(tmp_path / side).facts["config"] for side in ("call", "command")]
    assert configs[0] == configs[1] | {"curate": {"mask": False, "near_duplicate": 0.9}}


def test_money_is_computed_from_a_file_a_table_or_a_run(labels: Path) -> None:
    tokens = {"price_input": 1.5, "price_output": 2, "input_tokens": 100, "output_tokens": 50, "acceptance": 0.9}
    roi: dict[str, Any] = {"prompted": tokens | {"fixed_tokens": 500}, "tuned": tokens | {"fixed_tokens": 0}}
    roi["requests_per_day"] = 1000
    table = tw.compute_roi(roi)
    assert table.to_json()["saving_per_request"] == pytest.approx(500 * 1.5 / 1e6, rel=1e-12)
    assert "saving per request: 0.00075 EUR" in repr(table)
    assert ">0.00075 EUR</td>" in table._repr_html_()
    with pytest.raises(tw.ConfigError, match="two variants"):
        tw.compute_roi({"requests_per_day": 1, "prompted": {}})
    file = labels.parent / "money.toml"
    file.write_text(
        "[roi]\nrequests_per_day = 1000\n"
        + "".join(
            f"[roi.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in roi[name].items())
            for name in ("prompted", "tuned")
        ),
        encoding="utf-8",
    )
    assert tw.compute_roi(file).to_json() == table.to_json()


def test_a_row_is_explained_by_number_and_by_id(labels: Path) -> None:
    run = tw.curate_project(labels)
    by_number, by_id = tw.explain_row(run, 1), tw.explain_row(run.folder, "p0")
    assert by_number.id == by_id.id == "p0"
    assert repr(by_id).startswith("Row 1")
    assert "<strong>Row 1 " in by_id._repr_html_()
