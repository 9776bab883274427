"""Whatever stands in a file: one clear error, or a row with its reason; nothing crashes and nothing is lost."""

import gzip
import json
import os
import threading
import time

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.core import DataError, printable
from tuneworth.curate import DataSettings, curate, read_frame, read_ledger, read_pairs, write_curated

GOOD = '{"input": "a question", "output": "an answer"}\n'


def read_text(tmp_path, text, name="p.jsonl", **data):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_pairs(tmp_path / name, DataSettings(path="", **data))


def reasons(raw):
    return raw.rejected.select("row", "rule").rows()


# --- lines that are no pairs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "rule", "words"),
    [
        ('{"input": "a", "output": ', "unreadable", "line 2 is not JSON"),
        ("[1, 2]", "unreadable", "not an object"),
        ("12", "unreadable", "not an object"),
        ("\x00\x00\x00", "unreadable", "not JSON"),
        ('{"input": "a", "output": "b", "output": "c"}', "unreadable", 'names "output" twice'),
        ('{"input": "a", "output": "b"} trailing', "unreadable", "Extra data"),
        ('{"input": "tab\there", "output": "b"}', "unreadable", "control character"),
        ('{"a": ' * 10_000 + "1" + "}" * 10_000, "unreadable", "nested too deep"),
        ('{"input": "a", "output": "b", "x": ' + "[" * 150 + "]" * 150 + "}", "unreadable", "nested too deep"),
        ('{"input": "a", "output": "b", "n": ' + "9" * 5_000 + "}", "unreadable", "not JSON"),
        ('{"output": "b"}', "empty_input", "input is empty"),
        ('{"input": "a"}', "empty_output", 'no "output"'),
        ('{"input": null, "output": "b"}', "empty_input", "empty"),
        ('{"input": "a", "output": null}', "empty_output", "empty"),
        ('{"input": "a", "output": NaN}', "empty_output", "empty"),
        ('{"input": "a", "output": " \\n\\t"}', "empty_output", "empty"),
        ('{"input": {}, "output": "b"}', "empty_input", "empty"),
        ('{"input": [], "output": "b"}', "empty_input", "empty"),
    ],
)
def test_a_line_that_is_no_pair_is_a_row_with_its_reason(tmp_path, line, rule, words):
    raw = read_text(tmp_path, GOOD + line + "\n" + GOOD)
    assert reasons(raw) == [(2, rule)]
    assert raw.pairs["row"].to_list() == [1, 3]
    assert words in raw.rejected["evidence"][0]
    assert len(raw.rejected["evidence"][0]) < 250


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("3", "3"),
        ("1.5", "1.5"),
        ("true", "true"),
        ("[1, 2]", "[1, 2]"),
        ("Infinity", "Infinity"),
        ('"\\u0000"', "\x00"),
    ],
)
def test_what_stands_where_text_belongs_becomes_its_text(tmp_path, value, text):
    raw = read_text(tmp_path, GOOD + f'{{"input": {value}, "output": {value}}}\n')
    assert raw.pairs["output"][1] == text


def test_meta_stays_json_whatever_numbers_it_holds(tmp_path):
    raw = read_text(tmp_path, '{"input": "a", "output": "b", "x": NaN, "y": [Infinity, NaN], "z": 1e999}\n')
    assert json.loads(raw.pairs["meta"][0], parse_constant=pytest.fail) == {"y": ["Infinity", None], "z": "Infinity"}


def test_half_a_surrogate_pair_is_mended_and_said(tmp_path):
    raw = read_text(tmp_path, GOOD + '{"input": "\\ud800 a", "output": "b", "id": "\\udfff"}\n')
    assert "\ufffd" in raw.pairs["input"][1]
    assert [w["code"] for w in raw.warnings] == ["lone_surrogates"]


@pytest.mark.slow
def test_a_column_that_comes_late_changes_what_is_read(tmp_path):
    line = '{"input": "i", "output": "o", "split": "train"}\n'
    late = '{"instruction": "do", "input": "i", "output": "o", "split": "mine"}\n'
    raw = read_text(tmp_path, line * 90_000 + late)  # the first block of the file ends before it
    assert raw.shape.startswith("Alpaca")
    assert raw.pairs["input"][-1] == "do\n\ni"
    assert raw.pairs["split"].null_count() == len(raw.pairs) == 90_001
    assert json.loads(raw.pairs["meta"][0]) == {"split": "train"}


