"""Protected spans: where they are, that no check of prose looks into them, and that no repair changes them."""

import re
from collections import Counter

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.style import KINDS, check_outputs, parse_style, repair
from tuneworth.style.protected import PROTECTED, Protected, protected_spans

# Further spans of each kind, with what the rules below would change in prose.
MORE = {
    "URL": ["https://dc-dc.example.org/dc-dc/30%20V!a", "http://example.org/{id}", "ftp://example.org/a-b"],
    "e-mail address": ["big.red+dc-dc@example.org"],
    "path": ["/var/dc-dc/red.txt", "~/red", "../red/dc-dc", "red/dc-dc/box.py", "box.yaml", "C:\\red\\dc-dc"],
    "code": ['`"red" -- 30 V!`', "`` red ``", '```py\nred = "30 V"\n\nbox!\n```', "~~~\n- red\n~~~"],
    "tag": ["<b>", '<i class="big red" title=\'30 V\'>', "<br/>", '<x a="1 > 0">', "<!-- red - 30 V! -->", "<|red|>"],
    "escape": ["\\'", "\\x0a"],
    "entity": ["&nbsp;", "&#xA0;"],
    "placeholder": ["%1$s", "%-5.2f", "%@", "%{red}", "#{red}", "{{ red|upper }}", "{% if red %}", "{0}", "{red:>30}", "{n!r}",
                    "$red", "{red, select, a {30 V} other {<b>!</b> {x}}}"],
    "literal": ['red="30 V -- box!"', "x = 'it''s red'", 'box("red", "30 V")', '["red", "30 V"]', '{"red": "30 V"}'],
    "part number": ["red-30V2-A", "b2b"],
    "mathematics": ["$30 V - red$", "$$ red - x $$", "\\[ red - 30 V \\]"],
}  # fmt: skip
PIECES = [(kind, piece) for kind in PROTECTED for piece in (*PROTECTED[kind], *MORE[kind])]
PROSE = ["Red", "red", "big red box", "low dropout", "dc-dc", "30 V", "30V", "3,5", '"red"', " - ", "!", ".", ",", "\n", "\n\n",
         "- ", "1. ", "Size: ", "## Size\n", "**", "®", "x", "(", ")", "I hope this helps!", "5", "2 has"]  # fmt: skip
OWNERS = [name for name, kind in KINDS.items() if kind.fix.spans]
RULES = [
    "kind: case, is: sentence", "kind: case, is: upper", "kind: case, is: lower", "kind: case, is: title",
    "kind: punctuation, end: none, exclamation_marks: 0", "kind: punctuation, end: '.', quotes: curly, dashes: en",
    "kind: punctuation, quotes: straight, dashes: hyphen", "kind: numbers, space: none, decimal: '.'",
    "kind: numbers, space: one, units: [V, A], decimal: ','", "kind: length, unit: words, max: 3",
    "kind: length, unit: lines, max: 1", "kind: length, unit: characters, max: 20", "kind: no_repeats, words: 2",
    "kind: list, marker: '* ', max: 1, min: 0", "kind: list, marker: '1. ', min: 0", "kind: sections, titles: [Size]",
    "kind: key_values, keys: [Size, Part]", "kind: order, parts: {volt: '[0-9]+ ?V', red: red}",
    "kind: vocabulary, preferred: {DC/DC: [dc-dc], Rot: [red, box]}, forbidden: [big, n]",
    "kind: forbidden, any: [red, '-', 'x', 'a = 1', '!', '*', ' ']", "kind: forbidden, regex: '[a-z]|[0-9]+'",
    "kind: starts_with, any: ['Red, ']", "kind: ends_with, any: [' V', '.']", "kind: clean", "kind: json", "kind: grounded",
]  # fmt: skip
SCOPES = st.just({}) | st.fixed_dictionaries(
    {},
    optional={"each": st.sampled_from(["sentence", "line"]), "part": st.sampled_from(["last line", "first paragraph"])},
)  # fmt: skip


