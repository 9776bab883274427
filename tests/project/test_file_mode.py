"""A file curated into one folder again and again: placed rows stay, and a decision changes its row and what hangs on it."""

import json
from pathlib import Path

import polars as pl
import pytest

from tuneworth.curate import CurateSettings, DecisionLog, Override, read_splits
from tuneworth.examples import example_path
from tuneworth.project import curate_pairs

SOURCE = example_path("components")


LINES = (SOURCE / "pairs.jsonl").read_text(encoding="utf-8").splitlines()[:900]


def curated(out: Path, *, lines: list[str] = LINES, **more) -> pl.DataFrame:
    """The ledger of curating a part of the example without groups, so that splits.jsonl alone keeps a row in its place."""
    path = out.with_name("pairs.jsonl")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return curate_pairs(path, SOURCE / "style.yaml", identifiers=["part"], out=out, **more).ledger


def changed(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The rows by id whose outcome or split is another, and those that are new or gone."""
    both = before.join(after, on="id", how="full", suffix="_after", coalesce=True)
    same = [pl.col(name).eq_missing(pl.col(f"{name}_after")) for name in ("outcome", "split")]
    return both.filter(~pl.all_horizontal(same))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    out = tmp_path_factory.mktemp("file") / "clean"
    return out, curated(out)


def again(first: tuple[Path, pl.DataFrame], tmp_path: Path) -> tuple[Path, pl.DataFrame]:
    """A copy of the folder, to decide in."""
    out = tmp_path / "clean"
    for file in (file for file in first[0].rglob("*") if file.is_file()):
        place = out / file.relative_to(first[0])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())
    return out, first[1]


@pytest.mark.slow
def test_the_folder_has_the_splits_and_curating_again_changes_nothing(first, tmp_path):
    out, before = again(first, tmp_path)
    lines = read_splits(out / "splits.jsonl").lines
    kept = before.filter(outcome="kept")
    assert lines.filter(~pl.col("dropped"))["content"].n_unique() == len(kept)
    assert set(lines.filter("dropped")["split"]) == {"train", "validation"}
    assert changed(before, curated(out)).is_empty()
    assert (out / "splits.jsonl").read_bytes() == (first[0] / "splits.jsonl").read_bytes()


@pytest.mark.slow
def test_a_dropped_row_changes_alone(first, tmp_path):
    out, before = again(first, tmp_path)
    repeated = before["other_id"].drop_nulls().implode()
    single = before.filter(pl.col("split").is_not_null(), ~pl.col("id").is_in(repeated)).sort("id")
    ids = single.group_by("split", maintain_order=True).head(5)["id"].to_list()
    assert len(ids) == 15
    for name in ids:
        DecisionLog(out / "overrides.jsonl").add([Override(id=name, decision="drop")])
    found = changed(before, curated(out))
    assert sorted(found["id"]) == sorted(ids)
    assert set(found["outcome_after"]) == {"decided"}


@pytest.mark.slow
def test_the_copy_of_a_dropped_row_takes_its_place(first, tmp_path):
    out, before = again(first, tmp_path)
    copies = before.filter(pl.col("outcome") == "duplicate").group_by("other_id").len().filter(len=1).sort("other_id")
    kept = before.filter(pl.col("outcome") == "kept").join(copies, left_on="id", right_on="other_id")["id"].sort()[0]
    copy = before.filter(other_id=kept)["id"].item()
    DecisionLog(out / "overrides.jsonl").add([Override(id=kept, decision="drop")])
    assert set(changed(before, curated(out))["id"]) == {kept, copy}


@pytest.mark.slow
def test_a_row_kept_against_a_rule_changes_alone(first, tmp_path):
    out, before = again(first, tmp_path)
    repeated = before["other_id"].drop_nulls().implode()
    failing = before.filter(pl.col("rule").str.starts_with("style:"), ~pl.col("id").is_in(repeated))
    name, placed = failing.sort("id").select("id", "placed").row(0)
    DecisionLog(out / "overrides.jsonl").add([Override(id=name, decision="keep")])
    found = changed(before, curated(out))
    assert found.select("id", "outcome_after", "split_after").rows() == [(name, "kept", placed)]


@pytest.mark.slow
def test_a_file_with_fewer_and_more_rows_moves_no_row(first, tmp_path):
    out, before = again(first, tmp_path)
    new = [
        json.dumps(
            {"id": f"new-{n}", "input": {"part": f"N{n}", "keywords": f"a new thing {n * 7919}"}, "output": f"New {n}"}
        )
        for n in range(100)
    ]
    after = curated(out, lines=[*new, *LINES[300:]])
    placed = before.filter(outcome="kept").join(after.filter(outcome="kept"), on="id")
    assert len(placed) > 300
    assert (placed["split"] == placed["split_right"]).all()
    back = curated(out)
    kept = before.filter(outcome="kept").join(back.filter(outcome="kept"), on="id")
    assert (kept["split"] == kept["split_right"]).all()


@pytest.mark.slow
def test_a_dry_run_uses_the_splits_and_writes_none(first, tmp_path):
    out, before = again(first, tmp_path)
    DecisionLog(out / "overrides.jsonl").add([Override(id=before.filter(split="test")["id"][0], decision="drop")])
    pinned = (out / "splits.jsonl").read_bytes()
    assert len(changed(before, curated(out, dry_run=True))) == 1
    assert (out / "splits.jsonl").read_bytes() == pinned
    curated(tmp_path / "none", dry_run=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_without_the_file_all_rows_are_split_again_and_another_may_be_named(first, tmp_path):
    out, before = again(first, tmp_path)
    (out / "splits.jsonl").unlink()
    settings = CurateSettings(tie_siblings=False, tie_outputs=False)
    assert len(changed(before, curated(out, settings=settings))) > 50
    other = tmp_path / "other"
    assert changed(before, curated(other, splits=first[0] / "splits.jsonl")).is_empty()
    assert not (other / "splits.jsonl").exists()
