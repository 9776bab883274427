"""Results in a notebook: data stays text, long tables and texts are cut, the colours are the notebook's."""

import re

import polars as pl

from tuneworth.core import notebook_page

HOSTILE = '</td><img src=x onerror="alert(1)">\x1b[2J\u202e $a$'


def test_everything_in_the_data_is_shown_as_text():
    table = pl.DataFrame({HOSTILE: [HOSTILE], "n": [1]})
    told = [(HOSTILE, HOSTILE)]
    page = notebook_page(HOSTILE, notes=[HOSTILE], figures=told, table=table, texts=told, folded=told)
    assert page.count("&lt;/td&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;\\x1b[2J\\u202e $a$") == 10
    assert "<img" not in page
    assert set(re.findall(r"<(\w+)", page)) <= {
        "div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "details", "summary",
    }  # fmt: skip


def test_prices_in_dollars_are_not_taken_for_formulas():
    assert notebook_page("from $5 to $6").startswith('<div class="tex2jax_ignore mathjax_ignore"')


def test_only_the_colours_of_the_notebook_are_used():
    page = notebook_page("a", figures=[("b", "c")], table=pl.DataFrame({"d": [1]}), texts=[("e", "f")])
    assert re.findall(r"color:|background|#[0-9a-f]{3}", page) == []


def test_a_table_shows_its_first_rows_and_how_many_more_there_are():
    table = pl.DataFrame({"text": ["x" * 500] * 7, "number": [12_345] * 7, "list": [[1, 2]] * 7, "none": [None] * 7})
    page = notebook_page("lead", table=table)
    assert page.count("<tr>") == 6
    assert "<p>and 2 more</p>" in page
    assert f">{'x' * 200}…</td>" in page
    assert 'style="text-align:right' in page.partition(">12,345</td>")[0].rpartition("<td")[2]
    assert ">[1, 2]</td>" in page
    assert "None" not in page
    assert "more" not in notebook_page("lead", table=table, rows=7)


def test_missing_parts_leave_no_trace():
    assert notebook_page("lead", table=pl.DataFrame()).endswith("<p><strong>lead</strong></p></div>")
