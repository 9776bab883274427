"""Decisions find their rows by content where ids were given anew."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import CurateRequest, CurateSettings, Override, PinnedSplits, Recount, curate, read_frame
from tuneworth.curate.decisions.replay import apply_decisions

FILLER = [{"id": f"f{i}", "input": f"{i} something else {i * 7919}", "output": f"text {i}"} for i in range(40)]
QUESTION, ANSWER = "What does the red part with 5V cost today?", "It costs a lot of money for this, friend"


def pair(id, input=QUESTION, output=ANSWER, **more):
    return {"id": id, "input": input, "output": output, **more}


def outcomes(done):
    return dict(done.ledger.select("id", "outcome").rows())


def entry(done, id):
    return done.ledger.filter(id=id).row(0, named=True)


def contents(rows, **options):
    """The content of each row as a run's ledger has it."""
    return dict(curate([*rows, *FILLER], **options).ledger.select("id", "content").rows())


def test_a_decision_finds_its_row_by_content_where_ids_were_given_anew():
    rows = [pair("7"), pair("8", "quite another text on boats", "words")]
    known = contents(rows)
    made = [
        Override(id="7", content=known["7"], decision="drop"),
        Override(id="8", content=known["8"], decision="test"),
    ]
    assert outcomes(curate([*rows, *FILLER], overrides=made))["7"] == "decided"
    moved = [pair("7", "new here and long enough", "x"), pair("8"), pair("9", "quite another text on boats", "words")]
    done = curate([*moved, *FILLER], overrides=made)
    assert [outcomes(done)[id] for id in "789"] == ["kept", "decided", "kept"]
    assert entry(done, "9")["split"] == "test"
    found = done.summary["overrides"]
    assert (found["applied"], found["unmatched"], found["changed"]) == (2, [], [])
    assert "override" not in str(done.summary["warnings"])


def test_a_decision_about_a_row_that_has_changed_does_not_apply_and_is_named():
    made = [Override(id="a", content=contents([pair("a")])["a"], decision="drop")]
    done = curate([pair("a", output=ANSWER + " indeed"), *FILLER], overrides=made)
    assert outcomes(done)["a"] == "kept"
    found = done.summary["overrides"]
    assert (found["applied"], found["unmatched"], found["changed"]) == (0, [], ["a"])
    texts = {w["code"]: w["text"] for w in done.summary["warnings"]}
    assert '1 decision that does not apply, since the row holds another pair now: "a"' in texts["override_changed"]
    known = replace(made[0], content="")  # of today's files
    assert outcomes(curate([pair("a", output=ANSWER + " indeed"), *FILLER], overrides=[known]))["a"] == "decided"


@pytest.mark.slow
def test_a_content_in_other_case_and_spaces_is_the_same_and_an_edited_row_keeps_its_own():
    known = contents([pair("a")])["a"]
    made = [Override(id="a", content=known, decision="keep", text="Another answer.")]
    rows = [pair("a", QUESTION.upper() + "  "), *FILLER]
    once = curate(rows, overrides=made)
    assert once.kept.filter(id="a").select("output", "written").row(0) == ("Another answer.", ANSWER)
    assert (
        curate(rows, overrides=[*made, replace(made[0], text="A third.")]).kept.filter(id="a")["output"].item()
        == "A third."
    )


@pytest.mark.slow
def test_copies_that_were_renamed_share_out_their_decisions():
    known = contents([pair("a"), pair("b")])["a"]
    made = [Override(id="b", content=known, decision="drop"), Override(id="a", content=known, decision="keep")]
    for rows, expected in (
        ([pair("x"), pair("y")], "keep drop"),
        ([pair("x")], "keep"),
        ([pair("a"), pair("x")], "keep drop"),
    ):
        done = curate([*rows, *FILLER], overrides=made)
        found = ["drop" if outcomes(done)[row["id"]] == "decided" else "keep" for row in rows]
        assert found == expected.split()


def test_identifiers_that_are_stated_later_leave_decisions_in_place():
    rows = [
        {"id": f"r{n}", "input": {"part": f"P-{n}", "about": f"the {n * 7919} one"}, "output": f"T {n}"}
        for n in range(40)
    ]
    known = dict(curate(rows).ledger.select("id", "content").rows())
    stated = dict(curate(rows, identifiers=["part"]).ledger.select("id", "content").rows())
    assert known["r3"] != stated["r3"]
    made = [
        Override(id="r3", content=known["r3"], decision="drop"),
        Override(id="r4", content=stated["r4"], decision="drop"),
    ]
    done = curate(rows, identifiers=["part"], overrides=made)
    assert [outcomes(done)[id] for id in ("r3", "r4")] == ["decided", "decided"]


@given(st.data())
def test_each_decision_is_applied_as_one_row_after_the_other_says(data):
    """The rule by hand, for each row alone; where no two rows have the same content."""
    ids = data.draw(st.permutations("abcdef"))[:4]
    held = dict(zip(ids, data.draw(st.permutations("uvwxyz")), strict=False))
    decision = st.sampled_from(["keep", "drop", "train"])
    drawn = st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", *"uvwxyz"]), decision)
    made = [Override(id=i, content=c, decision=d) for i, c, d in data.draw(st.lists(drawn, max_size=8))]
    found = apply_decisions(ids, made, lambda: [list(held.values())])
    last = {(o.id, o.content): n for n, o in enumerate(made)}
    for place, id in enumerate(ids):
        own = [n for n in last.values() if made[n].id == id and made[n].content in ("", held[id])]
        moved = [n for n in last.values() if made[n].id != id and made[n].content == held[id]]
        if any(made[n].content for n in own):
            moved = []  # its own goes before those of rows that had the same pair
        moved = [n for n in moved if made[n].decision != "drop"][:1] or moved[:1]
        assert found.by_place.get(place) == (made[max(own + moved)] if own + moved else None)
    assert {o.id for o in found.changed} <= set(ids)
    assert not {o.id for o in found.gone} & set(ids)


def test_contents_are_asked_for_only_where_a_decision_holds_one():
    def never():
        raise AssertionError("asked")

    assert apply_decisions(["a"], [Override(id="a", decision="drop")], never).by_place[0].decision == "drop"
    with pytest.raises(AssertionError):
        apply_decisions(["a"], [Override(id="a", content="c", decision="drop")], never)


@pytest.mark.slow
def test_a_recount_finds_the_same_rows():
    rows = [
        {"id": f"r{n}", "input": {"part": f"P-{n}", "about": f"the {n * 7919} one"}, "output": f"T {n}"}
        for n in range(40)
    ]
    plain, stated = (
        dict(curate(rows, identifiers=names).ledger.select("id", "content").rows()) for names in ((), ["part"])
    )
    made = [
        Override(id="gone", content=plain["r3"], decision="drop"), Override(id="r5", content=stated["r4"], decision="drop"),
        Override(id="r6", content="of another pair", decision="drop"),
    ]  # fmt: skip
    request = CurateRequest(None, CurateSettings(), identifiers=["part"])
    counts = Recount.of(read_frame(rows), request, pinned=PinnedSplits(), seed=0).counts(made)
    assert counts.outcomes == curate(rows, identifiers=["part"], overrides=made).summary["outcomes"]
    assert counts.outcomes["decided"] == 2