@pytest.mark.slow
def test_fields_of_a_million_characters_and_lines_longer_than_a_block_are_read(tmp_path):
    long = "x" * 9_000_000
    raw = read_text(tmp_path, json.dumps({"input": long, "output": "y" * 1_000_000}) + "\n" + GOOD)
    assert raw.pairs["input"].str.len_chars().to_list() == [9_000_000, 10]
    raw = read_text(tmp_path, f'input,output\na,"{long}\n"\nb,c\n', name="p.csv")
    assert raw.pairs["output"].str.len_chars().to_list() == [9_000_001, 1]


# --- CSV ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("input;output\n1,5;2,5\n3,5;4,5\n", [("1,5", "2,5"), ("3,5", "4,5")]),
        ('"input";"output"\n"a;b";"c, d"\n', [("a;b", "c, d")]),
        ("input|output\na, b, c|d\n", [("a, b, c", "d")]),
        ("input\toutput\na;b\tc;d\n", [("a;b", "c;d")]),
        ("sep=|\ninput|output\na|b\n", [("a", "b")]),
        ("\ufeffinput,output\r\na,b\r\n", [("a", "b")]),
        ("input,output\ra,b\rc,d\r", [("a", "b"), ("c", "d")]),
        ('input,output\n"one\r\ntwo","x ""y"" z"\n', [("one\r\ntwo", 'x "y" z')]),
        ('input,output\n"say \\"hi\\"","b, c"\n', [('say "hi"', "b, c")]),
        ("input,output\nC:\\new,b\\\n", [("C:\\new", "b\\")]),
        ("'input','output'\n'a, b','c'\n", [("a, b", "c")]),
        ('input,output\n5" pipe,b\n', [('5" pipe', "b")]),
        ("input,output\n007,1.50\n", [("007", "1.50")]),
        ("input,output\na\x0bb\u2028c,d\n", [("a\x0bb\u2028c", "d")]),
        ("\n\ninput,output\n\na,b\n\n", [("a", "b")]),
        (",input,output\n0,a,b\n", [("a", "b")]),
    ],
)
def test_dialects_of_csv_are_told(tmp_path, text, pairs):
    raw = read_text(tmp_path, text, name="p.csv")
    assert raw.pairs.select("input", "output").rows() == pairs
    assert not len(raw.rejected)


def test_an_open_quote_does_not_take_the_rest_of_the_file(tmp_path):
    raw = read_text(tmp_path, 'input,output\na,"open\n' + "b,c\n" * 50_000, name="p.csv")
    assert reasons(raw) == [(1, "unreadable")]
    assert "line 2" in raw.rejected["evidence"][0]
    assert "never closed" in raw.rejected["evidence"][0]
    assert len(raw.pairs) == 50_000


@pytest.mark.parametrize(
    ("text", "delimiter", "words"),
    [
        ("input;output\na;b\n", ",", ['delimiter ","', "one column", '";" would give 2']),
        ("just text\nmore text\n", None, ["found no input and output", "needs a header line"]),
        ("How are you,Fine\nAnd you,Well\n", None, ["found no input and output", "needs a header line"]),
        ('"input,output\n', None, ["line 1", "column names cannot be read"]),
    ],
)
def test_a_csv_file_that_is_not_pairs_says_what_was_seen(tmp_path, text, delimiter, words):
    with pytest.raises(DataError) as error:
        read_text(tmp_path, text, name="p.csv", delimiter=delimiter)
    assert all(word in str(error.value) for word in words)


def test_the_named_columns_decide_between_delimiters(tmp_path):
    text = "a|b;c|d\n1|2;3|4\n"
    raw = read_text(tmp_path, text, name="p.csv", input="a|b", output="c|d")
    assert raw.pairs.select("input", "output").rows() == [("1|2", "3|4")]


# --- encodings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["p.jsonl", "p.csv", "p.jsonl.gz", "p.json"])
def test_unicode_with_a_mark_is_read_without_being_stated(tmp_path, encoding, name):
    text = "input,output\nGröße 日本,b\n" if "csv" in name else '{"input": "Größe 日本", "output": "b"}\n'
    data = text.encode(encoding)
    raw = read_text(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name=name)
    assert raw.pairs["input"].to_list() == ["Größe 日本"]
    assert ("by its byte order mark" in raw.shape) == (encoding in ("utf-16", "utf-32"))


def test_packed_with_zstandard_in_another_encoding(tmp_path):
    zstd = pytest.importorskip("backports.zstd")
    frames = zstd.compress("input;output\ncafé;".encode("utf-16-le")) + zstd.compress("b\n".encode("utf-16-le"))
    raw = read_text(tmp_path, frames, name="p.csv.zst", encoding="utf-16-le")
    assert raw.pairs.select("input", "output").rows() == [("café", "b")]
    with pytest.raises(DataError, match="zstd"):
        read_text(tmp_path, frames[:-4], name="p.csv.zst", encoding="utf-16-le")


