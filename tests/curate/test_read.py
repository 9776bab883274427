"""Files of every kind into the same pairs; what cannot be read is a row with its reason or one clear error."""

import gzip
import json

import polars as pl
import pytest

from tuneworth.core import DataError
from tuneworth.curate import DataSettings, read_frame, read_pairs

ROWS = [
    {"id": "a", "input": "one thing", "output": "Eins", "tag": "x"},
    {"id": "b", "input": "two", "output": "Zwei", "tag": "y"},
]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def write(path, kind):
    frame = pl.DataFrame(ROWS)
    if kind == "jsonl":
        path.write_text(lines(ROWS))
    elif kind == "json":
        path.write_text(json.dumps({"data": ROWS}))
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress(lines(ROWS).encode()))
    elif kind == "jsonl.zst":
        frame.lazy().sink_ndjson(path, compression="zstd")
    elif kind == "csv":
        frame.write_csv(path, separator=";")
    elif kind == "tsv":
        frame.write_csv(path, separator="\t")
    else:
        frame.write_parquet(path)


@pytest.mark.parametrize("kind", ["jsonl", "json", "jsonl.gz", "jsonl.zst", "csv", "tsv", "parquet"])
def test_every_kind_of_file_gives_the_same_pairs(tmp_path, kind):
    path = tmp_path / f"pairs.{kind}"
    write(path, kind)
    raw = read_pairs(path)
    assert raw.pairs.select("row", "id", "input", "output").rows() == [
        (1, "a", "one thing", "Eins"),
        (2, "b", "two", "Zwei"),
    ]
    assert [json.loads(meta) for meta in raw.pairs["meta"]] == [{"tag": "x"}, {"tag": "y"}]
    assert raw.shape.startswith("input and output")


def test_a_guessed_delimiter_is_said(tmp_path):
    write(tmp_path / "p.csv", "csv")
    assert 'delimiter ";" (guessed)' in read_pairs(tmp_path / "p.csv").shape


def test_malformed_lines_are_rows_and_blank_lines_are_counted_only(tmp_path):
    (tmp_path / "p.jsonl").write_text(lines(ROWS[:1]) + "\n{broken\n[1]\n" + lines(ROWS[1:]))
    raw = read_pairs(tmp_path / "p.jsonl")
    assert raw.pairs["row"].to_list() == [1, 5]
    assert raw.rows_read == 4
    assert raw.rejected.select("row", "outcome", "rule").rows() == [
        (3, "invalid", "unreadable"),
        (4, "invalid", "unreadable"),
    ]
    assert "line 3" in raw.rejected["evidence"][0]
    assert "{broken" in raw.rejected["evidence"][0]


def test_ragged_csv_records_are_rows_with_their_line(tmp_path):
    (tmp_path / "p.csv").write_text('input,output\na,b\n"two\nlines",c\nx,y,z\nd,e\n"open,f\n')
    raw = read_pairs(tmp_path / "p.csv")
    assert raw.pairs["input"].to_list() == ["a", "two\nlines", "d"]
    assert raw.rejected["row"].to_list() == [3, 5]
    assert "line 5 has 3 values" in raw.rejected["evidence"][0]


def test_a_folder_is_read_in_name_order_and_rows_count_through(tmp_path):
    (tmp_path / "b.jsonl").write_text(lines(ROWS[1:]))
    (tmp_path / "a.jsonl").write_text("\n" + lines(ROWS[:1]) + "oops\n")
    (tmp_path / "notes.md").write_text("not data")
    for source in (tmp_path, tmp_path / "*.jsonl"):
        raw = read_pairs(source)
        assert raw.pairs.select("row", "id").rows() == [(2, "a"), (4, "b")]
        assert raw.rejected["row"].to_list() == [3]


def test_repeated_ids_are_told_apart_with_one_warning(tmp_path):
    rows = [{"id": i, "input": f"in {n}", "output": "out"} for n, i in enumerate(["a", "a", "a#2", "a"])]
    (tmp_path / "p.jsonl").write_text(lines(rows))
    raw = read_pairs(tmp_path / "p.jsonl")
    assert raw.pairs["id"].to_list() == ["a", "a#3", "a#2", "a#4"]
    assert [w["code"] for w in raw.warnings] == ["repeated_ids"]


