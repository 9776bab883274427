"""Tables in memory: polars, pandas, datasets and lists give the same pairs, and one result with all its tables."""

import datetime
import json

import numpy as np
import polars as pl
import pytest

from tuneworth.core import DataError
from tuneworth.curate import DataSettings, curate, read_frame, read_pairs
from tuneworth.style import StyleSchema

ROWS = [
    {
        "id": f"r{n}",
        "input": f"item {chr(97 + n) * 6} of {n}",
        "output": f"text {n}",
        "group": f"g{n % 5}",
        "price": n / 2,
    }
    for n in range(20)
]
PAIR_COLUMNS = [
    "row",
    "id",
    "input",
    "fields",
    "output",
    "system",
    "group",
    "component",
    "split",
    "reference_ok",
    "meta",
]


def pandas_frame(rows):
    return pytest.importorskip("pandas").DataFrame(rows)


def dataset(rows):
    return pytest.importorskip("datasets").Dataset.from_list(rows)


def dataset_dict(rows):
    return pytest.importorskip("datasets").DatasetDict({"a": dataset(rows[:7]), "b": dataset(rows[7:])})


@pytest.mark.slow
@pytest.mark.parametrize("table", [list, iter, tuple, pl.DataFrame, pl.LazyFrame, pandas_frame, dataset])
def test_every_table_gives_the_same_pairs_and_stays_as_it_was(table):
    given = table(ROWS)
    raw = read_frame(given)
    assert raw.pairs.equals(read_frame(ROWS).pairs)
    assert raw.pairs["meta"][3] == '{"price": 1.5}'
    if isinstance(given, pl.DataFrame):
        assert given.equals(pl.DataFrame(ROWS))


def test_the_result_has_kept_dropped_splits_ledger_and_summary():
    rows = [*ROWS, ROWS[0] | {"id": "copy"}, {"input": "no answer", "output": ""}]
    result = curate(pl.DataFrame(rows, infer_schema_length=None), StyleSchema("none", ()))
    assert result.kept.columns == [*PAIR_COLUMNS, "written"]
    assert result.dropped.columns[: len(PAIR_COLUMNS)] == PAIR_COLUMNS
    assert result.dropped.select("id", "outcome").rows()[0][1] == "duplicate"
    assert dict(result.ledger["outcome"].value_counts().iter_rows()) == {"kept": 20, "duplicate": 1, "invalid": 1}
    assert result.summary["rows_read"] == len(result.ledger) == 22
    assert list(result.splits) == ["train", "validation", "test"]
    assert sum(len(part) for part in result.splits.values()) == len(result.kept) == 20


def test_every_result_comes_as_pandas_too():
    pytest.importorskip("pandas")
    result = curate(ROWS)
    frames = result.to_pandas()
    assert set(frames) == {"kept", "dropped", "ledger", "train", "validation", "test"}
    assert frames["kept"]["id"].tolist() == result.kept["id"].to_list()
    assert len(read_frame(ROWS).to_pandas()["pairs"]) == 20


def test_a_result_can_be_curated_again():
    once = curate(ROWS)
    again = curate(once.kept)
    assert again.kept.drop("row").sort("id").equals(once.kept.drop("row").sort("id"))
    assert not len(again.dropped)


def test_what_polars_columns_hold_becomes_text_or_meta():
    table = pl.DataFrame(
        {
            "input": pl.Series(["one", "two", "one"], dtype=pl.Categorical),
            "output": [1.5, float("nan"), None],
            "when": [datetime.datetime(2026, 1, 2, 3, 4, 5)] * 3,
            "price": pl.Series(["1.50", "2", "3"]).cast(pl.Decimal(scale=2)),
            "tags": [["a", None], [], None],
            "of": [{"x": float("inf")}, {"x": float("nan")}, {"x": 1.0}],
        }
    )
    raw = read_frame(table)
    assert raw.pairs.select("input", "output").rows() == [("one", "1.5")]
    assert json.loads(raw.pairs["meta"][0]) == {
        "when": "2026-01-02 03:04:05", "price": "1.50", "tags": ["a", None], "of": {"x": "Infinity"},
    }  # fmt: skip
    assert raw.rejected.select("row", "rule").rows() == [(2, "empty_output"), (3, "empty_output")]


