"""Spellings of one term in a corpus: what belongs together, and what must never."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tuneworth.examples
from tuneworth.style import KINDS, check_columns, pair_columns, parse_style
from tuneworth.style.spelling import spelling_variants

COMPONENTS = Path(next(iter(tuneworth.examples.__path__))) / "components" / "pairs.jsonl"


def of_texts(counts: dict[str, int]) -> pl.Series:
    return pl.Series([f"a {term} part, boxed" for term, n in counts.items() for _ in range(n)])


TOGETHER = [
    ({"Low Dropout": 9, "Low-Dropout": 4, "low drop-out": 2, "Low Drop Out": 1}, "Low Dropout"),
    ({"rail-to-rail": 5, "Rail-to-Rail": 9, "rail to rail": 2}, "Rail-to-Rail"),
    ({"DC/DC": 9, "DC-DC": 3}, "DC/DC"),
    ({"e-mail": 4, "email": 9}, "email"),
    ({"N-Channel": 9, "N Channel": 2, "N\u2011Channel": 1}, "N-Channel"),
    ({"GitHub": 9, "Github": 2}, "GitHub"),
    ({"MOSFET": 9, "Mosfet": 1}, "MOSFET"),
    ({"colour": 3, "color": 9}, "color"),
    ({"optimised": 9, "optimized": 2}, "optimised"),
    ({"cancelled": 9, "canceled": 1}, "cancelled"),
    ({"amplifier": 60, "ampilfier": 1}, "amplifier"),
    ({"controller": 60, "controler": 1}, "controller"),
    ({"file system": 4, "filesystem": 9}, "filesystem"),
    ({"Hochspannung": 9, "Hoch-Spannung": 2}, "Hochspannung"),
]


@pytest.mark.parametrize(("counts", "preferred"), TOGETHER)
def test_spellings_of_one_term_come_together_under_the_most_frequent(counts, preferred):
    (found,) = [one for one in spelling_variants(of_texts(counts)) if set(one.variants) & set(counts)]
    assert found.preferred == preferred
    assert found.variants == {term: n for term, n in counts.items() if term != preferred}
    assert (found.rows, found.preferred_rows) == (sum(counts.values()), counts[preferred])


APART = [
    {"compiler": 60, "CCompiler": 1},
    {"sparse array": 60, "SparseArray": 20},
    {"N-channel": 9, "P-channel": 9},
    {"16-bit": 9, "18-bit": 2, "16 bit": 3},
    {"input": 60, "inputs": 1},
    {"SOT-23": 9, "SOT-223": 2},
    {"SOT-23-5": 9, "SOT-23": 9},
    {"set up": 9, "setup": 9},
    {"pay back": 9, "payback": 9},
    {"every day": 9, "everyday": 9},
    {"may be": 9, "maybe": 9},
    {"in to": 9, "into": 9},
    {"a way": 9, "away": 9},
    {"re-sign": 9, "resign": 9},
    {"co-op": 9, "coop": 9},
    {"IT": 9, "it": 9},
    {"Polish": 9, "polish": 9},
    {"CAN": 9, "can": 9},
    {"Regulator": 9, "regulator": 9},
    {"High Speed": 9, "high speed": 9},  # capitals alone make a heading
    {"on/off": 9, "on off": 9},
    {"metre": 9, "meter": 9},
    {"licence": 9, "license": 9},
    {"analyses": 9, "analyzes": 9},
    {"striping": 60, "stripping": 1},
    {"compliant": 60, "complaint": 1},
    {"inverting": 60, "inserting": 1},
    {"continuous": 60, "contiguous": 1},
    {"unidirectional": 60, "bidirectional": 1},
    {"cyclohexane": 60, "cyclohexene": 1},
    {"phosphate": 60, "phosphite": 1},
    {"contact": 60, "contract": 1},
    {"transmitter": 60, "transmitted": 1},
    {"hour": 9, "hor": 9},
    {"github.com": 9, "GitHub": 20},
    {"file_system": 9, "file system": 9},
    {"Web": 9, "WEB": 9},
]


@pytest.mark.slow
@pytest.mark.parametrize("counts", APART)
def test_two_terms_are_never_called_one(counts):
    assert spelling_variants(of_texts(counts)) == []


def test_the_shipped_lines_spell_low_dropout_in_many_ways():
    outputs = [json.loads(line)["output"] for line in COMPONENTS.read_text(encoding="utf-8").splitlines()]
    found = spelling_variants(pl.Series(outputs))
    (drift,) = [one for one in found if one.preferred == "Low Dropout"]
    assert drift.preferred_rows > 150
    assert {"low dropout", "Low-Dropout", "Low-dropout", "Low Drop-out", "Low drop-out", "low-dropout"} <= set(
        drift.variants
    )
    # Nothing says the same again, inside the term or around it.
    assert not [one for one in found if one.preferred.lower() in ("dropout", "low dropout regulator")]


def test_each_proposed_spelling_is_a_check_that_finds_the_variants():
    columns = pair_columns(pl.DataFrame({"output": of_texts({"Low Dropout": 9, "Low-dropout": 4}), "input": [""] * 13}))
    (proposal,) = KINDS["vocabulary"].propose(columns)
    style = parse_style(f"checks: [{json.dumps({'kind': 'vocabulary', **proposal.entry})}]")
    assert Counter(check_columns(columns, style).violations["found"]) == {"Low-dropout": 4}
    assert proposal.note == 'in 13 outputs: "Low Dropout" 9, "Low-dropout" 4'


def test_a_rare_term_and_no_text_at_all_are_no_habit():
    assert spelling_variants(of_texts({"Low Dropout": 2, "Low-Dropout": 2})) == []
    assert (
        spelling_variants(pl.Series([], dtype=pl.String))
        == spelling_variants(pl.Series([None, ""], dtype=pl.String))
        == []
    )


def test_a_capital_at_the_beginning_of_a_sentence_is_no_spelling():
    texts = pl.Series([*["Step-down converter"] * 9, *["a step-down converter"] * 5, *["a step down converter"] * 2])
    (found,) = spelling_variants(texts)
    assert (found.preferred, found.variants) == ("step-down converter", {"step down converter": 2})


WORDS = st.sampled_from(
    ["low", "Low", "drop", "out", "dropout", "-", " ", "/", "İ", "ß", "ς", "x", ".", "16", "e\u0301"]
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(WORDS, max_size=8).map("".join), max_size=12), st.data())
def test_spellings_depend_on_neither_order_nor_luck(texts, data):
    order = data.draw(st.permutations(texts))
    found = spelling_variants(pl.Series(texts, dtype=pl.String), fewest_rows=1)
    assert found == spelling_variants(pl.Series(order, dtype=pl.String), fewest_rows=1)
    for one in found:
        assert one.preferred not in one.variants
        assert one.rows <= len(texts)
        for spelling in [one.preferred, *one.variants]:
            assert any(spelling.lower() in text.lower() for text in texts)
