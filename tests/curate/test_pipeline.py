"""What must hold for every data set: the ledger adds up, nothing leaks, the order of the rows decides nothing."""

import itertools
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import DECISIONS, CurateSettings, Override, PinnedSplits, SplitShares, curate, read_frame
from tuneworth.curate.check.facts import text_facts
from tuneworth.curate.read.normal_forms import normalise
from tuneworth.style import parse_style

from .by_words import mirrored

STYLE = parse_style("""
name: t
checks:
  - {kind: pattern, regex: '[.]$', min: 0, max: 0, id: no-stop}
  - {kind: length, unit: words, max: 7, id: short, level: should}
""")
WORDS = ["red", "green", "blue", "part", "for", "cars", "and", "boats", "with", "a", "handle"]


def grams(text):
    return {text[i : i + 5] for i in range(len(text) - 4)} or {text}


def alike(one, other, threshold=0.8):
    a, b = grams(normalise(one)), grams(normalise(other))
    return len(a & b) >= threshold * len(a | b)


def same_facts(one, other, label_words=5):
    facts = (text_facts(text, label_words=label_words) for text in (one, other))
    return normalise(one) == normalise(other) or len(set(facts)) == 1


def labels(outputs):
    """Whether outputs of up to five words count as labels: where they are at least half of all."""
    return 2 * sum(len(text.split()) <= 5 for text in outputs) >= len(outputs)


def same_words(rows, one, other):
    """Whether no word is a fact of these inputs, going by the outputs of all rows with them."""
    answers = [
        [row["output"] for row in rows
         if normalise(row["input"]) == normalise(text) and text_facts(row["input"]) == text_facts(text)]
        for text in (one, other)
    ]  # fmt: skip
    return normalise(one) == normalise(other) or not mirrored(one, answers[0], other, answers[1])


@st.composite
def tables(draw):
    """Rows made by editing a few others, so that copies, conflicts, alternatives and siblings all occur."""
    chance = random.Random(draw(st.integers(0, 10**6)))
    n = draw(st.integers(4, 40))
    rows = []
    for i in range(n):
        if rows and chance.random() < 0.6:
            row = dict(chance.choice(rows))
            for key in ("input", "output"):
                row[key] = edit(row[key], chance)
        else:
            row = {"input": sentence(chance, 12), "output": sentence(chance, chance.choice([2, 9]))}
        row["id"] = f"r{i}"
        row["group"] = f"g{chance.randint(0, 9)}" if chance.random() < 0.3 else None
        rows.append(row)
    rows.append({"input": "a wholly different text for training on", "output": "fine", "id": "last", "group": None})
    return rows


def sentence(chance, n):
    return " ".join(chance.choices([*WORDS, "5V", "12 A", "USB"], k=n)) + chance.choice(["", "", "."])


def edit(text, chance):
    kind = chance.randint(0, 5)
    if kind == 0:
        return text.upper()
    if kind == 1:
        return text.replace("5V", "6V", 1)
    if kind == 2:
        return text + "."
    if kind == 3:
        return text + " x"
    return text


def run(rows, pinned=None, overrides=(), **options):
    """None where every row of so small a table breaks the style or a conflict takes it."""
    try:
        return curate(rows, STYLE, settings=CurateSettings(**options), pinned=pinned, overrides=overrides)
    except DataError:
        return None


OPTIONS = st.fixed_dictionaries(
    {
        "keep": st.sampled_from(["best style", "first", "longest"]),
        "conflicts": st.sampled_from(["quarantine", "report", "keep best"]),
        "tie_siblings": st.sampled_from(["auto", True, False]),
        "tie_outputs": st.sampled_from(["auto", True, False]),
    }
)


@pytest.mark.slow
@settings(max_examples=30)
@given(tables(), OPTIONS)
def test_what_holds_of_every_curation(rows, options):
    done = run(rows, **options)
    if done is None:
        return
    assert_every_row_has_one_outcome(rows, done)
    assert_a_duplicate_names_a_kept_row_that_it_repeats(rows, done)
    assert_no_group_and_no_pair_alike_with_the_same_facts_is_across_the_split(rows, done, options)
    assert_no_answer_is_in_train_but_those_that_are_said(done, options)