def test_bytes_are_text_where_they_are_utf_8():
    raw = read_frame(pl.DataFrame({"input": ["a"], "output": ["é".encode()]}))
    assert raw.pairs["output"].to_list() == ["é"]
    raw = read_frame(pl.DataFrame({"input": ["a", "b"], "output": ["é".encode(), b"\xff"], "raw": [b"\xff", b"x"]}))
    assert raw.pairs.select("output", "meta").rows() == [("é", '{"raw": "\\\\xff"}')]
    assert raw.rejected.select("row", "rule").rows() == [(2, "unreadable")]


def test_structs_are_fields_and_lists_of_structs_conversations():
    raw = read_frame(pl.DataFrame({"input": [{"a": 1, "b": None}, {"a": None, "b": "x"}], "output": ["p", "q"]}))
    assert raw.pairs.select("input", "fields").rows() == [
        ("a: 1", '{"a": 1, "b": null}'),
        ("b: x", '{"a": null, "b": "x"}'),
    ]
    said = [
        {"role": "user", "content": "Hi", "tool_calls": None},
        {"role": "assistant", "content": "Hello", "tool_calls": []},
    ]
    assert read_frame(pl.DataFrame({"messages": [said]})).pairs.select("input", "output").rows() == [("Hi", "Hello")]


def test_what_pandas_columns_hold_becomes_text_or_meta():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "input": pandas.Categorical(["a", "b", None]),
            "output": pandas.array([1, None, 3], dtype="Int64"),
            "when": [pandas.Timestamp("2026-01-02"), pandas.NaT, pandas.NaT],
            "flag": pandas.array([True, None, None], dtype="boolean"),
            "array": [np.array([1, 2]), [3, None], None],
            "word": pandas.array(["x", None, "z"], dtype="string"),
            7: [np.float32(0.5), np.nan, 1],
        },
        index=[5, 5, 9],
    )
    raw = read_frame(frame)
    assert raw.pairs.select("row", "input", "output").rows() == [(1, "a", "1")]
    assert json.loads(raw.pairs["meta"][0]) == {
        "when": "2026-01-02 00:00:00", "flag": True, "array": [1, 2], "word": "x", "7": 0.5,
    }  # fmt: skip
    assert raw.rejected.select("row", "rule").rows() == [(2, "empty_output"), (3, "empty_input")]


def test_columns_of_one_name_are_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match='has two columns "x"'):
        read_frame(pandas.DataFrame([["a", "b", 1, 2]], columns=["input", "output", "x", "x"]))


def test_labels_of_a_dataset_are_read_by_their_names():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"input": datasets.Value("string"), "output": datasets.ClassLabel(names=["bad", "good"])}
    )
    made = datasets.Dataset.from_dict({"input": ["a", "b", "c"], "output": [1, 0, 1]}, features=features)
    raw = read_frame(made.select([2, 1]).with_format("numpy"))
    assert raw.pairs.select("row", "input", "output").rows() == [(1, "c", "good"), (2, "b", "bad")]


def test_images_in_a_dataset_are_refused():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"input": datasets.Value("string"), "output": datasets.Value("string")})
    made = datasets.Dataset.from_dict({"input": ["a"], "output": ["b"]}, features=features)
    made = made.add_column("photo", [None]).cast_column("photo", datasets.Image())
    with pytest.raises(DataError, match=r'image data \(column "photo"\)'):
        read_frame(made)


def test_the_parts_of_a_dataset_dict_are_counted_through():
    raw = read_frame(dataset_dict(ROWS))
    assert raw.pairs["row"].to_list() == list(range(1, 21))
    assert raw.pairs["split"].null_count() == 20  # a and b are no splits, so they are carried along
    assert json.loads(raw.pairs["meta"][7])["split"] == "b"


def test_columns_are_named_by_settings():
    table = pl.DataFrame({"title": ["T"], "size": [3], "chosen": ["c"], "rejected": ["r"], "image": ["u"]})
    raw = read_frame(table, DataSettings(path="", input=("title", "size"), output="chosen"))
    assert raw.pairs.select("input", "output", "fields").rows() == [
        ("title: T\nsize: 3", "c", '{"title": "T", "size": 3}')
    ]


@pytest.mark.parametrize("wrong", ["pairs.jsonl", 3, None, b"x"])
def test_what_is_no_table_is_a_programming_error(wrong):
    with pytest.raises(TypeError, match="expected a polars or pandas DataFrame"):
        read_frame(wrong)


