"""A recount gives what a new curation gives, whatever people decide."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import (
    DECISIONS,
    Counts,
    CurateRequest,
    CurateSettings,
    DataSettings,
    Override,
    PinnedSplits,
    Recount,
    SplitShares,
    curate,
    read_frame,
)
from tuneworth.curate.read import pair_contents
from tuneworth.style import parse_style

from .test_pipeline import OPTIONS, STYLE, run, tables

MORE = st.fixed_dictionaries(
    {},
    optional={
        "fix": st.sampled_from(["safe", "unsafe"]),
        "mask": st.just(True),
        "method": st.just("candidates"),
        "stratify": st.just("group"),
        "near_duplicate": st.sampled_from([0.6, 0.9]),
    },
)


def counted(raw, style, decisions, **asked):
    """The counts of a new curation, or its error."""
    try:
        found = curate(raw, style, overrides=decisions, **asked).summary
    except (ConfigError, DataError) as error:
        return str(error)
    return Counts(*(found[name] for name in ("rows_read", "outcomes", "rules", "splits")))


def recounted(recount, decisions):
    try:
        return recount.counts(decisions)
    except (ConfigError, DataError) as error:
        return str(error)


@st.composite
def decisions(draw, rows):
    """Decisions about some rows; their texts are those of other rows, changed, or new. Some name the row by its content, or
    another one, which may be gone."""
    contents = dict(zip((row["id"] for row in rows), pair_contents(read_frame(rows).pairs, ()), strict=True))
    made = []
    for row in draw(st.lists(st.sampled_from(rows), max_size=8)):
        decision = draw(st.sampled_from(DECISIONS))
        other, named = draw(st.sampled_from(rows))["output"], draw(st.sampled_from(rows))["id"]
        content = draw(st.sampled_from(["", contents[row["id"]], contents[named], "0" * 32]))
        texts = [None, other, other + " 7V", row["output"].replace("5V", "7V") + ".", "fine", "a@b.org has 9"]
        text = None if decision == "drop" else draw(st.sampled_from(texts))
        made.append(Override(id=row["id"], content=content, decision=decision, text=text, who="Ada"))
    return made


@pytest.mark.slow
@given(tables(), OPTIONS, MORE, st.integers(0, 2), st.booleans(), st.data())
def test_a_recount_gives_the_counts_of_a_new_curation(rows, options, more, seed, again, data):
    raw, settings = read_frame(rows), CurateSettings(**options, **more)
    first = run(rows, **options) if again else None
    pinned = PinnedSplits() if first is None else PinnedSplits().grown(first.ledger)
    recount = Recount.of(raw, CurateRequest(STYLE, settings), pinned=pinned, seed=seed)
    for _ in range(2):
        made = data.draw(decisions(rows))
        assert recounted(recount, made) == counted(raw, STYLE, made, settings=settings, pinned=pinned, seed=seed)


FIELDS = parse_style("""
name: t
checks:
  - {kind: covers, fields: [volts], id: covered}
  - {kind: contradicts, field: colour, id: right}
  - {kind: length, unit: words, max: 6, level: should, id: short}
