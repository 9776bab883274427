"""Files of a run by their schemas: what is whole is read as it is, and damage has a place and a remedy."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tuneworth.core import (
    DataError,
    damage_is_named,
    read_stored,
    read_stored_lines,
    read_stored_table,
    run_files,
    stored_line,
)
from tuneworth.curate import LEDGER_SCHEMA, read_splits
from tuneworth.curate.decisions.overrides import Override, override_line

PAIR: dict[str, Any] = {
    "id": "a", "input": "Ä", "fields": None, "output": "b", "written": None, "system": None, "group": None, "component": None,
    "row": 1, "split": "train", "reference_ok": True, "meta": {"x": [1.5]},
}  # fmt: skip
PAIRS = "curate/SPLIT.jsonl"


def lines_of(*values: Any) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def refusal(read: Any) -> str:
    with pytest.raises(DataError) as found:
        read()
    return str(found.value)


@pytest.mark.parametrize("kind", run_files())
def test_each_schema_is_one_and_says_what_each_key_is(kind: str) -> None:
    file = run_files()[kind]
    jsonschema.Draft202012Validator.check_schema(file.schema)
    keys = file.schema.get("items", file.schema).get("properties", {})
    assert file.about
    assert file.typed or all(key.get("description") for key in keys.values())


def test_the_ledger_is_described_as_it_is_written() -> None:
    described = run_files()["curate/ledger.parquet"].schema["properties"]
    assert list(described) == [*LEDGER_SCHEMA, "file"]


def test_what_is_whole_is_read_as_python_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_bytes(lines_of(PAIR, {**PAIR, "row": 2, "new": "of a later version"}) + b"\n  \n")
    assert list(read_stored_lines(file, PAIRS)) == [json.loads(line) for line in file.read_text().split("\n")[:2]]
    assert read_stored_table(file, PAIRS, {"id": str, "row": int}).rows() == [("a", 1), ("a", 2)]
    assert list(read_stored_lines(tmp_path / "missing.jsonl", PAIRS)) == []
    assert read_stored(tmp_path / "run.json", "run.json") == {}


@pytest.mark.parametrize(("line", "said"), [
    (b"hello", "line 2: not readable as JSON (expected value, column 1)"),
    (b'{"id": "\xff"}', "line 2: not readable as JSON (invalid unicode code point, column "),
    (b'{"id": "\\ud800"}', "line 2: not readable as JSON"),
    (b'{"id": "a\x00"}', "line 2: not readable as JSON"),
    (b"[" * 100_000, "line 2: not readable as JSON"),
    (b"9" * 5_000, "line 2: not readable as JSON"),
    (b"[1]", "line 2: it is a list; expected an object"),
    (lines_of({**PAIR, "row": "1"})[:-1], 'line 2: "row" is "1"; expected a whole number'),
    (lines_of({**PAIR, "row": -1})[:-1], 'line 2: "row" is -1, which is less than the minimum of 0'),
    (lines_of({**PAIR, "row": 2**70})[:-1], 'line 2: "row" is 1180591620717411303424, which is greater than'),
    (lines_of({**PAIR, "split": "dev"})[:-1], 'line 2: "split" is "dev", which is not one of "train", "validation" or'),
    (lines_of({**PAIR, "output": None})[:-1], 'line 2: "output" is null; expected a text'),
    (lines_of({**PAIR, "reference_ok": float("nan")})[:-1], 'line 2: "reference_ok" is null; expected a boolean'),
    (lines_of({**PAIR, "input": ["x" * 9_000]})[:-1], 'line 2: "input" is a list; expected a text'),
    (lines_of({key: PAIR[key] for key in PAIR if key != "output"})[:-1], 'line 2: lacks the key "output"'),
], ids=range(15))  # fmt: skip
def test_a_damaged_line_is_named_with_its_place(tmp_path: Path, line: bytes, said: str) -> None:
    file = tmp_path / "curate" / "train.jsonl"
    file.parent.mkdir()
    file.write_bytes(lines_of(PAIR) + line + b"\n")
    found = refusal(lambda: list(read_stored_lines(file, PAIRS)))
    assert found.startswith(f"{file}, {said}")
    assert found.endswith(f"\nRemove it, then make it again: tuneworth curate {tmp_path} --again")
    assert len(found) < 600
    start = len(lines_of(PAIR))
    assert refusal(lambda: stored_line(line, PAIRS, path=file, start=start)) == found


@pytest.mark.parametrize("kind", ["run.json", "results.json", "curate/summary.json", "evaluate/outputs.jsonl"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "file"
    read = (
        (lambda: list(read_stored_lines(file, kind))) if run_files()[kind].lines else (lambda: read_stored(file, kind))
    )
    file.mkdir()
    assert "cannot be read: it is a folder" in refusal(read)
    file.rmdir()
    os.mkfifo(file)
    assert "cannot be read: it is not a file but a pipe" in refusal(read)
    file.unlink()
    file.symlink_to("nowhere")
    assert "it is a link to a file that is missing" in refusal(read)


def test_a_last_line_that_a_kill_cut_is_left_out_where_it_may_be(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_bytes(b'{"step": 1}\n{"step": 2, "tra')
    assert list(read_stored_lines(file, "train/log.jsonl", torn=True)) == [{"step": 1}]
    assert "line 2: not readable as JSON" in refusal(lambda: list(read_stored_lines(file, "train/log.jsonl")))
    file.write_bytes(b'{"step": 1}\n{"step": 2}')
    assert len(list(read_stored_lines(file, "train/log.jsonl", torn=True))) == 2


def test_a_number_that_is_none_is_null_unless_the_verdict_needs_it(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_text('{"train_loss": NaN, "steps": 4}')
    assert read_stored(file, "train/summary.json") == {"train_loss": None, "steps": 4}
    file.write_text('{"schema": "tuneworth/results/1", "money": {"payback_days": 1e999}}')
    assert "money.payback_days is not a finite number" in refusal(lambda: read_stored(file, "results.json"))


def test_half_of_a_character_in_results_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text('{"schema": "tuneworth/results/1", "project": "a\\ud800"}')
    assert read_stored(file, "results.json")["project"] == "a\ufffd"


def test_the_remedy_names_the_run_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / "my project"
    file = project / "runs" / "a" / "evaluate" / "variants.json"
    file.parent.mkdir(parents=True)
    (project / "tuneworth.toml").touch()
    file.write_text("{}")
    said = refusal(lambda: read_stored(file, "evaluate/variants.json"))
    assert said.endswith(f"Remove it, then make it again: tuneworth evaluate '{project}' --run a")


def test_code_that_misses_a_part_names_the_file(tmp_path: Path) -> None:
    def miss() -> None:
        with damage_is_named(tmp_path / "results.json", "results.json"):
            _ = {}["verdict"]  # type: ignore[index]

    assert "results.json: a part is missing or has an unexpected form: no key 'verdict'" in refusal(miss)


def test_the_readers_of_decisions_and_splits_take_what_their_schemas_do(tmp_path: Path) -> None:
    made = Override(id="a", content="c", decision="keep", who="x", why="y", text="z", when="2026-11-28T10:00:00+00:00")
    assert stored_line(override_line(made), "overrides.jsonl", path=tmp_path)["decision"] == "keep"
    file = tmp_path / "splits.jsonl"
    file.write_text('{"content": "c", "id": "a", "split": "test", "dropped": true}\n')
    assert len(list(read_stored_lines(file, "splits.jsonl"))) == len(read_splits(file).lines) == 1


@pytest.mark.slow
def test_a_document_beyond_its_limit_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    with file.open("wb") as sparse:
        sparse.truncate(3 * 10**9)
    assert "it has 268,435,456 bytes or more" in refusal(lambda: read_stored(file, "results.json"))