def test_a_stated_utf_16_may_bring_its_mark(tmp_path):
    raw = read_text(tmp_path, b"\xff\xfe" + GOOD.encode("utf-16-le"), encoding="utf-16-le")
    assert len(raw.pairs) == 1


def test_utf_16_without_a_mark_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match='encoding = "utf-16-le"'):
        read_text(tmp_path, GOOD.encode("utf-16-le"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Größe und Länge der schönen Straße – für Äpfel, Öl und Überzüge; prix élevé, déjà vu à l’hôtel"),
        (
            "cp1252",
            "The Punter is a cheap English pub, near the river, for less than £20; the wine costs more than £30.",
        ),
        ("cp1252", "The Vaults pub near Café Adriatic has a 5 star rating, and prices start at €30 a head."),
        ("cp1251", "Цена товара указана без учёта доставки, размер и цвет можно выбрать на странице заказа"),
        ("cp1252", "Le boîtier est livré à l’unité, déjà testé"),
        ("cp1250", "Zażółć gęślą jaźń, cena produktu w złotych, řádek"),
        ("cp1250", "Cena: 20 zł"),
        ("euc_jp", "これは製品の説明です。色とサイズを選んでください。"),
        ("cp949", "이것은 제품 설명입니다. 색상과 크기를 선택하십시오."),
        ("cp932", "これは製品の説明です。色とサイズを選んでください。送料は別途かかります。"),
        ("gb18030", "这是产品说明。请选择颜色和尺寸。运费另计。本产品保修一年。"),
    ],
)
def test_another_encoding_is_guessed_and_the_guess_reads(tmp_path, encoding, text):
    lines = "".join(json.dumps({"input": f"{n}", "output": text}, ensure_ascii=False) + "\n" for n in range(20))
    with pytest.raises(DataError) as error:
        read_text(tmp_path, lines.encode(encoding))
    assert "line 1: 0x" in str(error.value)
    assert "(a guess)" in str(error.value)
    guess = str(error.value).split('encoding = "')[1].split('"')[0]
    assert read_text(tmp_path, lines.encode(encoding), encoding=guess).pairs["output"][0] == text


def test_one_bad_byte_in_utf_8_is_named_with_its_line_and_never_replaced(tmp_path):
    data = ('{"input": "Größe", "output": "größer"}\n' * 30_000).encode() + b'{"input": "a\xff", "output": "b"}\n'
    with pytest.raises(DataError, match="line 30001: 0xff is not valid utf-8\nIts other special characters are UTF-8"):
        read_text(tmp_path, data)


# --- places -------------------------------------------------------------------------------------------------------


def test_a_pipe_is_no_file_to_read(tmp_path):
    os.mkfifo(tmp_path / "p.jsonl")
    with pytest.raises(DataError, match="is not a file but a pipe"):
        read_pairs(tmp_path / "p.jsonl")


def test_a_folder_without_data_and_a_folder_of_a_run_are_named(tmp_path):
    (tmp_path / "p.jsonl").mkdir()
    with pytest.raises(DataError, match="contains no readable file"):
        read_pairs(tmp_path / "p.jsonl")
    for name in ("ledger.parquet", "summary.json", "train.jsonl"):
        (tmp_path / name).write_text("")
    with pytest.raises(DataError, match="the output of `tuneworth curate`"):
        read_pairs(tmp_path)


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    (tmp_path / "p.jsonl").write_text(GOOD)
    (tmp_path / "p.jsonl").chmod(0)
    if os.access(tmp_path / "p.jsonl", os.R_OK):  # root may read everything: a link in a circle is as unreadable
        (tmp_path / "p.jsonl").unlink()
        (tmp_path / "p.jsonl").symlink_to(tmp_path / "p.jsonl")
    with pytest.raises(DataError):
        read_pairs(tmp_path / "p.jsonl")


def test_names_with_brackets_are_names(tmp_path):
    pl.DataFrame({"input": ["a"], "output": ["b"]}).write_parquet(tmp_path / "x=1[2].parquet")
    assert len(read_pairs(tmp_path / "x=1[2].parquet").pairs) == 1


@pytest.mark.slow
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(GOOD * 300_000)
    stop = threading.Event()

    def write_on():
        with path.open("a") as file:
            while not stop.is_set():
                file.write(GOOD)
                file.flush()
                time.sleep(0.005)

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        with pytest.raises(DataError, match="changed while it was read"):
            read_pairs(path)
    finally:
        stop.set()
        writer.join()
    assert len(read_pairs(path).pairs) >= 300_000


# --- any bytes ----------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["input", "output", "id", "group", "split", "system", "fields", "meta", "row", "messages", "x"])
ROWS = st.lists(st.dictionaries(NAMES, JSON, max_size=6), max_size=6)


