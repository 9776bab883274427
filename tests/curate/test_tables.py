"""Tables of columns: sheets of workbooks, Arrow files and streams."""

import re
import sys

import polars as pl
import pytest

from tuneworth.core import DataError, install_command
from tuneworth.curate import DataSettings, find_files, read_pairs

from .workbook import write_workbook

ROWS = [
    ["Input", "Output", "n", None],
    ["a", "x", 12, None],
    [None] * 4,
    ["b", 7, 2.5, None],
    ["c", "two\nlines", True, None],
]


@pytest.fixture
def book(tmp_path):
    pytest.importorskip("fastexcel")
    path = tmp_path / "book.xlsx"
    write_workbook(path, {"Pairs": ROWS, "More & more": [["question", "answer"], ["q", "a"]], "Empty": []})
    return path


def test_the_first_sheet_is_read_as_texts_and_empty_rows_are_counted_as_lines(book):
    raw = read_pairs(book)
    assert raw.pairs.select("row", "input", "output", "meta").rows() == [
        (1, "a", "x", '{"n": "12"}'), (3, "b", "7", '{"n": "2.5"}'), (4, "c", "two\nlines", '{"n": "true"}'),
    ]  # fmt: skip
    assert raw.shape == 'Input and Output, sheet "Pairs" of 3'


def test_another_sheet_is_named(book):
    raw = read_pairs(book, DataSettings(path="", sheet="More & more"))
    assert raw.pairs.select("input", "output").rows() == [("q", "a")]


@pytest.mark.parametrize(("sheet", "said"), [("Pears", 'no sheet "Pears".*Pairs'), ("Empty", "contains no records")])
def test_a_sheet_without_pairs_is_refused(book, sheet, said):
    with pytest.raises(DataError, match=said):
        read_pairs(book, DataSettings(path="", sheet=sheet))


def test_a_damaged_workbook_is_refused(tmp_path):
    pytest.importorskip("fastexcel")
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"PK, but no archive")
    with pytest.raises(DataError, match="cannot be read as a workbook"):
        read_pairs(path)


def test_without_its_package_a_workbook_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "book.xlsx"
    path.write_bytes(b"any")
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(DataError, match=re.escape(install_command("excel"))):
        read_pairs(path)


@pytest.mark.parametrize("name", ["p.arrow", "p.feather", "P.ARROW"])
@pytest.mark.parametrize("write", [pl.DataFrame.write_ipc, pl.DataFrame.write_ipc_stream])
def test_files_and_streams_of_arrow_are_read(tmp_path, name, write):
    write(pl.DataFrame({"input": ["a", "b"], "output": ["x", "y"], "n": [1, 2]}), tmp_path / name)
    assert find_files(str(tmp_path)) == [tmp_path / name]
    assert read_pairs(tmp_path).pairs.select("row", "input", "output", "meta").rows() == [
        (1, "a", "x", '{"n": 1}'), (2, "b", "y", '{"n": 2}'),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b"ARROW1 and nothing", b"", b"no arrow at all"])
def test_a_damaged_arrow_file_is_refused(tmp_path, body):
    (tmp_path / "p.arrow").write_bytes(body)
    with pytest.raises(DataError, match=r"cannot be read as Arrow|contains no records"):
        read_pairs(tmp_path / "p.arrow")
