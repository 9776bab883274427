"""Files read in parts, wherever they are cut, give what one reading of all of them gives."""

import gzip
import json
import os

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.curate import DataSettings, file_parts, find_files, read_pairs
from tuneworth.curate.read.columns import Columns, merge_columns
from tuneworth.curate.read.formats.batch import object_batches
from tuneworth.curate.read.pairs import gather, read_parts
from tuneworth.curate.read.parts import count_lines, numbered, read_part
from tuneworth.style import field_text

many = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def in_parts(path, data, most_bytes):
    """The pairs, the rejected, and what is said of them, where the files are cut into parts."""
    raw = gather(read_parts(path, data, file_parts(find_files(str(path)), data, most_bytes=most_bytes)))
    return raw.pairs, raw.rejected, (raw.shape, raw.guide, list(raw.warnings), list(raw.first_rows))


def outcome(reading):
    """What was read, or the first line of what was refused."""
    try:
        return reading(), None
    except DataError as error:
        return None, str(error).split("\n")[0]


def same_in_parts(path, data, most_bytes):
    """Whether both readings agree, also in the first line of what they refuse; the pairs where they do not refuse."""
    raw, refused = outcome(lambda: read_pairs(path, data))
    parts, other = outcome(lambda: in_parts(path, data, most_bytes))
    assert other == refused
    if raw is None or parts is None:
        return None
    pairs, rejected, said = parts
    assert pairs.equals(raw.pairs)
    assert rejected.equals(raw.rejected)
    assert said == (raw.shape, raw.guide, list(raw.warnings), list(raw.first_rows))
    return raw.pairs


# --- lines --------------------------------------------------------------------------------------------------------

TEXT = st.text(alphabet='ab \u2028\x85é\U0001f600\r\t"', max_size=6) | st.just("long " * 60)
TURNS = st.just([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])
VALUE = (
    TEXT | st.none() | st.integers(0, 9) | st.dictionaries(st.sampled_from(["a", "group"]), TEXT, max_size=2) | TURNS
)
NAMES = st.sampled_from(["id", "group", "split", "system", "meta", "fields", "instruction", "messages", "x"])
PAIR = st.builds(lambda a, b: {"input": a, "output": b}, VALUE, VALUE)
RECORD = st.builds(lambda pair, rest: pair | rest, PAIR, st.dictionaries(NAMES, VALUE, max_size=2))
PLAIN = st.builds(
    lambda a, split, system: {"input": a, "output": "o", "split": split, "system": system},
    TEXT,
    st.sampled_from([*["train", "test", None, "dev"] * 4, "some"]),
    st.sampled_from(["guide"] * 12 + ["other"]),
)
ROW = (PLAIN | RECORD | st.dictionaries(NAMES, VALUE, max_size=2)).map(lambda row: json.dumps(row, ensure_ascii=False))
LINE = ROW | st.sampled_from(
    ["", " ", "{broken", "[1]", '{"input": "\\ud800", "output": "o"}', "7", '{"a": 1, "a": 2}']
)
ENDS = st.sampled_from(["\n", "\r\n", "\n\n"])


@st.composite
def lines_files(draw):
    """The bytes of a JSONL file: with a mark or not, with broken lines, with bytes that are no text."""
    rows = draw(st.lists(st.one_of(ROW, LINE), min_size=draw(st.sampled_from([0, 1, 5, 10, 15])), max_size=25))
    body = draw(st.sampled_from(["", "\ufeff"])) + "".join(row + draw(ENDS) for row in rows)
    data = bytearray(body.removesuffix("\n").encode() if draw(st.booleans()) else body.encode())
    if draw(st.integers(0, 15)) == 15:
        place = draw(st.integers(0, len(data)))
        data[place:place] = b"\xff"
    return bytes(data)


SETTINGS = st.sampled_from(
    [
        DataSettings(path=""),
        DataSettings(path=""),
        DataSettings(path="", group="group"),
        DataSettings(path="", input=("input", "system"), output="output"),
        DataSettings(path="", split="split"),
        DataSettings(path="", input="*", output="output", leave_out_constant=True),
    ]
)


@pytest.mark.slow
@many
@given(files=st.lists(lines_files(), min_size=1, max_size=3), most=st.integers(1, 400), data=SETTINGS)
def test_lines_cut_anywhere_are_the_lines_of_the_whole(tmp_path, files, most, data):
    for old in tmp_path.iterdir():
        old.unlink()
    for number, body in enumerate(files):
        (tmp_path / f"{number}.jsonl").write_bytes(body)
    same_in_parts(tmp_path, data, most)
    assert sum(part.size for part in file_parts(find_files(str(tmp_path)), data, most_bytes=most)) == sum(
        map(len, files)
    )