def assert_every_row_has_one_outcome(rows, done):
    assert done.ledger["row"].to_list() == list(range(1, len(rows) + 1))
    assert sum(done.summary["outcomes"].values()) == done.summary["rows_read"] == len(rows)
    assert sum(done.summary["splits"].values()) == done.summary["outcomes"]["kept"] == len(done.kept)
    assert len(done.kept) + len(done.set_aside) == len(rows)
    assert done.ledger.filter((pl.col("outcome") == "kept") == pl.col("split").is_null()).is_empty()


def assert_a_duplicate_names_a_kept_row_that_it_repeats(rows, done):
    texts = {row["id"]: row for row in rows}
    kept = set(done.kept["id"])
    label_words = {"input": 5, "output": 5 if labels([row["output"] for row in rows]) else 2}
    for own, other, similarity in done.ledger.filter(outcome="duplicate").select("id", "other_id", "similarity").rows():
        assert other in kept
        for key in ("input", "output"):
            assert alike(texts[own][key], texts[other][key])
            assert same_facts(texts[own][key], texts[other][key], label_words[key])
        assert 0.8 <= similarity <= 1


def assert_no_group_and_no_pair_alike_with_the_same_facts_is_across_the_split(rows, done, options):
    kept = done.kept.select("input", "group", "split").rows()
    for (text, group, split), (other_text, other_group, other_split) in itertools.combinations(kept, 2):
        if split != other_split:
            assert group is None or group != other_group
            assert not (alike(text, other_text) and same_facts(text, other_text) and same_words(rows, text, other_text))
            assert not (options["tie_siblings"] is True and alike(text, other_text))
    assert done.summary["certificate"]["pairs_at_or_above"] == 0


def assert_no_answer_is_in_train_but_those_that_are_said(done, options):
    certificate, outputs = done.summary["certificate"], done.splits["train"]["output"]
    train = {normalise(text) for text in outputs}
    held = pl.concat([done.splits["validation"], done.splits["test"]])["output"]
    crossing = [text for text in map(normalise, held) if text in train and len(text.split()) > 5]
    assert certificate["answers_verbatim"] == len(crossing)
    if options["tie_outputs"] is True:
        assert not crossing
        assert not certificate["answers_similar"]
    if options["tie_outputs"] == "auto" and not certificate["outputs_untied"]["outputs"]:
        assert not crossing


