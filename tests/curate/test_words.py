"""Words as facts: a word or an order of words that differs between two inputs as between their outputs."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateSettings, curate, read_frame
from tuneworth.curate.match import subjects as module
from tuneworth.curate.match.join import SimilarPairs
from tuneworth.curate.match.subjects import Subjects, by_facts
from tuneworth.curate.match.wording import differences
from tuneworth.curate.read.normal_forms import comparable
from tuneworth.style import parse_style

from .by_words import Wordings, mirrored
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
        (f"Describe {ABOUT}|Please describe {ABOUT}", f"The jacket {SALE}|Please: the jacket {SALE}"),
        (f"Describe {ABOUT}|Describe the {ABOUT}", f"A jacket {SALE}|The jacket {SALE}"),
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
    """For each pair of inputs whether words make them different requests."""
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
            for a, b in zip(part.left.tolist(), part.right.tolist(), strict=True):
                found[frozenset((first[a], first[b]))] = differ
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
        assert found == mirrored(one, answers[one], other, answers[other])


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
    labels = [{"input": f"{n} boats and {n * 7919} cars", "output": answers[n % 2]} for n in range(9)]
    assert curate([*rows, *sentences]).ledger["outcome"].to_list()[:2] == ["kept", "kept"]
    assert curate([*rows, *labels]).ledger["outcome"].to_list()[:2] == ["conflict", "conflict"]
    yes_or_no = [{"input": asked, "output": answer} for answer in ("Yes.", "No")]
    both = [{"input": f"Are {n} boats enough for all?", "output": "Yes." if n > 4 else "No"} for n in range(3, 7)]
    assert curate([*yes_or_no, *both, *sentences]).ledger["outcome"].to_list()[:2] == ["conflict", "conflict"]
    more = [*yes_or_no, {"input": asked, "output": "Enjoy!"}]
    assert curate([*more, *both, *sentences]).ledger["outcome"].to_list()[:3] == ["kept"] * 3


def test_a_request_with_one_other_word_may_have_another_label():
    rows = [
        {"input": f"How do I cancel my {thing} before the first payment?", "output": label}
        for thing, label in (
            ("card", "cancel card"),
            ("cart", "cancel order"),
            ("card!", "block card"),
            ("card so", "cards"),
        )
    ]
    rows += [{"input": f"{n * 7919} and {n * 13}", "output": rows[n % 4]["output"]} for n in range(12)]
    assert curate(rows).ledger["outcome"].to_list()[:4] == ["conflict", "kept", "conflict", "kept"]


def test_other_facts_are_no_conflict_where_a_phrase_moved_or_a_word_is_only_usually_empty():
    answers = [f"select the names {SALE} before {n}" for n in (5, 7)]
    given = [f"After five, show {REST} and call {ABOUT}", f"Show {REST} and call {ABOUT} after five"]
    rows = [{"input": text, "output": answer} for text, answer in zip(given, answers, strict=True)]
    assert outcomes(*rows)[0] == ["kept", "kept"]
    shown = [
        {"input": f"{w}{n * 7919} things: {REST}", "output": f"{LONG} {n * 13}"}
        for n in range(1, 11)
        for w in ("the big list of ", "the list of ")
    ]
    rows = [{"input": f"the {w}list of cars: {REST}", "output": a} for w, a in zip(("big ", ""), answers, strict=True)]
    assert outcomes(*rows, *shown)[0][:2] == ["kept", "kept"]
    assert outcomes(*rows, *shown)[0].count("duplicate") == 10


# --- one request, or two ------------------------------------------------------------------------------------------

REST = "the entries of this list before you send the whole of it over, in the office that is in charge of them"
LONG = "Open the list, look at each of the entries, and press the key at the end of the line"


def settled(one, other, *others, output=LONG, style=None):
    """The outcomes of two requests with the same output among others."""
    rows = [{"input": text, "output": output} for text in (one, other)]
    return curate([*rows, *others], style, settings=CurateSettings(near_duplicate=0.7)).ledger["outcome"].to_list()[:2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"Select {REST}", f"Deselect {REST}"),
        (f"Plot the sine of {REST}", f"Plot the cosine of {REST}"),
        (f"An integer for {REST}", f"An unsigned integer for {REST}"),
        (f"An inverting input for {REST}", f"A non-inverting input for {REST}"),
        (f"Do {REST}", f"Do not {REST}"),
        (f"Switch on {REST}", f"Switch off {REST}"),
        (f"Take care with {REST}", f"Take care without {REST}"),
        (f"Enable {REST}", f"Unable {REST}"),
        (f"Give it to {REST}", f"Give it by {REST}"),
        (f"Sélectionnez {REST}", f"Désélectionnez {REST}"),
        (f"Aktivieren Sie {REST}", f"Deaktivieren Sie {REST}"),
        (f"Выберите {REST}", f"Удалите {REST}"),
        (f"Zeige {REST}", f"Zeige nicht {REST}"),
        (f"选择 {REST}", f"删除 {REST}"),
        (f"The anode and the cathode for {REST}", f"The cathode and the anode for {REST}"),
        (f"Move it from Cork to New York with {REST}", f"Move it from New York to Cork with {REST}"),
        (f"The dog bites a man: {REST}", f"The man bites a dog: {REST}"),
        (f"Convert files of type A to B: {REST}", f"Convert files of type B to A: {REST}"),
        (
            f"Cork is in Munster, and Munster is in Ireland: {REST}",
            f"Cork is in Munster, and Cork is also in Ireland: {REST}",
        ),
    ],
)
def test_two_requests_that_differ_in_a_word_or_in_who_does_what_are_both_kept(one, other):
    assert settled(one, other) == ["kept", "kept"]
    assert settled(other, one) == ["kept", "kept"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"Select {REST}", f"Please select {REST}!"),
        (f"Could you select {REST}", f"Would you kindly select {REST}, thanks"),
        (f"I would like to select {REST}", f"I'd like to select {REST}"),
        (f"Choose the colour for {REST}", f"Choose the color for {REST}"),
        (f"It selects {REST}", f"It selected {REST}"),
        (f"Choose an e-mail for {REST}", f"Choose an email for {REST}"),
        (f"Choose categories for {REST}", f"Choose category for {REST}"),
        (f"Configure the antenna for {REST}", f"Configure the antena for {REST}"),
        (f"Configure the machine for {REST}", f"Configure the mahcine for {REST}"),
        (f"Give three weeks to {REST}", f"Give 3 weeks to {REST}"),
        (f"On Monday, show {REST}", f"Show {REST} on Monday"),
        (f"Move it from Cork to York with {REST}", f"Move it to York from Cork with {REST}"),
    ],
)
def test_two_wordings_of_one_request_repeat_each_other(one, other):
    assert sorted(settled(one, other)) == ["duplicate", "kept"]
    assert sorted(settled(other, one)) == ["duplicate", "kept"]


def test_the_data_show_which_words_say_nothing():
    one, other = f"Por favor, abre {REST}", f"Abre {REST}"
    assert settled(one, other) == ["kept", "kept"]
    things = ["la lista de nombres", "el libro de visitas", "la puerta del jardín"]
    shown = [
        {"input": f"{word}{thing}, {REST}", "output": f"{LONG} {thing}"}
        for thing in things
        for word in ("por favor, ", "")
    ]
    assert sorted(settled(one, other, *shown)) == ["duplicate", "kept"]
    other_outputs = [{**row, "output": f"{row['output']} {n * 7919}"} for n, row in enumerate(shown)]
    assert settled(one, other, *other_outputs) == ["kept", "kept"]


def test_the_data_show_the_endings_of_one_word():
    one, other = f"Zobraz hlavu: {REST}", f"Zobraz hlavy: {REST}"
    assert settled(one, other) == ["kept", "kept"]
    nouns = ["restaurac", "kavárn", "knihovn", "zahrad"]
    more = [{"input": f"{noun}{end} {REST}", "output": f"{LONG} {noun}"} for noun in nouns for end in "uy"]
    assert sorted(settled(one, other, *more)) == ["duplicate", "kept"]


def test_an_established_word_is_no_slip_of_another():
    one, other = f"Show the contact for {REST}", f"Show the contract for {REST}"
    assert sorted(settled(one, other)) == ["duplicate", "kept"]
    more = [
        {"input": f"{word} {n} of {REST}", "output": f"{LONG} {word}"}
        for word in ("contact", "contract")
        for n in ("old", "new")
    ]
    assert settled(one, other, *more) == ["kept", "kept"]


def test_words_that_a_style_lists_for_one_thing_are_one_word():
    one, other = f"A kids friendly place for {REST}", f"A family friendly place for {REST}"
    style = parse_style(
        "wordings: {friendly: {'yes': [kids friendly, family friendly]}}\n"
        "checks: [{kind: vocabulary, level: should, preferred: {place: [location]}}]"
    )
    assert settled(one, other) == ["kept", "kept"]
    assert sorted(settled(one, other, style=style)) == ["duplicate", "kept"]
    assert sorted(settled(one, one.replace("place", "location"), style=style)) == ["duplicate", "kept"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["A unidirectional", "A bidirectional"], ["conflict", "conflict"]),
        (["An anode and a cathode", "A cathode and an anode"], ["conflict", "conflict"]),
        (["A diode", "The diode"], ["duplicate", "kept"]),
        (["It has a hood and", "It has a zip and"], ["conflict", "conflict"]),
        (["A cheap diode", "An inexpensive diode"], ["kept", "kept"]),
        (["A hood", "A zip", "The rain"], ["kept", "kept", "kept"]),
    ],
)
def test_two_answers_to_one_request_contradict_each_other_in_its_words_and_in_opposites(answers, expected):
    rows = [{"input": f"Describe {ABOUT}", "output": f"{answer} {SALE}"} for answer in answers]
    rows += [{"input": f"{n} {n * 7919}", "output": f"The number {n * 13} is the last one of all."} for n in range(9)]
    assert sorted(curate(rows).ledger["outcome"].to_list()[: len(answers)]) == expected


WORDING = ["select", "selects", "deselect", "selected", "menu", "menus", "mneus", "home", "away", "to", "from", "please", "7",
           "seven", "km", "położyć", "położyły", "the", "colour", "color", "settings", "settigns"]  # fmt: skip


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_wordings_differ_as_a_comparison_word_by_word_says(seed, n):
    chance = random.Random(seed)
    texts = [" ".join(chance.choices(WORDING, k=chance.randint(2, 7))) for _ in range(n)]
    texts = list(
        dict.fromkeys(
            comparable(t) for text in texts for t in (text, " ".join(chance.sample(text.split(), len(text.split()))))
        )
    )
    left, right = np.triu_indices(len(texts), 1)
    found = differences(left, right, lambda numbers: [texts[n] for n in numbers.tolist()], frozenset())
    expected = Wordings(texts)
    for at, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        moved = expected.apart(texts[a], texts[b]) == frozenset() and not expected.repeated(texts[a], texts[b])
        assert found.other[at] == expected.differ(texts[a], texts[b]), (texts[a], texts[b])
        assert found.opposite[at] == expected.opposed("", texts[a], texts[b])
        assert found.moved[at] == (moved and expected.turned(texts[a], texts[b])[0])
