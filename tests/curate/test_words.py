"""Words as facts: a word or an order of words that differs between two inputs as between their outputs."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, curate, read_frame
from tuneworth.curate.match import subjects as module
from tuneworth.curate.match.join import SimilarPairs
from tuneworth.curate.match.subjects import Subjects, by_facts, other_words

from .by_words import mirrored, reworded
from .measured import corpus_of

VOCABULARY = [
    "red",
    "blue",
    "mugs",
    "mug",
    "the",
    "for",
    "home",
    "away",
    "team",
    "7",
    "женский",
    "s",
    "İ",
    "classes",
    "glass",
]


def outcomes(*rows):
    """The outcomes of these rows among others, with all of the split given, so that only duplicates leave."""
    filler = [{"input": f"something else altogether, in the {n}th place", "output": f"other {n}"} for n in range(3)]
    done = curate([*rows, *filler], settings=CurateSettings(near_duplicate=0.7))
    return done.ledger["outcome"].to_list()[: len(rows)], done.summary


ABOUT = "a jacket with a hood, two pockets and a zip for walks in the rain and in the wind, washed at home"
SALE = "is sold by the shop in the old street from Monday on, for as long as there are some of them left"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (
            f"Describe a women's {ABOUT}|Describe a men's {ABOUT}",
            f"This women's jacket {SALE}|This men's jacket {SALE}",
        ),
        (f"Title: red {ABOUT}|Title: blue {ABOUT}", f"The red jacket {SALE}|The blue jacket {SALE}"),
        (f"Describe {ABOUT}|Describe padded {ABOUT}", f"The jacket {SALE}|The padded jacket {SALE}"),
        (
            "Who scored when the home team met the away team in the rain?"
            "|Who scored when the away team met the home team in the rain?",
            "select score of home from the games where away is the other and it rains"
            "|select score of away from the games where home is the other and it rains",
        ),
        (
            f"a train to Cork from Galway for {ABOUT}|a train from Cork to Galway for {ABOUT}",
            "look up trains that leave Galway and call at Cork on a Sunday"
            "|look up trains that leave Cork and call at Galway on a Sunday",
        ),
        (f"为这件红色外套写一段介绍 {ABOUT}|为这件蓝色外套写一段介绍 {ABOUT}", f"红色外套 {SALE}|蓝色外套 {SALE}"),
    ],
)
def test_rows_that_differ_in_a_word_of_both_are_siblings(inputs, outputs):
    rows = [
        {"input": text, "output": output} for text, output in zip(inputs.split("|"), outputs.split("|"), strict=True)
    ]
    found, summary = outcomes(*rows)
    assert found == ["kept", "kept"]
    assert summary["relations"]["siblings"] == 1 + 3  # and those among the others


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (f"Describe {ABOUT}|Please describe {ABOUT}", f"The jacket {SALE}|The jacket {SALE}"),
        (f"Describe {ABOUT}|Please describe {ABOUT}", f"The jacket {SALE}|Please note: the jacket {SALE}"),
        (f"Describe red {ABOUT}|Describe blue {ABOUT}", f"The jacket {SALE}|The jacket {SALE}"),
        (f"Describe {ABOUT}|Describe the {ABOUT}", f"A jacket {SALE}|The jacket {SALE}"),
        (f"Describe {ABOUT}|Describe {ABOUT}", f"The red jacket {SALE}|The blue jacket {SALE}"),
        (f"Describe {ABOUT}|Describe {ABOUT.replace('pockets', 'pocket')}", f"Pockets {SALE}|A pocket {SALE}"),
        (
            "When the bus is late, where do I wait for it in the rain?|Where do I wait for it in the rain, when the bus is late?",
            f"The shelter {SALE}|The shelter {SALE}",
        ),
    ],
)
def test_rows_that_differ_in_the_wording_alone_are_duplicates(inputs, outputs):
    rows = [
        {"input": text, "output": output} for text, output in zip(inputs.split("|"), outputs.split("|"), strict=True)
    ]
    assert sorted(outcomes(*rows)[0]) == ["duplicate", "kept"]


def test_other_facts_in_the_answer_to_a_request_in_other_words_are_no_conflict():
    answers = [f"select max of 7 {SALE}", f"select MIN of 7 {SALE}"]
    asked = [f"Which is the highest of {ABOUT}", f"Which is the lowest of {ABOUT}"]
    rows = [{"input": text, "output": output} for text, output in zip(asked, answers, strict=True)]
    assert outcomes(*rows)[0] == ["kept", "kept"]
    rows[1]["input"] = asked[0].replace("Which is", "What was")
    assert outcomes(*rows)[0] == ["conflict", "conflict"]


def drawn(seed, n):
    """Rows with few words, and as many of the same input."""
    chance = random.Random(seed)
    texts = [" ".join(chance.choices(VOCABULARY, k=chance.randint(1, 6))) for _ in range(n)]
    texts += [" ".join(chance.sample(text.split(), len(text.split()))) for text in texts[: n // 2]]
    rows = [{"input": chance.choice(texts), "output": chance.choice(texts)} for _ in range(2 * n)]
    return read_frame(rows).pairs


def compared(pairs, *, turned=False):
    """For each pair of inputs whether words make them different requests, and whether they are reworded."""
    corpus = corpus_of(pairs)
    first = [corpus.inputs(np.flatnonzero(corpus.text == n)[:1])[0] for n in range(int(corpus.text.max()) + 1)]
    subjects = Subjects(corpus.text, len(first), lambda rows: np.zeros(len(rows), np.int64))
    left, right = np.triu_indices(len(first), 1)
    if turned:
        left, right = right, left
    every = SimilarPairs(left, right, np.ones(len(left), np.int64), np.ones(len(left), np.int64))
    found = {}
    for same, siblings in ((s, o) for _, s, o in by_facts(iter([every]), subjects, corpus)):
        for part, differ in ((same, False), (siblings, True)):
            asked = other_words(part.left, part.right, subjects, corpus)
            for a, b, other in zip(part.left.tolist(), part.right.tolist(), asked.tolist(), strict=True):
                found[frozenset((first[a], first[b]))] = (differ, other)
    return found


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_words_are_facts_as_a_comparison_text_by_text_says(seed, n):
    pairs = drawn(seed, n)
    answers = {}
    for text, output in zip(corpus_of(pairs).inputs(np.arange(len(pairs))), pairs["output"], strict=True):
        answers.setdefault(text, []).append(output)
    for ends, found in compared(pairs).items():
        one, other = ends
        assert found == (mirrored(one, answers[one], other, answers[other]), reworded(one, other))


@pytest.mark.slow
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_neither_direction_nor_order_of_rows_nor_portions_matter(seed, chance):
    pairs = drawn(seed, 6)
    shuffled = pairs[chance.sample(range(len(pairs)), len(pairs))]
    expected = compared(pairs)
    assert compared(pairs, turned=True) == expected == compared(shuffled)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAIRS", 3)
        assert compared(pairs) == expected


@pytest.mark.slow
def test_short_sentences_are_alternatives_and_labels_are_not():
    asked = "goodbye: the person says thank you and leaves the shop"
    answers = ["Have a nice day.", "Enjoy your day, please."]
    rows = [{"input": asked, "output": answer} for answer in answers]
    sentences = [
        {"input": f"{n} boats", "output": f"There were {n * 7919} boats on the river that day"} for n in range(9)
    ]
    labels = [{"input": f"{n} boats", "output": f"boats {n * 7919}"} for n in range(9)]
    assert curate([*rows, *sentences]).ledger["outcome"].to_list()[:2] == ["kept", "kept"]
    assert curate([*rows, *labels]).ledger["outcome"].to_list()[:2] == ["conflict", "conflict"]
    yes_or_no = [{"input": asked, "output": answer} for answer in ("Yes.", "No")]
    assert curate([*yes_or_no, *sentences]).ledger["outcome"].to_list()[:2] == ["conflict", "conflict"]
    more = [{"input": asked, "output": answer} for answer in ("Bye.", "Thank you", "Enjoy!")]
    assert curate([*more, *sentences]).ledger["outcome"].to_list()[:3] == ["kept"] * 3
    assert curate([*more, *labels]).ledger["outcome"].to_list()[:3] == ["conflict"] * 3
