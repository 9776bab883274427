"""Collected outputs: what a file may hold, what is said of it, and that all its problems come in one message."""

import gzip
import json

import polars as pl
import pytest
from backports import zstd

from tuneworth.core import DataError
from tuneworth.evaluate import read_outputs
from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA

IDS = ["1", "2", "3"]


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def read(tmp_path):
    def call(content, name="o.jsonl", **settings):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_outputs(path, variant="v", ids=IDS, **settings)

    return call


def first(table, *names):
    return table.select(names).row(0)


@pytest.mark.parametrize("id", [1, "1", 1.0, " 1 "])
def test_an_id_may_be_a_number_or_a_text(read, id):
    table = read(jsonl({"id": id, "output": "x"}))
    assert table.schema == OUTPUT_SCHEMA
    assert table.select("id", "variant", "sample", "output").rows() == [
        ("1", "v", 0, "x"), ("2", "v", 0, None), ("3", "v", 0, None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "wanted"),
    [
        ("input_tokens", "12", 12),
        ("input_tokens", 12.0, 12),
        ("output_tokens", "", None),
        ("cached_tokens", float("nan"), None),
        ("seconds", "0.5", 0.5),
        ("seconds", 2, 2.0),
        ("finish_reason", "MAX_TOKENS", "length"),
        ("finish_reason", "FinishReason.SAFETY", "content_filter"),
        ("finish_reason", "end_turn", "stop"),
        ("finish_reason", "odd", "odd"),
        ("output", 12, "12"),
        ("output", {"a": [1]}, '{"a": [1]}'),
        ("output", "\ud800x", "\ufffdx"),
        ("error", "timed out", "timed out"),
        ("error", "", None),
        ("error", False, None),
        ("error", {"code": 500}, '{"code": 500}'),
        ("model", "gpt", "gpt"),
    ],
)
def test_a_value_is_read_as_it_is_meant(read, column, value, wanted):
    assert first(read(jsonl({"id": 1, "output": "x", column: value})), column) == (wanted,)


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
            (10, 4, 5, None),
        ),
        ({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 90}, (100, 90, 5, None)),
        ({"input_tokens": 9, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}, (9, None, 5, 2)),
        ("{}", (None, None, None, None)),
        (7, (None, None, None, None)),
    ],
)
def test_a_providers_usage_gives_the_tokens(read, usage, wanted):
    table = read(jsonl({"id": 1, "output": "x", "usage": usage}))
    assert first(table, "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens") == wanted


def test_what_a_column_says_of_tokens_goes_before_usage(read):
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    table = read(jsonl({"id": 1, "output": "x", "output_tokens": 6, "usage": usage}))
    assert first(table, "input_tokens", "output_tokens") == (10, 6)


def test_samples_are_numbered_from_0_whatever_they_are_called(read):
    said = []
    rows = [{"id": i, "sample": s, "output": f"{i}/{s}"} for s in (42, 7) for i in (3, 1)]
    table = read(jsonl(*rows, {"id": 2, "sample": 7, "output": "2/7"}), say=said.append)
    assert table.select("id", "sample", "output").rows() == [
        ("1", 0, "1/7"), ("1", 1, "1/42"), ("2", 0, "2/7"), ("2", 1, None), ("3", 0, "3/7"), ("3", 1, "3/42")
    ]  # fmt: skip
    assert any("1 of 6 outputs of v have no line" in words for words in said)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("o.jsonl", b'\xef\xbb\xbf{"id": 1, "output": "\xc3\xa4"}\n'),
        ("o.jsonl", '{"id": 1, "output": "ä"}\n'.encode("utf-16")),
        ("o.jsonl.gz", gzip.compress('{"id": 1, "output": "ä"}\n'.encode())),
        ("o.jsonl.zst", zstd.compress('{"id": 1, "output": "ä"}\n'.encode())),
        ("o.json", '[{"id": 1, "output": "ä"}]'),
        ("o.csv", "id;output\n1;ä\n"),
        ("o.csv", 'id,output,note\n1,"ä",x\n'),
        ("o.tsv", "id\toutput\n1\tä\n"),
    ],
    # Packed bytes hold the second in which they were packed: as names of tests they would differ between two workers.
    ids=["mark", "utf-16", "gz", "zst", "json", "semicolons", "quotes", "tsv"],
)
def test_files_are_read_as_pairs_are(read, name, content):
    assert first(read(content, name), "id", "output") == ("1", "ä")