def accounted_for(raw):
    """Every row is a pair or a rejected row, once, and all of it can be written."""
    rows = sorted([*raw.pairs["row"].to_list(), *raw.rejected["row"].to_list()])
    assert len(set(rows)) == len(rows) == raw.rows_read
    assert raw.pairs["id"].n_unique() == len(raw.pairs)
    assert not raw.rejected["evidence"].has_nulls()
    for name in ("fields", "meta"):
        assert all(isinstance(json.loads(text), dict) for text in raw.pairs[name].drop_nulls())


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_any_objects_are_pairs_or_rows_with_a_reason(tmp_path, rows):
    rows = [{"input": "a", "output": "b"}, *rows]
    try:
        raw = read_frame(rows)
    except DataError:
        return
    accounted_for(raw)
    assert raw.rows_read == len(rows)
    # A file of the same objects is the same: what is no number, a name used twice and empty lines aside.
    text = "".join(json.dumps(row) + "\n" for row in rows)
    assert read_text(tmp_path, text).rows_read == len(rows)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["p.jsonl", "p.csv", "p.json", "p.tsv", "p.parquet", "p.jsonl.gz", "p.csv.zst"]))
def test_any_bytes_are_rows_or_one_error(tmp_path, data, name):
    good = {"csv": "input,output,id\n" + 'a,"b\nc",1\nd,e,2\n' * 3, "tsv": "input\toutput\na\tb\n"}
    body = bytearray(good.get(name.split(".")[1], GOOD * 4).encode())
    if name == "p.parquet":
        pl.DataFrame({"input": ["a"], "output": ["b"]}).write_parquet(tmp_path / name)
        body = bytearray((tmp_path / name).read_bytes())
    elif name == "p.jsonl.gz":
        body = bytearray(gzip.compress(bytes(body)))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4) | st.just(b'"'))
    raw, said = None, ""
    try:
        raw = read_text(tmp_path, bytes(body), name=name)
    except DataError as error:
        said = str(error)
    assert (raw is None) == bool(said)
    assert len(said.split("\n")) <= 3
    if raw is not None:
        accounted_for(raw)


def test_the_names_of_columns_stay_on_one_line_of_the_error_and_are_shortened(tmp_path):
    head = '"in\nput\r\n\x1b[31m","' + "o" * 500 + '"\n'
    with pytest.raises(DataError) as unknown:
        read_text(tmp_path, head + "a,b\n", name="p.csv")
    with pytest.raises(DataError) as stated:
        read_text(tmp_path, head + "a,b\n", name="p.csv", input="inputs", output="b")
    for error in (unknown, stated):
        lines = str(error.value).split("\n")
        assert len(lines) <= 3
        assert all(line.isprintable() for line in lines)
        assert "o" * 61 not in str(error.value)


# --- text that would like to be more ------------------------------------------------------------------------------

INJECTED = [
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "=cmd|' /C calc'!A0",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    "-1",
]


def test_text_stays_text_in_every_file_of_a_run(tmp_path):
    rows = [{"id": t, "input": f"{t} number {n}", "output": f"{t} {n}"} for n, t in enumerate(INJECTED * 4)]
    curated = curate(rows)
    write_curated(curated, tmp_path)
    files = sorted((tmp_path / "curate").glob("*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().split("\n") if line]
    assert {line["output"] for line in lines} == {row["output"] for row in rows}
    assert set(read_ledger(tmp_path)["id"].str.split("#").list.first()) == set(INJECTED)


@pytest.mark.parametrize(
    "bad", ["\x1b[2J", "\x9b31m", "\x07", "\r", "\u202a", "\u202e", "\u2066", "\ud800", "\x7f", "\U000e0041"]
)
def test_a_terminal_gets_no_control_characters_from_data(bad):
    shown = printable(f"row\t1: {bad}é日本\n")
    assert shown.startswith("row\t1: \\")
    assert shown.endswith("é日本\n")
    assert not set(bad) & set(shown) - set("[2J31m")


@pytest.mark.parametrize("text", ["\u200b\ufeff \n", "\u00ad", "\u2060\t"])
def test_marks_of_no_width_are_no_text(text):
    rows = [{"input": f"{i} of {i * 7919}", "output": text if i == 3 else f"o{i}"} for i in range(20)]
    rows[5] |= {"input": text}
    done = curate(rows)
    assert dict(done.ledger.filter(outcome="invalid").select("row", "rule").rows()) == {
        4: "empty_output",
        6: "empty_input",
    }


def test_why_nothing_is_left_shows_the_first_reason():
    with pytest.raises(DataError, match='"messages" is not a list of messages'):
        curate([{"messages": "hello"}] * 3)
