"""The same page in fewer bytes."""

import re

import pytest

from tuneworth.reports.page import HERE, STYLES, compact_html, compact_style

GRID = '<line class="grid" x1="0%" x2="0%" y1="0" y2="100%"/><line class="zero" x1="50%" x2="50%" y1="0" y2="100%"/>'
PAGE = "<svg><defs></defs></svg>{}<script>'</td> ' + \"<li></li>  \"</script>"


def test_end_tags_that_a_parser_supplies_are_left_out_with_the_space_behind_them() -> None:
    table = "<table><tbody><tr><td>a</td> <td></td>\n</tr>\n</tbody></table>"
    assert compact_html(PAGE.format(table)) == PAGE.format("<table><tbody><tr><td>a<td></table>")


@pytest.mark.parametrize(
    "text",
    ["<pre>a\n  b </pre>", "<div>x </div>\n<div>y</div>", "a &lt;/td&gt;   b", "<p>a </p> <p>b</p>", "a\n\n  b", GRID],
)
def test_what_means_something_stays(text: str) -> None:
    assert compact_html(PAGE.format(text)) == PAGE.format(text)


def test_a_grid_that_rows_share_is_drawn_once() -> None:
    other = GRID.replace("50%", "25%")
    short = compact_html(PAGE.format(f"<svg>{GRID}</svg><svg>{other}</svg><svg>{GRID}</svg>"))
    assert short.count('<use href="#grid-1"/>') == 2
    assert short.count(GRID) == 1
    assert f'<defs><g id="grid-1">{GRID}</g></defs>' in short
    assert f"<svg>{other}</svg>" in short


@pytest.mark.parametrize(
    ("style", "short"),
    [
        ("a { color: red; }\n b , i:hover > u {\n margin: 0 2px ; }", "a{color:red}b,i:hover > u{margin:0 2px}"),
        ('a { content: "x ;  { y: \\"z\\" ,  1"; }', 'a{content:"x ;  { y: \\"z\\" ,  1"}'),
        (
            "a { width: calc(100% - (2px + 1em)); } /* why; { */ b { top: 0; }",
            "a{width:calc(100% - (2px + 1em))}b{top:0}",
        ),
        ("@media print { a :is(b, i) { top: 0; } }", "@media print{a :is(b,i){top:0}}"),
        ("@media screen and (max-width: 720px) { a { top: 0; } }", "@media screen and (max-width:720px){a{top:0}}"),
    ],
)
def test_a_style_loses_only_space_and_comments(style: str, short: str) -> None:
    assert compact_style(style) == short


@pytest.mark.parametrize("name", STYLES)
def test_own_styles_keep_every_word(name: str) -> None:
    style = (HERE / "styles" / f"{name}.css").read_text(encoding="utf-8")
    words = re.sub(r"/\*.*?\*/", " ", style, flags=re.DOTALL)
    assert re.findall(r"[\w.#%-]+", compact_style(style)) == re.findall(r"[\w.#%-]+", words)