def test_pairs_without_id_are_known_by_their_content():
    raw = read_frame([{"input": "x", "output": "y"}, {"input": "x", "output": "z"}])
    assert raw.pairs["id"].n_unique() == 2
    assert raw.pairs["id"].str.len_chars().to_list() == [12, 12]


def test_bad_days_break_nothing(tmp_path):
    long = "word " * 200_000
    rows = [
        {"input": "nul \x00 here", "output": "a"},
        {"input": long, "output": "b"},
        {"input": "line\u2028sep", "output": "c"},
    ]
    (tmp_path / "p.jsonl").write_text(
        lines(rows) + '{"input": "\\ud800 lone", "output": "d"}\n{"input": " ", "output": "e"}\n'
    )
    raw = read_pairs(tmp_path / "p.jsonl")
    assert raw.pairs["input"].str.len_chars().to_list()[:3] == [10, 1_000_000, 8]
    assert "lone" in raw.pairs["input"][3]
    assert raw.rejected["rule"].to_list() == ["empty_input"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.jsonl", b"", ["empty"]),
        ("p.jsonl", b"\n \n", ["empty"]),
        ("p.jsonl", b'{"input": "a", "output": "b"}\n{"input": "\xe9"}\n', ["line 2", "0xe9", "encoding"]),
        ("p.jsonl", b'{"text": "a", "label": "b"}\n', ['"text", "label"', "input = "]),
        ("p.jsonl", b"nonsense\nmore\n", ["none of the 2 records"]),
        ("p.jsonl", b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n', ["preference data"]),
        ("p.jsonl", b'{"image": "a", "input": "b", "output": "c"}\n', ["image"]),
        ("p.csv", b"input,input\na,b\n", ["twice"]),
        ("p.json", b"{oops", ["not JSON"]),
        ("p.parquet", b"PAR0", ["as Parquet"]),
        ("p.jsonl.gz", b"plain", ["gzip"]),
        ("p.jsonl.zst", b"\x28\xb5\x2f\xfd broken", ["zstd"]),
        ("p.txt", b"a", ["unknown file type"]),
    ],
)
def test_a_file_that_cannot_be_pairs_is_one_clear_error(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read_pairs(tmp_path / name)
    assert all(word in str(error.value) for word in words)
    assert str(error.value).count("\n") < 3


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "pairs.jsonl").write_text(lines(ROWS))
    with pytest.raises(DataError, match=r'no file at .*; did you mean "pairs.jsonl"'):
        read_pairs(tmp_path / "pair.jsonl")


def test_missing_columns_are_named_together_with_the_nearest(tmp_path):
    (tmp_path / "p.jsonl").write_text(lines(ROWS))
    with pytest.raises(DataError) as error:
        read_pairs(tmp_path / "p.jsonl", DataSettings(path="", input="inputs", output="outputt"))
    assert 'did you mean "input"' in str(error.value)
    assert 'did you mean "output"' in str(error.value)
    with pytest.raises(DataError, match='"famly" for group'):
        read_pairs(tmp_path / "p.jsonl", DataSettings(path="", group="famly"))


def test_another_encoding_can_be_stated(tmp_path):
    (tmp_path / "p.csv").write_bytes("input,output\ncafé,Größe\n".encode("cp1252"))
    raw = read_pairs(tmp_path / "p.csv", DataSettings(path="", encoding="cp1252"))
    assert raw.pairs.row(0)[2:5] == ("café", None, "Größe")


def test_pandas_and_datasets_tables_read_like_polars():
    pandas, datasets = pytest.importorskip("pandas"), pytest.importorskip("datasets")
    expected = read_frame(pl.DataFrame(ROWS)).pairs
    for frame in (pandas.DataFrame(ROWS), datasets.Dataset.from_list(ROWS), ROWS):
        assert read_frame(frame).pairs.equals(expected)


def test_nothing_of_pandas_is_nothing():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"input": ["a", "b"], "output": ["x", float("nan")], "n": [1.5, float("nan")]})
    raw = read_frame(frame)
    assert raw.pairs["meta"].to_list() == ['{"n": 1.5}']
    assert raw.rejected["rule"].to_list() == ["empty_output"]


def test_a_datasets_folder_brings_its_splits(tmp_path):
    datasets = pytest.importorskip("datasets")
    parts = {"train": datasets.Dataset.from_list(ROWS[:1]), "test": datasets.Dataset.from_list(ROWS[1:])}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "d"))
    assert read_pairs(tmp_path / "d").pairs["split"].to_list() == ["train", "test"]