@pytest.mark.slow
@given(tables(), OPTIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(rows, options, chance):
    options = {**options, "keep": "best style" if options["keep"] == "first" else options["keep"]}
    shuffled = chance.sample(rows, len(rows))
    one, other = run(rows, **options), run(shuffled, **options)
    if one is None or other is None:
        assert one is other
        return
    keys = ["input", "output", "group", "split", "reference_ok"]
    assert one.kept.select(keys).sort(keys).equals(other.kept.select(keys).sort(keys))


@pytest.mark.slow
@given(tables(), OPTIONS)
def test_curating_the_kept_rows_again_drops_none_without_reason(rows, options):
    done = run(rows, **options)
    if done is None:
        return
    again = run(done.kept.drop("split"), **options)
    if again is None:
        return
    assert "leaked" not in set(again.ledger["outcome"])
    # What the other rows say decides too: of three short answers none conflicts, since wordings vary, and a word that the
    # outputs repeat is a fact. So a row may only be dropped now if one like it was dropped before. And short answers that
    # are half of all are labels: once long ones were dropped, those that are left may be, and then they conflict.
    if labels([row["output"] for row in rows]) != labels(done.kept["output"].to_list()):
        return
    now = again.ledger.filter(pl.col("outcome").is_in(["duplicate", "conflict"])).join(
        done.kept.select("id", "input"), on="id"
    )
    dropped = [row["input"] for row in rows if row["id"] not in set(done.kept["id"])]
    assert all(any(alike(text, other) and same_facts(text, other) for other in dropped) for text in now["input"])


@pytest.mark.parametrize(("long", "outcomes"), [(3, {"kept"}), (2, {"conflict"})])
def test_short_answers_conflict_where_they_are_half_of_all(long, outcomes):
    """The counterexample of the property above that chance found: a row was dropped, and two answers became labels."""
    question = "red red and red blue handle part red USB part and for"
    rows = [
        {"id": "a", "input": question, "output": "USB part 5"},
        {"id": "b", "input": question.upper(), "output": "USB part 6"},
    ]
    rows += [
        {
            "id": colour,
            "input": f"which {colour} house has a wall",
            "output": f"the {colour} one behind the old wall there",
        }
        for colour in ("green", "white", "black")[:long]
    ]
    ledger = curate(rows, settings=CurateSettings(conflicts="quarantine")).ledger
    assert set(ledger.filter(pl.col("id").is_in(["a", "b"]))["outcome"]) == outcomes


@pytest.mark.slow
@given(tables(), OPTIONS, st.integers(1, 40))
def test_when_the_data_grow_each_row_keeps_its_split_and_nothing_new_leaks(rows, options, first):
    before = run(rows[-first:], **options)
    if before is None:
        return
    pinned = PinnedSplits().grown(before.ledger)
    done = run(rows, pinned=pinned, **options)
    if done is None:
        return
    # A row is known by its content: "the same row" may be the copy of it that is kept now.
    was = dict(before.ledger.filter(outcome="kept").select("content", "split").rows())
    now = dict(done.ledger.filter(outcome="kept").select("content", "split").rows())
    assert all(split == was.get(content, split) for content, split in now.items())
    # One that was placed before leaves only where a person must look, or for another one that was.
    content = dict(done.ledger.select("id", "content").rows())
    for own, outcome, other in done.ledger.select("content", "outcome", "other_id").rows():
        if own in was and own not in now:
            assert outcome in ("conflict", "leaked") or (outcome == "duplicate" and content[other] in was)
    kept = done.kept.join(done.ledger.select("row", "content"), on="row").select("input", "group", "split", "content")
    for (text, group, split, own), (other_text, other_group, other_split, other) in itertools.combinations(
        kept.rows(), 2
    ):
        if split != other_split:
            assert not (alike(text, other_text) and same_facts(text, other_text) and same_words(rows, text, other_text))
            if own not in was or other not in was:
                assert group is None or group != other_group
                assert not (options["tie_siblings"] is True and alike(text, other_text))
    assert done.summary["certificate"]["pairs_at_or_above"] == 0


@pytest.mark.slow
@given(tables(), OPTIONS, st.data())
def test_decisions_hold_whatever_the_rules_say(rows, options, data):
    ids = [row["id"] for row in rows]
    decisions = data.draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(DECISIONS), max_size=6))
    done = run(
        rows, overrides=[Override(id=i, decision=d, who="Ada", why="seen") for i, d in decisions.items()], **options
    )
    if done is None:
        return
    ledger = {row["id"]: row for row in done.ledger.iter_rows(named=True)}
    assert len(ledger) == len(rows) == sum(done.summary["outcomes"].values())
    assert len(done.kept) + len(done.dropped) == len(rows)
    for own, decision in decisions.items():
        row = ledger[own]
        assert "Decided by Ada" in row["evidence"]
        if decision == "drop":
            assert (row["outcome"], row["rule"]) == ("decided", "override")
        else:
            assert row["outcome"] in ("kept", "leaked")
            assert row["split"] in ((decision, None) if decision != "keep" else ("train", "validation", "test", None))
    for row in ledger.values():
        if row["outcome"] in ("duplicate", "conflict"):
            assert decisions.get(row["other_id"]) != "drop"
        if row["outcome"] == "duplicate":
            assert ledger[row["other_id"]]["outcome"] == "kept"
    assert done.summary["certificate"]["pairs_at_or_above"] == 0
    found = done.summary["overrides"]
    assert (found["applied"], found["unmatched"], found["changed"]) == (len(decisions), [], [])


