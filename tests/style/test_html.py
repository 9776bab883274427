"""The check that an output is well-formed HTML with the tags and the structure that are wanted."""

from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import check_outputs, check_sentence, infer_style, parse_style


def found(check: str, output: str) -> list[tuple[str | None, str]]:
    """What the check finds, with what it expects; each place must hold what was found."""
    results = check_outputs(pl.DataFrame({"output": [output], "input": [""]}), parse_style(f"checks:\n  - {check}"))
    for text, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert start is None or output[start:end] == text
    assert results.status.item() == ("fail" if len(results.violations) else "pass")
    return list(results.violations.select("found", "expected").iter_rows())


PLAIN = "{kind: html}"
FEW = "{kind: html, tags: [p, ul, li], required: [ul]}"
SHAPE = "{kind: html, structure: ['h2?', p+, ul]}"
CASES = [
    (PLAIN, "<p>One <b>two</b><br>three <img src='a>b'/></p>", []),
    (PLAIN, "no tags, 3 < 4 > 2", []),
    (PLAIN, "<!DOCTYPE html><!-- <b> --><P>a</p >", []),
    (PLAIN, "<p>a", [("<p>", "</p> to close it")]),
    (PLAIN, "a</p>", [("</p>", "<p> before it")]),
    (PLAIN, "<b><i>a</b></i>", [("<i>", "</i> to close it"), ("</i>", "<i> before it")]),
    (PLAIN, "a <b", [("<b", "a whole tag, or &lt; for the sign")]),
    (PLAIN, "a <!-- b", [("<!--", "a whole tag, or &lt; for the sign")]),
    (PLAIN, "<nonsense>a</nonsense>", [("<nonsense>", "a tag of HTML")]),
    (PLAIN, "<p>a<ul><li>b</li></ul></p>", [("<ul>", "</p> before it, since <p> holds no <ul>")]),
    (PLAIN, "<li>a</li>", [("<li>", "<ul> or <ol> around it")]),
    (PLAIN, "a</br>", [("</br>", "<br> alone, which has no end")]),
    (PLAIN, "<table><tr><td>1</td></tr></table>", []),
    (FEW, "<p>a</p><ul><li>b</li></ul>", []),
    (FEW, "<p>a <b>c</b></p>", [("<b>", "one of the tags p, ul, li"), (None, "the tag <ul>")]),
    (SHAPE, "<h2>a</h2>\n<p>b</p><p>c</p> <ul><li>d</li></ul>\n", []),
    (SHAPE, "<p>b</p>loose<ul><li>d</li></ul>", [("loose", "this text inside an element")]),
    (SHAPE, "<ul><li>d</li></ul><p>b</p>", [(None, "the elements h2?, p+, ul, not ul, p")]),
    (SHAPE, "a", [("a", "this text inside an element"), (None, "the elements h2?, p+, ul, not none")]),
]


@pytest.mark.parametrize(("check", "output", "expected"), CASES)
def test_what_is_wrong_with_the_html_is_found(check, output, expected):
    assert found(check, output) == expected


def test_the_guide_says_tags_and_structure():
    check = "{kind: html, tags: [p, ul, li], required: [ul], structure: [p+, 'ul?']}"
    assert check_sentence(parse_style(f"checks: [{check}]").checks[0]) == (
        "Write well-formed HTML: close every tag. Use only `<p>`, `<ul>` and `<li>`. Use `<ul>` at least once. "
        "The outermost elements are, in this order: one or more `<p>`, an optional `<ul>`."
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["<b>", "<ul><li>", "</b>", "<!--", "<b '", '<b "', "<", "<a", "<p>x", "<b></i>", "<p><p>"]
)
def test_ten_thousand_tags_that_are_wrong_are_read_to_the_end(piece):
    assert 0 < len(found("{kind: html, structure: [p*, ul*]}", piece * 10_000)) <= 50


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a", "<b>a</b>", "<!-- a -->", "> ", "< "])
def test_a_million_characters_are_read_to_the_end(piece):
    assert found(PLAIN, piece * (1_000_000 // len(piece))) == []


class Balance(HTMLParser):
    """Whether every tag is closed by its own end, as Python's parser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.wrong = False

    def handle_starttag(self, tag, attrs):
        self.stack.append(tag)

    def handle_endtag(self, tag):
        self.wrong |= not self.stack or self.stack.pop() != tag


INLINE = ["<b>", "</b>", "<i>", "</i>", "<em class='x'>", "</em>", "text ", "<!-- <b> -->", "&lt;", "5 > 3"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(INLINE), max_size=10))
def test_tags_balance_where_python_s_parser_says_so(pieces):
    text = "".join(pieces)
    parser = Balance()
    parser.feed(text)
    parser.close()
    assert bool(found(PLAIN, text)) == (parser.wrong or bool(parser.stack))


@pytest.mark.slow
def test_infer_proposes_tags_and_structure():
    outputs = [f"<p>It is number {n}.</p><p>Buy.</p><ul><li>a{n}</li><li>b</li></ul>" for n in range(60)]
    inferred = infer_style(pl.DataFrame({"output": outputs, "input": [str(n) for n in range(60)]}))
    rule = next(one for one in inferred.evidence if one.check.kind == "html")
    assert rule.entry == {
        "kind": "html", "tags": ["li", "p", "ul"], "required": ["li", "p", "ul"], "structure": ["p+", "ul"]
    }  # fmt: skip
    assert rule.holds == rule.applicable == 60
