"""No file holds the machine: each limit ends reading with what was found, the limit, and the way to raise it."""

import gzip
import hashlib
import io
import json
import runpy
import struct
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError, Limits
from tuneworth.curate import DataSettings, read_pairs
from tuneworth.curate.read.formats import opened, records, tables
from tuneworth.curate.read.formats.text import BlankLines, LongLine, any_lines, feed_lines

FILES = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "limits_inputs.py"))
GOOD = '{"input": "a question", "output": "an answer"}\n'


def read(path, **limits):
    return read_pairs(path, DataSettings(path="", limits=Limits(**limits)))


def written(tmp_path, name, text):
    content = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return tmp_path / name


# --- lines --------------------------------------------------------------------------------------------------------

TEXTS = st.text(alphabet='ab "\r\n\u2028', max_size=60)


def blocks_of(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(text=TEXTS, size=st.integers(1, 8))
def test_blocks_give_the_lines_of_the_text(text, size):
    found = []
    for lines in feed_lines(blocks_of(text, size), 10**6, [].append):
        found += [""] * lines.lines if isinstance(lines, BlankLines) else lines
    # Blank lines may lose their spaces.
    assert [line.strip() for line in found] == [line.strip() for line in text.split("\n")]


RUNS = st.lists(st.sampled_from(["a", " ", "\r", "\n", "\n" * 70, "\r\n" * 40, "\r" * 64]), max_size=8).map("".join)


@given(text=TEXTS | RUNS, size=st.integers(1, 8) | st.integers(60, 200))
def test_blocks_give_the_lines_of_a_csv_file(text, size):
    found = []
    for line in any_lines(blocks_of(text, size), 10**6, [].append):
        found += list(io.StringIO(line, newline="")) if line[0] in "\r\n" else [line]
    assert found == list(io.StringIO(text, newline=""))


def test_many_blank_lines_within_a_block_are_one_text():
    lines = list(any_lines(["a\r\n" + "\r\n" * 900 + "b\n" + "\n" * 900], 10, [].append))
    assert [len(line) for line in lines] == [3, 1_800, 2, 900]


@given(lengths=st.lists(st.integers(0, 30), min_size=1, max_size=6), size=st.integers(1, 40), most=st.integers(1, 20))
def test_a_long_line_keeps_its_length_and_its_beginning(lengths, size, most):
    text = "\n".join("x" * length for length in lengths)
    found = [
        line
        for lines in feed_lines(blocks_of(text, size), most, [].append)
        if not isinstance(lines, BlankLines)
        for line in lines
    ]
    shown = [line.length if isinstance(line, LongLine) else len(line) for line in found]
    assert [length for length in shown if length] == [length for length in lengths if length]
    assert all(isinstance(line, LongLine) == (length > most) for line, length in zip(found, shown, strict=True))


# --- one record ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [16, 300, 1 << 22])
@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz"])
def test_a_line_beyond_the_limit_is_a_row_with_its_reason(tmp_path, monkeypatch, name, block):
    monkeypatch.setattr("tuneworth.curate.read.formats.text._BLOCK", block)
    long = json.dumps({"input": "b", "output": "x" * 500})
    raw = read(written(tmp_path, name, f"{GOOD}{long}\n{GOOD}"), record=400)
    assert raw.pairs["row"].to_list() == [1, 3]
    assert raw.rejected.select("row", "rule").rows() == [(2, "unreadable")]
    assert raw.rejected["evidence"][0] == (
        f'line 2 has {len(long):,} characters, and the limit is 400 bytes (record = "1 kB" in [data.limits], or '
        f"--limit record=1kB); it begins {json.dumps(long[:80] + '…', ensure_ascii=False)}"
    )


@pytest.mark.parametrize("block", [16, 300, 1 << 22])
@pytest.mark.parametrize("cell", ["x" * 500, '"' + "x" * 500 + '"'])
def test_a_cell_beyond_the_limit_is_a_row_with_its_reason(tmp_path, monkeypatch, cell, block):
    monkeypatch.setattr("tuneworth.curate.read.formats.text._BLOCK", block)
    raw = read(written(tmp_path, "p.csv", f"input,output\na,b\nc,{cell}\nd,e\n"), record=400)
    assert raw.pairs["row"].to_list() == [1, 3]
    assert raw.rejected.select("row", "rule").rows() == [(2, "unreadable")]
    assert raw.rejected["evidence"][0].startswith(
        f"line 3 has {len(cell) + 3:,} characters, and the limit is 400 bytes"
    )


def test_an_open_quote_takes_no_more_than_a_record(tmp_path):
    raw = read(written(tmp_path, "p.csv", 'input,output\na,"open\n' + "b,c\n" * 200), record=400)
    assert len(raw.pairs) == 200
    assert "a quote is opened and never closed within 400 bytes" in raw.rejected["evidence"][0]


def test_blank_lines_after_an_open_quote_are_passed_over_at_once(tmp_path):
    text = 'input,output\na,"open\n' + "\n" * 300_000 + "b,c\n"
    raw = read(written(tmp_path, "p.csv", text), record=100_000)
    assert raw.pairs["input"].to_list() == ["b"]
    assert raw.rejected["evidence"][0].startswith(
        "line 2 cannot be read as one record: a quote is opened and never closed"
    )


def test_an_open_quote_before_a_long_line_leaves_both_as_rows(tmp_path):
    raw = read(written(tmp_path, "p.csv", f'input,output\na,"open\nb,{"x" * 500}\nc,d\n'), record=400)
    assert raw.rejected["row"].to_list() == [1, 2]
    assert raw.pairs["row"].to_list() == [3]


RECORDS = [{"input": "a", "output": "b"}, {"input": "c", "output": "x" * 500}, {"input": "d", "output": "e"}]


def test_a_long_element_of_a_json_document_is_a_row_with_its_reason(tmp_path):
    raw = read(written(tmp_path, "p.json", json.dumps(RECORDS)), record=400)
    assert (raw.pairs["row"].to_list(), raw.rejected["row"].to_list()) == ([1, 3], [2])
    assert raw.rejected["evidence"][0].startswith("record 2 has 528 characters")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_a_long_row_of_a_table_is_a_row_with_its_reason(tmp_path, suffix):
    table = pl.DataFrame(RECORDS)
    (table.write_parquet if suffix == "parquet" else table.write_ipc)(tmp_path / f"p.{suffix}")
    raw = read(tmp_path / f"p.{suffix}", record=400)
    assert (raw.pairs["row"].to_list(), raw.rejected["row"].to_list()) == ([1, 3], [2])


def test_the_texts_in_lists_and_structures_of_a_table_count(tmp_path):
    def chat(text):
        return [{"role": "user", "content": "hello"}, {"role": "assistant", "content": text}]

    pl.DataFrame({"messages": [chat("short"), chat("x" * 500)]}).write_parquet(tmp_path / "p.parquet")
    raw = read(tmp_path / "p.parquet", record=400)
    assert (raw.pairs["row"].to_list(), raw.rejected["row"].to_list()) == ([1], [2])


# --- what is no record --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
@pytest.mark.parametrize("block", [64, 1 << 22])
def test_blank_lines_are_passed_over_up_to_the_limit(tmp_path, monkeypatch, name, block):
    monkeypatch.setattr("tuneworth.curate.read.formats.text._BLOCK", block)
    first, pair = ("input,output\n", "a,b\n") if name == "p.csv" else ("", GOOD)
    path = written(tmp_path, name, first + "\n" * 500 + pair + "\n" * 500 + pair)
    assert len(read(path).pairs) == 2
    assert len(read(path, gap=600).pairs) == 2
    if name == "p.jsonl" and block > 1_000:
        return  # a block of text with a record is no gap
    with pytest.raises(DataError, match=r"there is no record in .* of its text.*\n.*gap = "):
        read(path, gap=400)


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_a_line_without_end_is_a_gap(tmp_path, monkeypatch, name):
    monkeypatch.setattr("tuneworth.curate.read.formats.text._BLOCK", 64)
    path = written(tmp_path, name, ("input,output\na,b\n" if name == "p.csv" else GOOD) + "x" * 5000)
    assert len(read(path, record=100, gap=6000).pairs) == 1
    with pytest.raises(DataError, match=r"there is no record in .* of its text.*\n.*gap = "):
        read(path, record=100, gap=1000)


def test_lines_after_many_blank_ones_keep_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr("tuneworth.curate.read.formats.text._BLOCK", 64)
    raw = read(written(tmp_path, "p.csv", 'input,output\n"a\n' + "\n" * 300 + '",b\n' + "\n" * 300 + "c\n"))
    assert "line 604 has 1 value" in raw.rejected["evidence"][0]
    raw = read(written(tmp_path, "p.jsonl", GOOD + "\n" * 300 + "[]\n"))
    assert raw.rejected["row"].to_list() == [302]


@pytest.mark.parametrize("name", ["p.jsonl", "p.csv"])
def test_a_file_of_unreadable_records_ends_at_the_limit(tmp_path, name):
    path = written(tmp_path, name, ("input,output\na,b\n" if name == "p.csv" else GOOD) + "1\n" * 50)
    assert len(read(path, unreadable=50).rejected) == 50
    with pytest.raises(DataError, match=r"50 of its records cannot be read, such as: .*; the limit is 49\n"):
        read(path, unreadable=49)


def test_a_head_of_blank_lines_is_no_empty_file(tmp_path):
    assert len(read(written(tmp_path, "p.jsonl", "\n" * 300_000 + GOOD)).pairs) == 1


# --- compression --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gzip_of", pytest.param("zstd_of", marks=pytest.mark.slow)])
def test_a_file_that_unpacks_to_many_times_its_size_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(opened, "GRACE_BYTES", 100_000)
    path = FILES[kind](
        tmp_path / f"p.jsonl.{'gz' if kind == 'gzip_of' else 'zst'}", GOOD.encode(), GOOD.encode(), size=5_000_000
    )
    with pytest.raises(DataError, match=r"its first .* unpack to .* times as much; the limit is 500\n.*ratio = \d+"):
        read(path)
    assert read(path, ratio=100_000).rows_read > 50_000
    with pytest.raises(DataError, match=r"unpacks to more than 2 MB; the limit is 2 MB\n.*unpacked = "):
        read(path, ratio=100_000, unpacked="2 MB")


@pytest.mark.slow
def test_a_small_file_may_compress_as_well_as_it_can(tmp_path):
    path = FILES["gzip_of"](tmp_path / "p.jsonl.gz", GOOD.encode(), GOOD.encode(), size=5_000_000)
    assert path.stat().st_size * 500 < 15_000_000
    assert read(path).rows_read > 50_000


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_compressed_file_of_empty_parts_is_refused(tmp_path, monkeypatch, suffix):
    zstd = pytest.importorskip("backports.zstd")
    pack = gzip.compress if suffix == "gz" else zstd.compress
    path = tmp_path / f"p.jsonl.{suffix}"
    texts = (hashlib.sha512(b"%d" % n).hexdigest() for n in range(3_000))
    parts = [pack(json.dumps({"input": text, "output": text[::-1]}).encode() + b"\n") + pack(b"") for text in texts]
    path.write_bytes(b"".join(parts))
    assert path.stat().st_size > 400_000
    monkeypatch.setattr(opened, "_MOST_IDLE", 150_000)
    assert len(read(path).pairs) == 3_000
    path.write_bytes(pack(b"") * (400_000 // len(pack(b""))) + pack(GOOD.encode()))
    with pytest.raises(DataError, match=r"of it unpack to nothing; the limit is 150 kB, and it is fixed\nNo program"):
        read(path)


# --- documents ----------------------------------------------------------------------------------------------------


OBJECTS = [{"input": f"question {n}", "output": "an answer"} for n in range(30)]


@pytest.mark.parametrize("block", [7, 300, 1 << 22])
@pytest.mark.parametrize(
    "document",
    [
        OBJECTS,
        {"version": 2, "vocabulary": ["a", "b"], "data": OBJECTS, "notes": {"by": []}},
        {name: [row[name] for row in OBJECTS] for name in ("input", "output")},
    ],
    ids=["a list", "a list under a name", "columns"],
)
def test_a_document_has_its_records_in_one_of_three_shapes(tmp_path, monkeypatch, document, block):
    monkeypatch.setattr("tuneworth.curate.read.formats.text._BLOCK", block)
    path = written(tmp_path, "p.json", json.dumps(document, indent=2))
    assert read(path, record=200).pairs.select("input", "output").to_dicts() == OBJECTS


@pytest.mark.parametrize("name", ["p.json", "p.json.gz"])
def test_a_document_that_is_too_large_is_to_be_converted_to_lines(tmp_path, monkeypatch, name):
    path = written(tmp_path, name, json.dumps(OBJECTS))
    monkeypatch.setattr(records, "_MOST_DOCUMENT", len(json.dumps(OBJECTS)))
    assert len(read(path).pairs) == 30
    monkeypatch.setattr(records, "_MOST_DOCUMENT", len(json.dumps(OBJECTS)) - 1)
    with pytest.raises(DataError, match=r"this one has more than .*\nConvert it to JSON Lines"):
        read(path)


@pytest.mark.parametrize(
    "document",
    [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
        {"input": "a", "output": "b"},
    ],
    ids=["a conversation", "a pair"],
)
def test_a_document_may_be_one_record(tmp_path, document):
    path = written(tmp_path, "p.json", json.dumps(document))
    assert read(path).pairs.select("input", "output").rows() == [("a", "b")]
    with pytest.raises(DataError, match=r"record 1 has .* and the limit is 20 bytes"):
        read(path, record=20)


def test_a_long_value_beside_the_records_does_not_matter(tmp_path):
    path = written(tmp_path, "p.json", json.dumps({"index": {"x" * 300: ["]"]}, "text": "y" * 300, "data": OBJECTS}))
    assert len(read(path, record=200).pairs) == 30


def test_a_fault_late_in_a_document_is_named_by_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr("tuneworth.curate.read.formats.document._BATCH", 100)
    text = json.dumps(OBJECTS, indent=0).replace('"question 29",', '"question 29"')
    with pytest.raises(DataError, match=r"p\.json is not JSON: Expecting ',' delimiter: line 120 column 1 \(char"):
        read(written(tmp_path, "p.json", text))


def test_elements_that_are_no_objects_end_at_the_limit(tmp_path):
    path = written(tmp_path, "p.json", json.dumps([*OBJECTS, *range(50)]))
    assert len(read(path, unreadable=50).rejected) == 50
    with pytest.raises(DataError, match="50 of its records cannot be read"):
        read(path, unreadable=49)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_a_page_that_unpacks_to_more_than_the_limit_is_not_read(tmp_path, suffix):
    path = FILES["page"](tmp_path / f"p.{suffix}", size=200_000_000)
    with pytest.raises(DataError, match=r"reading it takes too much memory; the limit is 10 MB\n.*document = "):
        read(path, document="10 MB")
    with pytest.raises(DataError, match=r"unpack to 200 MB, .* times as much"):
        read(path)
    path = FILES["page"](tmp_path / f"q.{suffix}", size=2_000_000)
    assert read(path).pairs["output"].str.len_bytes().to_list() == [2_000_000]


@pytest.mark.slow
def test_files_after_one_that_ends_the_process_are_tried_too(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing")
    FILES["page"](tmp_path / "b.parquet", size=200_000_000)
    pl.DataFrame(RECORDS).write_parquet(tmp_path / "c.parquet")
    limits, paths = Limits(document="10 MB"), [tmp_path / f"{name}.parquet" for name in "abc"]
    tables.try_tables(paths, limits)
    for path, said in zip(paths, [pl.exceptions.PolarsError, DataError, None], strict=True):
        with pytest.raises(said) if said else nullcontext():
            tables.scan_table(path, limits).collect()


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_the_pages_of_a_table_add_up(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(opened, "GRACE_BYTES", 1_000)
    table = pl.DataFrame({"input": [f"part {n}" for n in range(2_000)], "output": ["the same text for each"] * 2_000})
    (table.write_parquet if suffix == "parquet" else table.write_ipc)(tmp_path / f"p.{suffix}", compression="zstd")
    assert read(tmp_path / f"p.{suffix}").rows_read == 2_000
    with pytest.raises(DataError, match=r"times as much; the limit is 2\n"):
        read(tmp_path / f"p.{suffix}", ratio=2)


def test_a_text_in_every_row_of_a_dictionary_counts_in_every_row(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "GRACE_BYTES", 1_000_000)
    path = FILES["parquet_of"](tmp_path / "p.parquet", ["x" * 100_000], rows=1_000)
    with pytest.raises(DataError, match=r"unpack to 100 MB, .* times as much"):
        read(path)


@pytest.mark.slow
def test_categories_that_would_be_compared_for_ever_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_SECONDS", 1)
    path = FILES["parquet_of"](tmp_path / "p.parquet", ["x" * 1_000, "y"], rows=1_000, categories=True)
    assert read(path).rows_read == 1_000
    path = FILES["parquet_of"](tmp_path / "q.parquet", ["x" * 1_000_000, "y"], rows=200_000, categories=True)
    with pytest.raises(DataError, match=r"reading its .* kB takes more than 1 s\nSave its columns of categories"):
        read(path)


@pytest.mark.parametrize(
    "change", [lambda data: data[:-9] + b"\xff" + data[-8:], lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1"]
)
def test_damaged_metadata_is_said_in_words(tmp_path, change):
    pl.DataFrame(RECORDS).write_parquet(tmp_path / "p.parquet")
    (tmp_path / "p.parquet").write_bytes(change((tmp_path / "p.parquet").read_bytes()))
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path / "p.parquet")


def test_an_arrow_file_whose_buffer_states_too_much_is_refused(tmp_path):
    FILES["page"](tmp_path / "p.feather", size=2_000_000)
    data = (tmp_path / "p.feather").read_bytes()
    stated = struct.pack("<q", 2_000_000)
    assert data.count(stated)
    (tmp_path / "p.feather").write_bytes(data.replace(stated, struct.pack("<q", 1 << 40)))
    with pytest.raises(DataError, match=r"reading it takes too much memory; the limit is 1 GB"):
        read(tmp_path / "p.feather")


# --- workbooks ----------------------------------------------------------------------------------------------------

CELLS = {"A1": "input", "B1": "output", "A2": "a", "B2": "b"}


def test_a_workbook_with_a_cell_in_the_last_corner_is_refused(tmp_path):
    assert len(read(FILES["workbook"](tmp_path / "p.xlsx", CELLS)).pairs) == 1
    path = FILES["workbook"](tmp_path / "p.xlsx", CELLS | {"XFD1048576": "x"})
    with pytest.raises(
        DataError, match=r"its cells span 1,048,576 rows and 16,384 columns, which take 550 GB of memory"
    ):
        read(path)


def test_a_workbook_that_unpacks_to_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(opened, "GRACE_BYTES", 100_000)
    path = FILES["workbook"](tmp_path / "p.xlsx", CELLS, padding=2_000_000)
    with pytest.raises(DataError, match="times as much; the limit is 500"):
        read(path)
    with pytest.raises(DataError, match=r"this workbook is read at once and unpacks to more than 1 MB"):
        read(path, ratio=10_000, document="1 MB")


def test_a_long_cell_of_a_workbook_is_a_row_with_its_reason(tmp_path):
    raw = read(FILES["workbook"](tmp_path / "p.xlsx", CELLS | {"A3": "c", "B3": "x" * 500}), record=400)
    assert (raw.pairs["row"].to_list(), raw.rejected["row"].to_list()) == ([1], [2])


# --- the files themselves: 2 MB that unpack to 2 GB ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("what", ["one line of 2 GB", "one document of 2 GB", "a text of 1 MB in 200,000 rows"])
def test_a_command_refuses_an_attack_in_little_memory(tmp_path, what):
    measured = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "limits.py"))
    attack = next(attack for attack in measured["ATTACKS"] if what in attack.what)
    answer = measured["answer"](attack.make(tmp_path))
    assert answer.code == 2, answer.said
    assert "raise the limit" in answer.said
    assert answer.peak < 500  # MB


# --- where limits are stated --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("check", "FILE"),
        ("curate", "FILE", "--dry-run"),
        ("style", "infer", "FILE"),
        ("init", "FOLDER", "--from", "FILE"),
        ("evaluate", "--pairs", "PAIRS", "--outputs", "prompted=PAIRS", "--outputs", "tuned=FILE", "--out", "FOLDER"),
    ],
)
def test_a_limit_is_stated_on_the_command_line(command, pairs_file, style_file, tmp_path, words):
    file = written(tmp_path, "long.jsonl.gz", pairs_file.read_text())
    places = {
        "FILE": str(file),
        "FOLDER": str(tmp_path / "new"),
        "PAIRS": str(pairs_file),
        "tuned=FILE": f"tuned={file}",
    }
    places["prompted=PAIRS"] = f"prompted={pairs_file}"
    words = [places.get(word, word) for word in words] + (
        ["--style", str(style_file)] if words[0] == "evaluate" else []
    )
    done = command(*words, "--limit", "unpacked=1 kB")
    assert done.code == 2
    assert "the limit is 1 kB" in done.err
    assert "--limit unpacked=" in done.err
    assert command(*words, "--limit", "unpacked=1MB", "--limit", "ratio=300").code == 0


@pytest.mark.parametrize(
    ("limit", "words"),
    [("record", "expected KEY=SIZE"), ("recrod=3", 'did you mean "record"'), ("record=much", "must be a size")],
)
def test_a_wrong_limit_on_the_command_line_is_named(command, pairs_file, limit, words):
    done = command("check", pairs_file, "--limit", limit)
    assert done.code == 2
    assert words in done.err


@pytest.mark.slow
def test_the_limits_of_a_file_go_into_its_project_and_its_next_command(command, pairs_file, tmp_path):
    done = command("check", pairs_file, "--limit", "record=32 MB", "--json")
    assert "--limit record=32MB" in done.json["command"]
    assert command("init", tmp_path / "new", "--from", pairs_file, "--limit", "record=32 MB").code == 0
    settings = (tmp_path / "new" / "tuneworth.toml").read_text()
    assert 'limits = { record = "32 MB" }' in settings
    assert command("curate", tmp_path / "new", "--dry-run").code == 0


def test_a_project_states_its_limits(command, project):
    file = project / "tuneworth.toml"
    file.write_text(file.read_text() + '\n[data.limits]\nrecord = "30 B"\n')
    done = command("curate", project, "--dry-run")
    assert done.code == 2
    assert "and the limit is 30 bytes" in done.err
    assert (
        "--limit needs a file of pairs; for a project, set [data.limits]"
        in command("curate", project, "--limit", "record=3").err
    )