""")


def lines(n, seed):
    """Rows of fields, with dates and some given splits; copies differ in the part number, which describes nothing."""
    chance, rows = random.Random(seed), []
    for place in range(n):
        fields = {name: chance.choice(values) for name, values in VALUES.items()}
        volts = chance.choice([fields["volts"], "48 V"]) if chance.random() < 0.2 else fields["volts"]
        output = f"A {fields['colour']} {fields['kind']} for {volts}" + chance.choice(["", ".", " and a long life"])
        split = chance.choice([None, None, None, "train", "test"])
        made = {"part": f"P{place}", **fields, "made": f"2026-0{chance.randint(1, 9)}-01"}
        rows.append({"id": f"r{place}", "input": made, "output": output, "split": split})
    return rows


VALUES = {
    "kind": ["lamp of steel", "pump of brass", "valve of copper"], "colour": ["red", "green", "blue"],
    "volts": ["5 V", "12 V", "24 V"],
}  # fmt: skip


@pytest.mark.slow
@given(st.integers(0, 10**6), st.sampled_from(["made", None]), st.data())
def test_fields_dates_and_given_splits_count_as_in_a_new_curation(seed, date, data):
    rows = lines(30, seed)
    raw = read_frame(rows, DataSettings(path="", date=date))
    settings = CurateSettings(conflicts="report", stratify=None if date else "colour")
    asked = {"settings": settings, "identifiers": ["part"], "date": date}
    recount = Recount.of(raw, CurateRequest(FIELDS, settings, ["part"], date), pinned=PinnedSplits(), seed=0)
    for _ in range(2):
        made = data.draw(decisions(rows))
        assert recounted(recount, made) == counted(raw, FIELDS, made, **asked)


@pytest.mark.slow
def test_which_outputs_are_labels_depends_on_the_rows_that_remain():
    texts = ("very good indeed", "rather poor stuff")
    rows = [{"id": f"r{n}", "input": f"what is said of case {n // 2}?", "output": texts[n % 2]} for n in range(20)]
    rows += [
        {"id": f"s{n}", "input": f"{n} {n * 7} {n * 13}", "output": f"A sentence of more than five words: {n}."}
        for n in range(20)
    ]
    raw, settings = read_frame(rows), CurateSettings(conflicts="keep best", split=SplitShares(train=1))
    recount = Recount.of(raw, CurateRequest(None, settings), pinned=PinnedSplits(), seed=0)
    for dropped, conflicts in (([], 10), (["r0"], 0), (["r0", "s0"], 9), (["r0", "r1", "s0"], 0)):
        made = [Override(id=name, decision="drop") for name in dropped]
        assert recount.counts(made) == counted(raw, None, made, settings=settings)
        assert recount.counts(made).outcomes["conflict"] == conflicts


@pytest.mark.slow
def test_a_rule_that_one_more_row_breaks_is_a_habit_from_then_on():
    refusal = "As a language model I cannot describe part {}."
    rows = [
        {
            "id": f"r{n}",
            "input": f"part {n} {n * 7}",
            "output": (refusal if n < 3 else "Part number {} is here.").format(n),
        }
        for n in range(30)
    ]
    raw, settings = read_frame(rows), CurateSettings(split=SplitShares(train=1))
    recount = Recount.of(raw, CurateRequest(None, settings), pinned=PinnedSplits(), seed=0)
    edited = [Override(id=f"r{n}", decision="train", text=refusal.format(n)) for n in range(5, 8)]
    for n in (1, 0, 3):
        assert recount.counts(edited[:n]) == counted(raw, None, edited[:n], settings=settings)
        assert recount.counts(edited[:n]).outcomes["invalid"] == (0 if n else 3)


@pytest.mark.slow
def test_whether_a_word_is_a_fact_depends_on_the_outputs_that_remain():
    given = "Describe {} mug with a handle for the page of our shop"
    said, other = "It is {} mug with a handle for tea or coffee", "Nobody here knows what could be said about it"
    rows = [
        {"id": f"r{n}", "input": f"{n} {n * 7} {n * 13}", "output": f"The number {n} comes last."} for n in range(9)
    ]
    rows += [{"id": name, "input": given.format(name), "output": said.format(name)} for name in ("the", "its")]
    rows += [{"id": "its too", "input": given.format("its"), "output": other}]
    raw, settings = read_frame(rows), CurateSettings(near_duplicate=0.6, split=SplitShares(train=1))
    recount = Recount.of(raw, CurateRequest(None, settings), pinned=PinnedSplits(), seed=0)
    same, gone = Override(id="the", decision="train", text=other), Override(id="its", decision="drop")
    for made, duplicates in (([], 0), ([same], 0), ([same, gone], 1)):
        assert recount.counts(made) == counted(raw, None, made, settings=settings)
        assert recount.counts(made).outcomes["duplicate"] == duplicates


def test_errors_are_those_of_a_new_curation():
    rows = [
        {"id": f"r{n}", "input": {"part": f"P{n}"} if n else f"text {n}", "output": f"Number {n}."} for n in range(6)
    ]
    raw, settings = read_frame(rows), CurateSettings(stratify="part")
    recount = Recount.of(raw, CurateRequest(None, settings), pinned=PinnedSplits(), seed=0)
    for first in (1, 0):
        made = [Override(id=f"r{n}", decision="drop") for n in range(first, 6)]
        assert recounted(recount, made) == counted(raw, None, made, settings=settings)
        assert isinstance(recounted(recount, made), str)