def test_a_chain_deletes_no_row():
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnop", k=6)) for _ in range(60)]
    # Each text has two more marks than the one before: neighbours are alike at 0.9, the ends of the chain are not.
    texts = [" ".join(w + "!" * (n < i) for n, w in enumerate(words[:40])) for i in range(0, 12, 2)]
    rows = [{"id": str(i), "input": text, "output": "the same answer for all"} for i, text in enumerate(texts)]
    done = curate(rows, settings=CurateSettings(near_duplicate=0.9, split=SplitShares(train=1)))
    dropped = done.ledger.filter(outcome="duplicate").select("id", "other_id").rows()
    assert not alike(texts[0], texts[5], 0.9)
    assert 1 <= len(dropped) <= 4
    assert all(alike(texts[int(a)], texts[int(b)], 0.9) for a, b in dropped)


CASES = [
    (
        "the same pair in other case",
        "What does the red part with 5V cost today?",
        "IT COSTS A LOT OF MONEY FOR THIS, friend",
        "duplicate",
    ),
    (
        "another number in the answer",
        "What does the red part with 5V cost today?",
        "It costs a lot of money for this, friend 7",
        "conflict",
    ),
    (
        "another answer",
        "What does the red part with 5V cost today?",
        "Nobody knows, ask somebody else about such things",
        "kept",
    ),
    (
        "another number in the question",
        "What does the red part with 6V cost today?",
        "It costs a lot of money for this, friend",
        "kept",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text", "answer", "outcome"), CASES, ids=[case[0] for case in CASES])
def test_two_pairs_are_what_the_table_says(name, text, answer, outcome):
    first = {
        "id": "first",
        "input": "What does the red part with 5V cost today?",
        "output": "It costs a lot of money for this, friend",
    }
    filler = [{"id": f"f{i}", "input": f"{i} something else {i * 7}", "output": f"text {i}"} for i in range(20)]
    done = curate([first, {"id": "second", "input": text, "output": answer}, *filler])
    outcomes = dict(done.ledger.select("id", "outcome").rows())
    assert sorted([outcomes["first"], outcomes["second"]]) == sorted(
        [outcome, "conflict" if outcome == "conflict" else "kept"]
    )


def test_labels_that_differ_conflict_and_the_options_settle_them():
    rows = [
        {"id": f"{i}", "input": f"review number {i // 2} of this long film", "output": f"label {i}"} for i in range(40)
    ]
    counts = {
        option: curate(rows, settings=CurateSettings(conflicts=option)).summary["outcomes"]
        for option in ("report", "keep best")
    }
    assert counts["report"]["kept"] == 40
    assert (counts["keep best"]["kept"], counts["keep best"]["conflict"]) == (20, 20)
    with pytest.raises(DataError, match="no pairs to train on: 40 rows read, none kept"):
        curate(rows)


def test_many_conflicts_name_the_option():
    rows = [{"input": f"review number {i // 2} of this film", "output": f"label {i}"} for i in range(40)]
    rows += [{"input": f"lonely {i}", "output": "x"} for i in range(40)]
    warnings = {w["code"]: w["text"] for w in curate(rows).summary["warnings"]}
    assert 'conflicts = "report" keeps them' in warnings["many_conflicts"]
    assert {"few_pairs", "few_outputs"} - set(warnings) == {"few_outputs"}


def test_failing_outputs_leave_train_and_validation_but_not_test():
    rows = [{"id": str(i), "input": f"item {i} {i * 37}", "output": f"text {i}" + "." * (i % 2)} for i in range(100)]
    done = curate(rows, STYLE)
    assert set(done.ledger.filter(outcome="invalid")["rule"]) == {"style:no-stop"}
    fails = done.kept.filter(pl.col("output").str.ends_with("."))
    assert set(fails["split"]) == {"test"}
    assert not fails["reference_ok"].any()
    assert done.kept.filter(~pl.col("output").str.ends_with("."))["reference_ok"].all()
    assert done.summary["checks"]["no-stop"] == {"fail": 50, "share": 0.5}
    assert done.summary["references_failing"] == {"train": 0, "validation": 0, "test": len(fails)}


def test_the_better_style_stays():
    pair = {"input": "a description of the blue car", "output": "A blue car with four doors and two mirrors"}
    rows = [{**pair, "id": "bad", "output": pair["output"] + "."}, {**pair, "id": "good"}]
    for keep in ("best style", "first", "longest"):
        done = curate(rows, STYLE, settings=CurateSettings(keep=keep, split=SplitShares(train=1)))
        assert dict(done.ledger.select("id", "outcome").rows()) == {"bad": "duplicate", "good": "kept"}


def test_an_output_that_breaks_a_must_rule_displaces_none_that_breaks_a_should_rule():
    text = "A blue car with four doors and"
    rows = [
        {"id": "must", "input": "a blue car", "output": f"{text}."},
        {"id": "should", "input": "a blue car", "output": f"{text} a"},  # eight words
    ]
    done = curate(rows, STYLE, settings=CurateSettings(keep="best style", split=SplitShares(train=1)))
    assert dict(done.ledger.select("id", "outcome").rows()) == {"must": "duplicate", "should": "kept"}


def test_rows_that_are_tied_have_a_component_and_a_row_alone_has_none():
    text = "a long description of the big blue car with {} doors and a roof that opens by hand in any weather"
    car, other, lamp = ({"id": f"{n}", "input": text.format(n), "output": f"A car, {n} doors"} for n in (5, 7, 9))
    lamp |= {"input": "quite another lamp"}
    kept = curate([car, other, lamp], settings=CurateSettings(tie_siblings=True)).kept
    assert dict(kept.select("id", "component").rows()) == {"5": "5", "7": "5", "9": None}


def test_identifiers_are_left_out_of_the_comparison():
    rows = [
        {"id": sku, "input": {"sku": sku, "name": "a chair", "legs": 4}, "output": "A chair with legs"}
        for sku in ("A1", "B2")
    ]
    shares = CurateSettings(split=SplitShares(train=1))
    assert len(curate(rows, settings=shares).kept) == 2
    assert len(curate(rows, settings=shares, identifiers=["sku"]).kept) == 1
    with pytest.raises(ConfigError, match='did you mean "sku"'):
        curate(rows, settings=shares, identifiers=["skus"])


def test_a_given_split_holds_and_what_would_leak_leaves():
    rows = [{"id": f"n{i}", "input": f"number {i} {i * 91}", "output": f"o {i}", "split": "train"} for i in range(8)]
    question = "which colour does the big old house have"
    rows += [
        {"id": "held", "input": question, "output": "It is red and white like many others around", "split": "test"},
        {"id": "leak", "input": question.upper(), "output": "Nobody ever painted that one, so grey", "split": "train"},
        {"id": "free", "input": "a new line of text about boats", "output": "a", "split": None},
    ]
    rows.append({**next(row for row in rows if row["id"] == "held"), "id": "copy", "split": "train"})
    done = curate(rows)
    outcome = dict(done.ledger.select("id", "outcome").rows())
    assert outcome["leak"] == outcome["copy"] == "leaked"
    copied = done.ledger.filter(pl.col("rule") == "stated_split")
    assert copied.select("id", "other_id").rows() == [("leak", "held"), ("copy", "held")]
    (warning,) = [found["text"] for found in done.summary["warnings"] if found["code"] == "stated_split"]
    assert "2 rows stated for train repeat rows stated for test or validation (1 of the 1 test rows)" in warning
    assert outcome["free"] == "kept"
    assert dict(done.kept.select("id", "split").rows())["held"] == "test"
    assert set(done.kept.filter(pl.col("id").str.starts_with("n"))["split"]) == {"train"}
    assert done.summary["certificate"]["pairs_at_or_above"] == 0


def test_rejected_rows_stand_in_the_ledger():
    done = curate(read_frame([{"input": "", "output": "x"}, *({"input": f"i {n}", "output": "x"} for n in range(9))]))
    assert done.ledger.row(0, named=True)["rule"] == "empty_input"
    assert done.summary["outcomes"]["invalid"] == 1
