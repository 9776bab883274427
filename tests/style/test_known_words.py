"""The check that an output has no word that neither the request nor the known words hold."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import check_outputs, explain, infer_style, parse_style, read_style, write_guide
from tuneworth.style.facts.names import KnownForms

WORDS = "{kind: known_words, words: [Dual, step-down, DC/DC, converter, big, power, regulate, café], allow: [Acme]}"


def found(output: str, request: str = "", check: str = WORDS) -> list[str | None]:
    style = parse_style(f"checks:\n  - {check}")
    results = check_outputs(pl.DataFrame({"output": [output], "input": [request]}), style)
    for text, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert output[start:end] == text
    return results.violations["found"].to_list()


CASES = [
    ("Dual Step-Down DC/DC converters, 5V, 2N7002", "", []),
    ("Big dual converter, Acme's", "", []),
    ("A dual snorkel converter", "", ["snorkel"]),
    ("A dual snorkel converter", "with Snorkels", []),
    ("Dual DC/DC/DC/DC converter", "", ["DC/DC/DC/DC"]),
    ("DC/DC-Converter, big-power", "", []),
    ("Step-Down DC/DC/DC/BIG-POWER", "", ["DC/DC/DC/BIG-POWER"]),
    ("power-snorkel, power-big", "", ["power-snorkel"]),
    ("regulated, regulating, regulates", "", []),
    ("CAFÉ, cafe\u0301", "", ["cafe\u0301"]),
    ("SnorkelPro", "the SnorkelPro", []),
    ("snorkel", "SnorkelPro", []),
    ("x y 5The", "", []),
    ("It won't be two of the bigger ones", "", []),
    ("unregulated regulator, regulation, regulative", "", []),
    ("nonlinear multipower", "", ["nonlinear"]),
    ("converterpower, powerconverters", "", ["powerconverters"]),
    ("powerpowre, powre, converpower, dualter", "", ["powerpowre", "powre", "converpower", "dualter"]),
    ("recharged", "It charges fast", []),
]


@pytest.mark.parametrize(("output", "request_text", "expected"), CASES)
def test_unknown_words_and_compounds_are_found(output, request_text, expected):
    assert found(output, request_text) == expected


def test_words_may_stand_in_a_file_beside_the_style(tmp_path):
    (tmp_path / "words.txt").write_text("dual\nconverter\n", encoding="utf-8")
    (tmp_path / "style.yaml").write_text("checks: [{kind: known_words, path: words.txt}]", encoding="utf-8")
    style = read_style(tmp_path / "style.yaml")
    assert [path.name for _, path in style.sources] == ["style.yaml", "words.txt"]
    results = check_outputs(pl.DataFrame({"output": ["Dual converters", "Snorkel"], "input": ["", ""]}), style)
    assert results.status["known_words"].to_list() == ["pass", "fail"]
    row = results.violations.row(0, named=True)
    said = 'known_words: "Snorkel" is neither in the request nor one of the 2 known words'
    assert explain(style.checks[0], row["found"], row["expected"]) == said
    assert "- Use no word that is neither in the request nor usual" in write_guide(style)


def test_an_unknown_word_is_explained_with_the_nearest_known_one():
    style = parse_style(f"checks:\n  - {WORDS}")
    row = check_outputs(pl.DataFrame({"output": ["A convertre"], "input": [""]}), style).violations.row(0, named=True)
    assert row["expected"] == 'a word of the request or one of the 9 known; known is "converter"'
    assert explain(style.checks[0], row["found"], row["expected"]).endswith('known words; known is "converter"')


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a-", "dc/", "dual ", "snorkel ", "x", "dc-dc/"])
def test_a_million_characters_are_read_to_the_end(piece):
    assert len(found(piece * (1_000_000 // len(piece)))) in (0, 1, 1_000_000 // len(piece))


@pytest.mark.slow
def test_infer_proposes_few_words_that_recur():
    outputs = [
        f"A {colour} chair of {'oak' if n % 2 else 'pine'}, {n} cm" for n in range(50) for colour in ("red", "blue")
    ]
    inferred = infer_style(pl.DataFrame({"output": outputs, "input": [str(n) for n in range(100)]}))
    rule = next(one for one in inferred.evidence if one.check.kind == "known_words")
    assert rule.entry == {"kind": "known_words", "words": ["a", "blue", "chair", "cm", "oak", "of", "pine", "red"]}


@pytest.mark.slow
def test_infer_lists_rare_words_too_but_no_slips_where_hardly_an_output_has_words_of_its_own():
    rows = [f"A {colour} chair, {n} cm" for n in range(60) for colour in ("red", "blue")]
    inferred = infer_style(pl.DataFrame({"output": [*rows, "A red chiar", "A green chair"], "input": ["x"] * 122}))
    rule = next(one for one in inferred.evidence if one.check.kind == "known_words")
    assert rule.entry["words"] == ["a", "blue", "chair", "cm", "green", "red"]


def test_only_words_that_recur_are_listed_where_many_outputs_have_their_own():
    own = ["".join(chr(97 + n // 26**place % 26) for place in range(4)) for n in range(20)]
    rows = [f"A red chair {word}" for word in own] + ["A blue chair"] * 100
    inferred = infer_style(pl.DataFrame({"output": rows, "input": [str(n) for n in range(120)]}))
    rules = [one for one in inferred.evidence if one.check.kind == "known_words"]
    assert [rule.entry["words"] for rule in rules] in ([], [["a", "blue", "chair", "red"]])


def test_a_list_that_lacks_rare_words_advises_and_never_rejects():
    """As in SQL, where a few outputs of a thousand hold AVG."""
    own = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}vy" for n in range(40)]
    outputs = [*(f"A red chair {word}" for word in own), *(f"A blue chair, {n} cm" for n in range(500))]
    requests = [*(["none"] * len(own)), *map(str, range(500))]
    inferred = infer_style(pl.DataFrame({"output": outputs, "input": requests}))
    rule = next(one for one in inferred.evidence if one.check.kind == "known_words")
    assert rule.entry["words"] == ["a", "blue", "chair", "cm", "red"]
    assert 0.9 < rule.share < 1
    assert rule.level == "should"


FORMS = [
    "regulate", "regulator", "unregulated", "riverside", "river", "side", "sides", "city", "cities", "re-sent", "sent",
    "step", "analog", "analogue", "café",
]  # fmt: skip


@given(
    st.sets(st.sampled_from(FORMS)), st.sets(st.sampled_from(FORMS)), st.sampled_from([*FORMS, "presteps", "x" * 50])
)
def test_the_words_of_all_requests_tell_of_each_request_what_it_makes_known(one: set[str], rest: set[str], word: str):
    single, pairs = KnownForms(one | rest, common=False).makers(word)
    told = not single.isdisjoint(one) or any(a in one and b in one for a, b in pairs)
    alone = KnownForms(one, common=False)
    assert told == (alone.holds(word) or alone.derives(word))


def test_each_output_is_compared_with_its_own_request_alone():
    style = parse_style(f"checks:\n  - {WORDS}")
    pairs = pl.DataFrame({
        "output": ["A snorkel", "A snorkel", "Wetsuit-power", "Wetsuit-power", "river snorkel"],
        "input": ["snorkels", "wetsuits", "wetsuit", "snorkel", "snorkel riverside"],
    })  # fmt: skip
    assert check_outputs(pairs, style).violations.select("index", "found").rows() == [
        (1, "snorkel"),
        (3, "Wetsuit-power"),
        (4, "river"),
    ]