def test_items_that_are_no_objects_are_rows_with_a_reason():
    raw = read_frame([{"input": "a", "output": "b"}, "text", None, [1]])
    assert raw.rejected.select("row", "rule").rows() == [(2, "unreadable"), (3, "unreadable"), (4, "unreadable")]


@pytest.mark.parametrize("empty", [[], pl.DataFrame(), pl.DataFrame(schema={"input": pl.String, "output": pl.String})])
def test_an_empty_table_is_a_clear_error(empty):
    with pytest.raises(DataError, match="no record"):
        read_frame(empty)


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (
            {"style": "style.yaml"},
            'style must be a StyleSchema, as read_style and parse_style return it; found "style.yaml"',
        ),
        ({"settings": {"keep": "first"}}, "settings must be CurateSettings(...); found dict"),
        ({"identifiers": "part"}, 'identifiers must be names of fields, for example ["sku"]; found "part"'),
        ({"overrides": [{"id": "r1", "decision": "drop"}]}, "a sequence of Override(...)"),
        ({"overrides": "overrides.jsonl"}, "as read_overrides returns it"),
        ({"pinned": "splits.jsonl"}, "as read_splits returns it"),
    ],
)
def test_a_wrong_argument_is_named_with_what_makes_a_right_one(argument, words):
    with pytest.raises(TypeError) as wrong:
        curate(ROWS, **argument)
    assert words in str(wrong.value)


@pytest.mark.parametrize(
    "table", [ROWS[0], {"input": ["a"], "output": ["b"]}, pl.Series(["a"]), "pairs.jsonl", None, 3], ids=str
)
def test_what_is_no_table_is_refused(table):
    with pytest.raises(TypeError, match=r"^expected a .*table|^expected a polars"):
        read_frame(table)


@pytest.mark.slow
def test_a_streamed_dataset_is_refused_and_files_are_read_by_read_pairs():
    with pytest.raises(TypeError, match=r"found IterableDataset, a streamed dataset.*list\(dataset\)"):
        read_frame(dataset(ROWS).to_iterable_dataset())
    with pytest.raises(TypeError, match="use read_frame for tables in memory"):
        read_pairs(ROWS)


def test_tables_by_split_and_a_named_index_lose_nothing():
    frame = pl.DataFrame(ROWS)
    parts = read_frame({"train": frame[:15], "test": ROWS[15:]})
    assert parts.pairs["split"].to_list() == ["train"] * 15 + ["test"] * 5
    frame, names = pandas_frame(ROWS), [row["id"] for row in ROWS]
    whole = read_frame(ROWS).pairs
    for columns in ("id", ["id", "group"]):
        assert read_frame(frame.set_index(columns)).pairs.equals(whole)
        assert read_frame(frame.set_index(columns, drop=False)).pairs["id"].to_list() == names
    partly = frame.set_index(["id", "group"]).rename_axis(["id", None])
    assert read_frame(partly).pairs["id"].to_list() == names


def test_curate_takes_the_names_of_columns():
    names = {"input": "item", "output": "text", "group": "family", "id": "key"}
    table = pl.DataFrame(ROWS).rename(names)
    assert curate(table, **names).kept.equals(curate(ROWS).kept)
    with pytest.raises(TypeError, match="input: these pairs are read already"):
        curate(read_frame(ROWS), input="item")
    with pytest.raises(DataError, match='no column "itm"'):
        curate(table, input="itm", output="text")


def test_an_unnamed_index_of_pandas_is_the_id_unless_it_counts_or_repeats():
    frame = pandas_frame([{key: value for key, value in row.items() if key != "id"} for row in ROWS])
    names = [row["id"] for row in ROWS]
    assert read_frame(frame.set_axis(names)).pairs["id"].to_list() == names
    assert read_frame(frame[::2]).pairs["id"].to_list() == [str(n) for n in range(0, 20, 2)]
    counted = read_frame(frame).pairs["id"].to_list()
    assert counted == read_frame(frame.to_dict("records")).pairs["id"].to_list()
    assert read_frame(frame.set_axis([0] * 20)).pairs["id"].to_list() == counted
    assert read_frame(pandas_frame(ROWS).set_axis(range(5, 25))).pairs["id"].to_list() == names


def test_an_arrow_table_is_read():
    arrow = pytest.importorskip("pyarrow")
    for table in (arrow.Table.from_pylist(ROWS), arrow.RecordBatch.from_pylist(ROWS)):
        assert read_frame(table).pairs.equals(read_frame(ROWS).pairs)