def test_parquet_is_read_with_its_types(tmp_path):
    table = pl.DataFrame({"id": [1, 2, 3], "output": ["a", None, "c"], "output_tokens": [1.0, None, float("nan")]})
    table.write_parquet(tmp_path / "o.parquet")
    found = read_outputs(tmp_path / "o.parquet", variant="v", ids=IDS)
    assert found.select("output", "output_tokens").rows() == [("a", 1), (None, None), ("c", None)]


def test_every_problem_of_a_file_is_in_one_message(read):
    rows = [
        {"id": 1, "output": "a", "input_tokens": -1, "seconds": "soon"},
        {"id": 2, "output": "a", "output_tokens": 1.5},
        {"id": 2, "output": "b", "output_tokens": True},
        {"id": "stranger\x1b[2J", "output": "b"},
        {"output": "c"},
        {"id": 3, "output": "q", "input_tokens": 3, "cached_tokens": 5},
    ]
    with pytest.raises(DataError) as error:
        read(jsonl(*rows) + '{"id": \n')
    said = str(error.value)
    for part in (
        "8 problems",
        "line 7 is not JSON",
        '"input_tokens" is not a whole number, 0 or more: line 1 (-1)',
        '2 lines: "output_tokens" is not a whole number, 0 or more: line 2 (1.5), line 3 (True)',
        "\"seconds\" is not a number, 0 or more: line 1 ('soon')",
        "no pair has this id: line 4 ('stranger",
        "no id: line 5",
        "id and sample repeated (number repeats in a column `sample`): line 3 ('2')",
        '"cached_tokens" is more than "input_tokens", which includes it: line 6 (5 of 3)',
    ):
        assert part in said
    assert "\x1b" not in said


def test_only_the_first_of_many_lines_are_named(read):
    with pytest.raises(DataError, match=r"1,000 lines: no pair has this id: line 1 .*, line 5 \('x4'\) and 995 more$"):
        read(jsonl(*({"id": f"x{n}", "output": "a"} for n in range(1000))))


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        ("", "o.jsonl", "the file is empty"),
        ("\n\n", "o.jsonl", "the file is empty"),
        ('{"id": 1, "text": "a"}', "o.jsonl", 'no column "output"'),
        ('{"ID": 1, "output": "a"}', "o.jsonl", 'no column "id"'),
        ("id,output\n", "o.csv", "the file has no lines"),
        ('{"id": 1, "output": "a"}', "o.txt", "unknown file type"),
        ('{"id": 1, "output": "ä"}\n'.encode("latin-1"), "o.jsonl", "Save the outputs as UTF-8"),
        (b"PAR1 no parquet", "o.parquet", "cannot be read as Parquet"),
        (jsonl(*({"id": 1, "sample": n, "output": "a"} for n in range(101))), "o.jsonl", "101 different values"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(read, content, name, said):
    with pytest.raises(DataError, match=said):
        read(content, name)


def test_a_folder_and_a_missing_file_are_no_outputs(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_outputs(tmp_path, variant="v", ids=IDS)
    with pytest.raises(DataError, match="no file of outputs"):
        read_outputs(tmp_path / "o.jsonl", variant="v", ids=IDS)


def test_what_is_left_out_is_said_once(read):
    said = []
    rows = [{"id": i, "output": 5, "note": "x", "finish_reason": "odd"} for i in (1, 2, 3)]
    read(jsonl(*rows), say=said.append)
    assert [words.partition(": ")[2] for words in said] == [
        "ignored columns: note",
        "3 outputs are numbers, lists or objects rather than text and are judged as JSON",
        "unknown finish reasons, treated as stop: odd",
    ]


def test_lines_of_pairs_that_are_not_asked_for_may_stand_there(read):
    table = read(jsonl({"id": 1, "output": "a"}, {"id": 9, "output": "b"}), also=["9"])
    assert table["output"].to_list() == ["a", None, None]
