"""A recount gives what a new curation gives, whatever people decided."""

from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError
from tuneworth.curate import (
    DECISIONS,
    Counts,
    CurateRequest,
    CurateSettings,
    Override,
    PinnedSplits,
    Recount,
    curate,
    read_frame,
)

from .test_pipeline import OPTIONS, STYLE, tables

MORE = st.fixed_dictionaries(
    {},
    optional={
        "fix": st.sampled_from(["safe", "unsafe"]),
        "mask": st.just(True),
        "stratify": st.just("group"),
        "near_duplicate": st.sampled_from([0.6, 0.9]),
    },
)


def counted(rows, style, decisions, *, options, pinned, seed=0, date=None):
    """The counts of a whole curation; the error where it raises one."""
    try:
        found = curate(
            rows, style, settings=CurateSettings(**options), pinned=pinned, overrides=decisions, seed=seed, date=date
        ).summary
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
    """Decisions about some rows, with texts that are new, those of other rows, or the same again."""
    chosen = draw(st.lists(st.sampled_from(rows), max_size=8))
    made = []
    for row in chosen:
        decision = draw(st.sampled_from(DECISIONS))
        other = draw(st.sampled_from(rows))["output"]
        changed = st.sampled_from(
            [None, other, other + " 7V", row["output"].replace("5V", "7V") + ".", "fine", "a@b.org 9"]
        )
        text = None if decision == "drop" else draw(changed)
        made.append(Override(id=row["id"], decision=decision, text=text, who="Ada"))
    return made


@given(tables(), OPTIONS, MORE, st.data())
def test_a_recount_gives_the_counts_of_a_new_curation(rows, options, more, data):
    options, seed = options | more, data.draw(st.integers(0, 2))
    pinned = PinnedSplits()
    if data.draw(st.booleans()):
        first = curate_quietly(rows, options)
        pinned = pinned if first is None else pinned.grown(first.ledger)
    recount = Recount.of(read_frame(rows), CurateRequest(STYLE, CurateSettings(**options)), pinned=pinned, seed=seed)
    for _ in range(3):
        made = data.draw(decisions(rows))
        assert recounted(recount, made) == counted(rows, STYLE, made, options=options, pinned=pinned, seed=seed)


def curate_quietly(rows, options):
    try:
        return curate(rows, STYLE, settings=CurateSettings(**options))
    except DataError:
        return None