@many
@given(
    rows=st.lists(st.sampled_from(["", "  ", "a", "b\u2028c", "d" * 90]), min_size=1, max_size=40),
    most=st.integers(1, 200),
)
def test_rows_of_parts_bear_the_numbers_of_their_lines(tmp_path, rows, most):
    path = tmp_path / "p.jsonl"
    lines = [json.dumps({"input": row, "output": "o"}, ensure_ascii=False) if row.strip() else row for row in rows]
    path.write_bytes("\n".join(lines).encode())
    expected = [(number, row) for number, row in enumerate(rows, start=1) if row.strip()]
    found = []
    for part in numbered(file_parts([path], DataSettings(path=""), most_bytes=most)):
        read = read_part(part, DataSettings(path=""), where="here") if expected else None
        found += (
            [(part.first + row - 1, text) for row, text in read.pairs.select("row", "input").iter_rows()]
            if read
            else []
        )
    assert found == expected


@pytest.mark.parametrize("most", [1, 30, 100, 1_000])
def test_a_broken_line_is_named_by_its_number_in_the_file(tmp_path, most):
    good = '{"input": "a", "output": "b"}\n'
    (tmp_path / "p.jsonl").write_text(good * 5 + "\n{oops\n" + good * 3 + "[2]\n")
    _, rejected, _ = in_parts(tmp_path / "p.jsonl", DataSettings(path=""), most)
    assert rejected["row"].to_list() == [7, 11]
    assert [text.split(" is not")[0] for text in rejected["evidence"]] == ["line 7", "record 11"]
    (tmp_path / "p.jsonl").write_bytes((good * 9).encode() + b'{"input": "\xe9"}\n')
    with pytest.raises(DataError, match="line 10: 0xe9"):
        in_parts(tmp_path / "p.jsonl", DataSettings(path=""), most)


def test_blank_lines_at_the_end_of_a_file_and_marks_within_it_are_taken_as_in_one_reading(tmp_path):
    good = '{"input": "a", "output": "b"}\n'
    (tmp_path / "a.jsonl").write_text("\ufeff" + good + "\n\ufeff" + good + "\n\n\n")
    (tmp_path / "b.jsonl").write_text(good)
    assert same_in_parts(tmp_path, DataSettings(path=""), 1)["row"].to_list() == [1, 4]


@pytest.mark.slow
def test_a_line_longer_than_many_parts_is_one_record(tmp_path):
    long = "word " * 2_000_000  # past two blocks of reading
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"input": text, "output": "o"}) + "\n" for text in ("a", long, "b", "c")))
    parts = file_parts([path], DataSettings(path=""), most_bytes=1_000)
    assert [part.span[1] for part in parts][-1] == path.stat().st_size
    assert len(parts) == 2
    assert same_in_parts(path, DataSettings(path=""), 1_000)["input"].to_list() == ["a", long, "b", "c"]


def test_cuts_depend_on_files_alone_and_lines_may_be_counted_elsewhere(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"input": "a", "output": "b"}\n' * 50)
    parts = file_parts(find_files(str(tmp_path)), DataSettings(path=""), most_bytes=200)
    counted = [count_lines(part) for part in reversed(parts)][::-1]
    assert sum(counted) == 100
    assert numbered(parts, counted) == numbered(parts)
    assert [part.first for part in numbered(parts)][:3] == [1, 8, 15]
    with pytest.raises(ValueError, match="not numbered"):
        read_part(parts[1], DataSettings(path=""), where="here")


# --- tables and files that are one part ---------------------------------------------------------------------------

CELLS = st.fixed_dictionaries(
    {
        "input": TEXT | st.none(),
        "output": TEXT,
        "id": st.none() | st.sampled_from([b"one", b"two", b"\xff"]),
        "n": st.none() | st.floats(),
        "more": st.none()
        | st.fixed_dictionaries({"a": st.none() | TEXT, "b": st.lists(st.integers(0, 3), max_size=2)}),
    }
)
SCHEMA = {
    "input": pl.String,
    "output": pl.String,
    "id": pl.Binary,
    "n": pl.Float64,
    "more": pl.Struct({"a": pl.String, "b": pl.List(pl.Int64)}),
}


@pytest.mark.slow
@many
@given(rows=st.lists(CELLS, max_size=30), most=st.integers(1, 3_000), group=st.integers(1, 20))
def test_a_table_cut_anywhere_is_the_table(tmp_path, rows, most, group):
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(tmp_path / "a.parquet", row_group_size=group)
    pl.DataFrame({"input": ["i"], "output": ["o"], "group": ["g"]}).write_parquet(tmp_path / "b.parquet")
    pairs = same_in_parts(tmp_path, DataSettings(path=""), most)
    assert pairs["input"][-1] == "i"
    parts = file_parts([tmp_path / "a.parquet"], DataSettings(path=""), most_bytes=most)
    assert sum(part.span[1] - part.span[0] for part in parts if part.span) in (0, len(rows))
    whole = outcome(lambda: read_pairs(tmp_path / "a.parquet").pairs)[0]
    for name, write in (("a.arrow", pl.DataFrame.write_ipc), ("a.feather", pl.DataFrame.write_ipc_stream)):
        (tmp_path / "other").mkdir(exist_ok=True)
        write(pl.read_parquet(tmp_path / "a.parquet"), tmp_path / "other" / name)
        pairs = same_in_parts(tmp_path / "other" / name, DataSettings(path=""), most)
        assert pairs is whole is None or pairs.equals(whole)


