"""The report of a run that was curated and nothing more."""

import json
from pathlib import Path

import polars as pl
import pytest

from tuneworth.curate import curate, read_pairs, write_curated
from tuneworth.examples import example_path
from tuneworth.reports import write_report
from tuneworth.style import DataError, read_style

ATTACK = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)> {{ 7*7 }} `x` | y"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped example, curated."""
    run, source = tmp_path_factory.mktemp("clean"), example_path("components")
    style = read_style(source / "style.yaml")
    write_curated(curate(read_pairs(source / "pairs.jsonl"), style, identifiers=["part"]), run)
    return run


def pages(run: Path, **options: bool) -> tuple[str, str]:
    html, markdown, _ = write_report(run, **options)
    return html.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8")


def test_the_first_screen_counts_what_the_summary_counts(clean):
    html, markdown = pages(clean)
    summary = json.loads((clean / "curate" / "summary.json").read_text())
    kept, read = summary["outcomes"]["kept"], summary["rows_read"]
    assert f"{kept:,} of {read:,} rows are clean" in html
    assert f"{kept:,} of {read:,} rows are clean" in markdown
    assert f"{summary['splits']['train']:,} to learn from" in html


def test_every_rule_of_the_ledger_stands_in_the_page_with_its_count(clean):
    html, _ = pages(clean)
    ledger = pl.read_parquet(clean / "curate" / "ledger.parquet").filter(pl.col("outcome") != "kept")
    for outcome, n in ledger.group_by("outcome", "rule").len().select("outcome", "len").iter_rows():
        assert f'data-label="outcome">{outcome}</td><td class="n" data-label="rows">{n:,}<' in html


def test_the_page_is_small_and_asks_for_nothing(clean):
    html, _ = pages(clean)
    assert len(html.encode()) < 500_000
    assert "http://" not in html
    assert "https://" not in html


def test_without_examples_no_text_of_the_data_is_shown(clean):
    html, markdown = pages(clean, examples=False)
    table = pl.read_parquet(clean / "curate" / "ledger.parquet")
    outputs = [
        json.loads(line)["output"]
        for line in (clean / "curate" / "set_aside.jsonl").read_text(encoding="utf-8").split("\n")
        if line
    ]
    shown = [text for text in {*outputs, *table["evidence"].drop_nulls().to_list()} if len(text) > 25]
    assert [text for text in shown if text in html or text in markdown] == []


def test_hostile_texts_stay_texts(tmp_path):
    rows = [{"input": f"{ATTACK} {n} item", "output": f"{ATTACK} {n % 3}"} for n in range(40)]
    write_curated(curate(rows[:30] + rows[:5]), tmp_path)
    html, markdown = pages(tmp_path)
    assert "<script>document" not in html
    assert "<img" not in html
    assert "<img" not in markdown


def test_a_run_that_holds_nothing_to_report_says_so(tmp_path):
    with pytest.raises(DataError, match="nothing to report"):
        write_report(tmp_path)


def test_a_damaged_summary_names_its_file(clean, tmp_path):
    for path in (clean / "curate").iterdir():
        (tmp_path / "curate").mkdir(exist_ok=True)
        (tmp_path / "curate" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "curate" / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"summary\.json"):
        write_report(tmp_path)


def test_the_nearest_pairs_show_both_inputs(clean):
    html, _ = pages(clean)
    nearest = json.loads((clean / "curate" / "summary.json").read_text())["certificate"]["nearest"][0]
    assert nearest["id"] in html
    assert nearest["train_id"] in html
    assert f"{int(nearest['similarity'] * 1000) / 1000:.3f}</td>" in html  # cut, so that it never reads as the limit
