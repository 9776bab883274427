from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.evaluate.risks.memorisation import assess_memorisation, copies_of

LINE = "Low dropout regulator, 5 V output, 150 mA, fixed voltage, SOT-23"
OTHER = [f"another line number {i} with nothing of the kind in it" for i in range(60)]


def runs(text):
    words = [word for raw in (text or "").lower().split() if (word := raw.strip(".,;:!?()[]{}\"'“”‘’"))]
    return {tuple(words[i : i + 8]) for i in range(len(words) - 7)}


def by_hand(outputs, train, inputs, groups):
    """The literal definition, with sets."""
    owners = defaultdict(set)
    for text, group in zip(train, groups, strict=True):
        for run in runs(text):
            owners[run].add(group)
    most = max(2, len(set(groups)) / 100)
    asked = inputs or [""] * len(outputs)
    return [
        any(0 < len(owners.get(run, ())) <= most for run in runs(text) - runs(given))
        for text, given in zip(outputs, asked, strict=True)
    ]


words = st.lists(st.sampled_from(["a", "B,", "c", "(d)", "--", "."]), max_size=16).map(" ".join)
texts = st.lists(words, min_size=1, max_size=8)


@pytest.mark.slow
@given(outputs=texts, train=st.lists(st.tuples(words, st.integers(0, 3)), min_size=1, max_size=12), data=st.data())
@settings(max_examples=60, deadline=None)
def test_copies_equal_the_definition_for_parts_of_any_size(outputs, train, data):
    inputs = data.draw(st.none() | st.lists(words, min_size=len(outputs), max_size=len(outputs)))
    said, groups = [text for text, _ in train], [group for _, group in train]
    found = copies_of(
        outputs, said, inputs=inputs, train_groups=groups, part_bytes=data.draw(st.sampled_from([1, 20, 10**6]))
    )
    assert found.tolist() == by_hand(outputs, said, inputs, groups)


def test_copies_are_runs_of_eight_words_whatever_their_case_and_punctuation():
    found = copies_of(["x B c d, e f g h. i", "a b c d e f g", "a b c d x e f g h i", "", None], ["a b c d e f g h i"])
    assert found.tolist() == [True, False, False, False, False]


def test_no_run_spans_two_texts():
    assert copies_of(["a b c d e f g h"], ["a b c d", "e f g h"]).tolist() == [False]
    assert copies_of(["a b c d", "e f g h"], ["a b c d e f g h"]).tolist() == [False, False]
    assert copies_of([], ["a b c d e f g h"]).tolist() == copies_of([], []).tolist() == []
    assert copies_of(["a b c d e f g h"], []).tolist() == [False]


def test_standard_wording_of_many_train_outputs_is_not_a_copy():
    closing = "order today and we deliver it to you within two days"
    train = [f"text {i} of its own, {closing if i % 10 == 0 else ''}" for i in range(400)]
    assert copies_of([closing], train).tolist() == [False]
    assert copies_of([closing], train[:15]).tolist() == [True]


def test_one_group_is_one_owner_however_many_outputs_it_has():
    train, groups = [LINE] * 30 + OTHER, ["family"] * 30 + list(range(60))
    assert copies_of([LINE], train, train_groups=groups).tolist() == [True]
    assert copies_of([LINE], train, train_groups=groups, part_bytes=1).tolist() == [True]
    assert copies_of([LINE], train).tolist() == [False]


def test_text_from_the_input_may_be_repeated():
    assert copies_of([LINE, LINE], [LINE], inputs=[LINE.upper(), "something else"]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("copied", "natural", "status"), [(30, 0, "over"), (1, 1, "ok"), (0, 12, "ok"), (3, 0, "ok"), (4, 0, "warn")]
)
def test_memorisation_counts_only_beyond_the_references(copied, natural, status):
    outputs = [LINE if i < copied else OTHER[i] for i in range(60)]
    references = [LINE if i < natural else OTHER[i] for i in range(60)]
    found = assess_memorisation([LINE], references, outputs)
    assert found.status == status
    assert found.measured
    assert found.value == pytest.approx((copied - natural) / 60)
    assert f"{copied} of 60" in found.evidence


@pytest.mark.parametrize(("copied", "status"), [(1, "ok"), (2, "not checked"), (12, "not checked")])
def test_an_answer_of_train_that_is_also_the_reference_may_be_recited(copied, status):
    outputs = [f"{LINE.upper()}." if i < copied else OTHER[i] for i in range(60)]
    references = [LINE if i < 12 else OTHER[i] for i in range(60)]
    found = assess_memorisation([LINE], references, outputs)
    assert (found.status, found.recited, found.n) == (status, copied, 60)
    short = assess_memorisation(
        ["five words are too few"], ["five words are too few"] * 60, ["five words are too few"] * 60
    )
    assert (short.status, short.recited) == ("ok", 0)


@pytest.mark.parametrize("copied", [0, 13, 60])
def test_memorisation_is_not_checked_where_the_references_copy_train_themselves(copied):
    outputs = [LINE if i < copied else OTHER[i] for i in range(60)]
    references = [LINE if i < 13 else OTHER[i] for i in range(60)]
    found = assess_memorisation([LINE], references, outputs)
    assert (found.status, found.value) == ("not checked", None)
    assert "13 of 60 references" in found.evidence
    assert found.to_check


def test_memorisation_in_few_groups_is_harder_to_prove():
    outputs, references = [LINE] * 10 + ["short"] * 50, ["short"] * 60
    assert assess_memorisation([LINE], references, outputs).status == "over"
    assert assess_memorisation([LINE], references, outputs, groups=np.arange(60) // 10).status == "warn"


def test_pairs_without_a_usable_reference_are_dropped():
    assert assess_memorisation([LINE], [None, "x"], [LINE, "x"]).evidence.startswith("0 of 1")
    for missing in (assess_memorisation([LINE], [None], ["x"]), assess_memorisation(None, ["x"], ["x"])):
        assert (missing.status, missing.measured) == ("not checked", False)
        assert missing.to_check


def test_a_style_followed_more_strictly_than_by_people_is_not_memorisation():
    """Thirty templates, each in 3% of the train groups: people use one in nine of ten lines, the model always."""
    opening = [f"This {i} is made with great care for people who like number {i} best" for i in range(30)]
    train = [f"{opening[i % 30]}: item {i}" for i in range(900)]
    references = [f"{opening[i % 30]}: test {i}" if i % 10 else f"test {i} alone" for i in range(300)]
    outputs = [f"{opening[i % 30]}: said {i}" for i in range(300)]
    found = assess_memorisation(train, references, outputs)
    assert (found.status, found.value) == ("ok", 0.0)