@pytest.mark.parametrize("name", ["p.csv", "p.json", "p.jsonl.gz", "p.jsonl", "p.parquet"])
def test_what_cannot_be_read_from_the_middle_is_one_part(tmp_path, name):
    path, row = tmp_path / name, {"input": "größer", "output": "b"}
    bodies = {
        "p.csv": "input,output\n" + "größer,b\n" * 99,
        "p.json": json.dumps([row] * 99),
        "p.jsonl.gz": gzip.compress((json.dumps(row) + "\n").encode() * 99),
        "p.jsonl": ((json.dumps(row, ensure_ascii=False) + "\n") * 99).encode("utf-16"),
        "p.parquet": b"PAR0 which it is not",
    }
    body = bodies[name]
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    assert [part.span for part in file_parts([path], DataSettings(path=""), most_bytes=10)] == [None]
    pairs = same_in_parts(path, DataSettings(path=""), 10)
    assert (pairs is None) == (name == "p.parquet")
    assert pairs is None or pairs["input"].unique().to_list() == ["größer"]


def test_the_guide_is_counted_over_all_parts(tmp_path):
    # Nine in ten of all rows have it, and not one fewer; in the second part it is rare.
    systems = ["other"] + ["guide"] * 89 + ["other"] * 9 + ["guide"]
    rows = [{"input": f"i{n}", "output": "o", "system": system} for n, system in enumerate(systems)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:90]))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[90:]))
    pairs = same_in_parts(tmp_path, DataSettings(path=""), 1 << 20)
    assert pairs["system"].null_count() == 90


def test_images_by_the_columns_of_one_part_are_no_reason_to_refuse_the_whole(tmp_path):
    image = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}
    pair = {"input": "a", "output": "b"}
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (image, pair, image)))
    pairs = same_in_parts(tmp_path / "p.jsonl", DataSettings(path=""), 1)
    assert pairs["input"].to_list() == ["a"]
    (tmp_path / "p.jsonl").write_text((json.dumps(image) + "\n") * 2)
    assert same_in_parts(tmp_path / "p.jsonl", DataSettings(path=""), 1) is None


# --- files that do not stay ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["p.jsonl", "p.parquet"])
def test_a_file_that_changes_or_vanishes_between_its_parts_is_refused(tmp_path, name):
    path = tmp_path / name
    table = pl.DataFrame({"input": [f"i{n}" for n in range(50)], "output": ["o"] * 50})
    table.write_ndjson(path) if name == "p.jsonl" else table.write_parquet(path)
    parts = numbered(file_parts([path], DataSettings(path=""), most_bytes=50))
    assert len(read_part(parts[0], DataSettings(path=""), where="here").pairs) > 0
    table[:49].write_ndjson(path) if name == "p.jsonl" else table[:49].write_parquet(path)
    with pytest.raises(DataError, match="changed while it was read"):
        read_part(parts[1], DataSettings(path=""), where="here")
    os.utime(path, ns=(0, parts[0].stamp.mtime_ns))
    with pytest.raises(DataError, match="changed while it was read"):
        read_part(parts[1], DataSettings(path=""), where="here")
    path.unlink()
    with pytest.raises(DataError, match="was deleted while it was read"):
        read_part(parts[1], DataSettings(path=""), where="here")


# --- columns ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(PLAIN | RECORD | st.fixed_dictionaries({"x": st.sampled_from("aaab")}), max_size=4), max_size=5),
    st.sampled_from([None, "group"]),
)
def test_columns_of_parts_merge_to_those_of_all(parts, group):
    data, whole, each = DataSettings(path="", group=group, leave_out_constant=True), Columns(), []
    for rows in parts:
        each.append(Columns())
        for batch in object_batches([*rows, 7]):
            whole.see(batch, data)
            each[-1].see(batch, data)
    merged = merge_columns(
        msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(columns))), Columns) for columns in each
    )
    # Names inside objects no longer matter once there is a column of the group's name.
    assert list(merged.names) == list(whole.names)
    assert (merged.split_named, merged.split_other) == (whole.split_named, whole.split_other)
    assert merged.records == whole.records
    assert group in whole.names or merged.inner == whole.inner
    assert merged.constant == whole.constant == constant_columns([row for rows in parts for row in rows])


def constant_columns(rows):
    """The columns whose text is the same in all rows."""
    texts = {name: {field_text(row.get(name)).strip() for row in rows} for row in rows for name in row}
    return {name for name, found in texts.items() if len(found) == 1}
