"""The mended data as one table: every kept pair as it counts, and what its output was before."""

import csv
import json

import pytest

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import (
    CurateSettings,
    DataSettings,
    Override,
    curate,
    read_frame,
    read_pairs,
    write_corrected,
    write_curated,
)
from tuneworth.style import parse_style

STYLE = parse_style("name: t\nchecks: [{kind: punctuation, end: none, id: no-stop}]")


def rows():
    things = ["lamp", "chair", "table", "shelf", "clock"]
    for n in range(50):
        fields = {"thing": f"{things[n % 5]} {n * 7919}", "id": n, "size": {"cm": [n, 2]}}
        yield {
            "id": f"r{n}", "family": f"f{n}", "input": fields if n % 10 else f"a plain request {n * 7919}",
            "output": f"Text {n}, ä\n{things[n % 5]}" + "." * (n == 7), "note": f"=n{n}", "list": [n],
        }  # fmt: skip


@pytest.fixture
def run(tmp_path):
    made = [Override(id="r3", decision="test", text="Mended"), Override(id="r4", decision="drop")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows())))
    raw = read_pairs(tmp_path / "rows.jsonl")
    write_curated(curate(raw, STYLE, settings=CurateSettings(fix="safe"), overrides=made), tmp_path / "run")
    return tmp_path / "run"


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_every_kept_pair_is_there_with_what_was_changed_and_a_column_per_field(run, tmp_path):
    found = table(write_corrected(run, tmp_path / "mended.csv"))
    kept = [
        json.loads(line)
        for split in ("train", "validation", "test")
        for line in (run / "curate" / f"{split}.jsonl").read_text().split("\n") if line
    ]  # fmt: skip
    assert list(found) == [pair["id"] for pair in sorted(kept, key=lambda pair: pair["row"])]
    assert "r4" not in found
    assert {id: row["output_as_read"] for id, row in found.items() if row["output_as_read"]} == {
        "r3": "Text 3, ä\nshelf", "r7": "Text 7, ä\ntable.",
    }  # fmt: skip
    assert (found["r3"]["output"], found["r7"]["output"]) == ("Mended", "Text 7, ä\ntable")
    assert found["r3"]["split"] == "test"
    for pair in kept:
        row, fields = found[pair["id"]], pair["fields"] or {}
        assert row["output"] == pair["output"]
        assert row["split"] == pair["split"]
        assert row["input"] == pair["input"]
        assert row["thing"] == fields.get("thing", "")
        assert row["id (field)"] == (str(fields["id"]) if fields else "")
        assert json.loads(row["size"] or "null") == fields.get("size")
        assert row["note"] == pair["meta"]["note"]
    assert list(found["r3"])[-5:] == ["output", "output_as_read", "family", "note", "list"]


def test_names_never_meet_and_empty_columns_are_left_out(tmp_path):
    data = [
        {
            "input": {"output": "a", "split": n, "part": f"P{n * 7919}"},
            "output": f"the {n}",
            "part": "x",
            "output_as_read": "y",
        }
        for n in range(40)
    ]
    write_curated(curate(read_frame(data)), tmp_path)
    found = table(write_corrected(tmp_path, tmp_path / "mended.csv"))
    assert list(next(iter(found.values()))) == [
        "id", "split", "output (field)", "split (field)", "part", "output", "output_as_read", "part (column)",
        "output_as_read (column)",
    ]  # fmt: skip


def test_a_system_message_is_a_column_and_a_guide_fills_it(tmp_path):
    write_curated(curate(read_frame([{"input": f"i {n * 7919}", "output": f"o {n}"} for n in range(9)])), tmp_path)
    assert "system" not in next(iter(table(write_corrected(tmp_path, tmp_path / "m.csv")).values()))
    assert {row["system"] for row in table(write_corrected(tmp_path, tmp_path / "m.csv", guide="Write.")).values()} == {
        "Write."
    }


def test_a_folder_and_a_run_without_pairs_are_refused(run, tmp_path):
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        write_corrected(run, tmp_path / "x.csv")
    with pytest.raises(DataError, match="tuneworth curate"):
        write_corrected(tmp_path, tmp_path / "y.csv")
    assert not (tmp_path / "y.csv").exists()


def test_the_table_can_be_read_as_pairs_again(run, tmp_path):
    file = write_corrected(run, tmp_path / "mended.csv")
    again = read_pairs(file).pairs
    assert dict(again.select("id", "output").rows()) == {id: row["output"] for id, row in table(file).items()}
    data = [{"input": {"thing": f"P{n * 7919}", "count": str(n)}, "output": f"the {n}"} for n in range(40)]
    write_curated(curate(read_frame(data)), tmp_path / "fields")
    file = write_corrected(tmp_path / "fields", tmp_path / "fields.csv")
    again = read_pairs(file, DataSettings(path=str(file), input=("thing", "count"))).pairs
    assert [json.loads(text) for text in again["fields"]] == [row["input"] for row in data]