@st.composite
def texts_with_spans(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text of prose and protected spans, each between spaces or line ends, and the spans."""
    pieces = draw(st.lists(st.sampled_from(PROSE) | st.sampled_from(PIECES), min_size=4, max_size=10))
    text, spans = "", []
    for piece in pieces:
        if isinstance(piece, tuple):
            text += f"\n{piece[1]}\n" if piece[1].startswith(("```", "~~~")) else f" {piece[1]} "
            spans.append(inner(*piece))
        else:
            text += piece
    return text, spans


@st.composite
def styles(draw: st.DrawFn, rules: list[str] = RULES):
    chosen = draw(st.lists(st.sampled_from(rules), min_size=1, max_size=3))
    checks = [
        yaml.safe_load(f"{{{rule}}}") | draw(SCOPES) | {"id": f"rule {number}"} for number, rule in enumerate(chosen)
    ]
    return parse_style(yaml.safe_dump({"checks": checks}, allow_unicode=True))


def inner(kind: str, piece: str) -> str:
    """The span of an example, which shows a literal with the code before it."""
    return re.sub(r"\A[^\"']*|[^\"']*\Z", "", piece) if kind == "literal" else piece


def spans_of(text: str, without: set[str] = frozenset()) -> Counter[str]:
    return Counter(text[start:end] for start, end, kind in protected_spans(text) if kind not in without)


@pytest.mark.parametrize(("kind", "piece"), PIECES, ids=[piece for _, piece in PIECES])
def test_a_protected_span_is_found_with_prose_around_it(kind, piece):
    before, after = ("Vor\n", "\nnach") if piece.startswith(("```", "~~~")) else ("Vor ", ", nach")
    text = f"{before}{piece}{after}"
    assert inner(kind, piece) in [text[start:end] for start, end, found in protected_spans(text) if found == kind]


@pytest.mark.parametrize(
    "prose",
    ["30V", "5mm and 1st", "12-bit", "100 % or 5%", "and/or", "DC/DC", "$5,000 or $6,000", "10:30", "He said: this", "Note :",
     "a < b", "“red”", 'He said, "red", and', "24/7", "it's", "x - y", "R&D", "2026-11-30", "red, blue.", "A. B",
     "Select one from the list", '> "Red", he said', "update the docs and set a date"],
)  # fmt: skip
def test_prose_is_not_protected(prose):
    assert not protected_spans(prose)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("case, is: sentence", "%s konnte {name}", None),
        ("case, is: sentence", "{name} fehlt", None),
        ("case, is: sentence", "https://example.org fehlt", None),
        ("case, is: sentence", "<b>es</b> fehlt", "<b>Es</b> fehlt"),
        ("case, is: upper", "SIEHE a.txt UND <b>X</b>", None),
        ("vocabulary, preferred: {DC/DC: [dc-dc]}", "dc-dc: dc-dc@x.org", "DC/DC: dc-dc@x.org"),
        ("vocabulary, preferred: {Node.js: [node.js]}", "a node.js app", "a Node.js app"),
        ("vocabulary, preferred: {SOT-89: [SOT-23]}", "SOT-23-5", None),
        ("punctuation, quotes: curly", '<a href="x">"{n}"</a>', '<a href="x">“{n}”</a>'),
        ("punctuation, end: '.'", "<p>Text</p>", "<p>Text.</p>"),
        ("punctuation, end: none", "Text&nbsp;", None),
        ("punctuation, exclamation_marks: 0", "`a!` fertig!", "`a!` fertig."),
        ("punctuation, exclamation_marks: 0", "Parfait\u202f!", "Parfait."),
        ("numbers, space: none", "SELECT a FROM b WHERE c = '5 V'", None),
        ("numbers, space: none", "Row 2 has 5 V", "Row 2 has 5V"),
        ("numbers, space: none", "les 5 l'autre, 2 us, 3 pm", None),
        ("forbidden, any: [BQ27441-G1]", "BQ27441-G1x System", "="),
        ("forbidden, any: [BQ27441-G1]", "BQ27441-G1 System", "System"),
        ("length, unit: words, max: 3", "Eins zwei drei, siehe {name}", "="),
        ("length, unit: words, max: 3", "Eins zwei drei, siehe unten", "Eins zwei drei"),
    ],
)  # fmt: skip
def test_what_is_reported_and_repaired(rule, text, expected):
    """None: it passes; =: it fails and is left as it is."""
    after = repair(parse_style(f"checks: [{{kind: {rule}}}]"), [text], unsafe=True)
    assert after.before.status.item() == ("fail" if expected else after.results.status.item())
    assert after.results.status.item() in (("pass", "not applicable") if expected != "=" else ("fail",))
    assert after.texts[0] == (text if expected in (None, "=") else expected)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    styles([rule for rule in RULES if re.match(r"kind: (\w+)", rule)[1] not in OWNERS]),
    texts_with_spans(),
    st.booleans(),
)
def test_a_repair_leaves_every_span_that_was_put_into_the_text(style, text_and_spans, unsafe):
    text, spans = text_and_spans
    after = repair(style, [text], unsafe=unsafe).texts[0]
    assert {span: after.count(span) for span in spans} == {span: text.count(span) for span in spans}


@pytest.mark.slow
@settings(max_examples=60)
@given(styles(), texts_with_spans(), st.booleans())
def test_the_protected_spans_before_and_after_a_repair_are_equal(style, text_and_spans, unsafe):
    """But for those of the kinds that the rules which were applied may change."""
    text, _ = text_and_spans
    after = repair(style, [text], unsafe=unsafe)
    kinds = {check.id: check.kind for check in style.checks}
    own = {span for rule in after.changes["rule"] for span in KINDS[kinds[rule]].fix.spans}
    assert spans_of(after.texts[0], own) == spans_of(text, own)


@given(texts_with_spans(), st.sampled_from(["sentence", "line", "paragraph"]))
def test_what_a_check_of_prose_finds_in_pieces_is_no_part_of_a_span(text_and_spans, each):
    text, _ = text_and_spans
    rules = ["case, is: lower", "punctuation, exclamation_marks: 0, quotes: curly, dashes: en", "known_words, words: [box]",
             "numbers, space: none, decimal: ','", "vocabulary, preferred: {DC/DC: [dc-dc], Rot: [red]}"]  # fmt: skip
    style = parse_style("checks:\n" + "".join(f"- {{kind: {rule}, each: {each}}}\n" for rule in rules))
    found = check_outputs(pl.DataFrame({"output": [text], "input": [""]}), style).violations
    inside = [(span.start, span.end) for span in protected_spans(text) if span.kind != "part number"]
    for start, end in found.select("start", "end").drop_nulls().iter_rows():
        assert not any(first < end and start < last and not (start <= first and last <= end) for first, last in inside)


@given(
    st.lists(
        st.sampled_from([piece for _, piece in PIECES] + PROSE + list("`<{%$@/\\&:.'\"([=~ a1\n")), max_size=6
    ).map("".join)
)
def test_a_text_that_is_not_marked_has_part_numbers_alone(text):
    if not len(Protected(pl.Series([text])).marked(pl.Series([0], dtype=pl.UInt32))):
        assert {span.kind for span in protected_spans(text)} <= {"part number"}
