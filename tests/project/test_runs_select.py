"""Filters and orders of the list of runs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth import ConfigError
from tuneworth.project import list_runs
from tuneworth.project.history.select import KEYS, parse_filter, parse_sort
from tuneworth.reports import RunEntry, RunSide

from .made_runs import made_project, made_run, run_name, sha

ENTRY = RunEntry(
    "a-run", created="2026-10-03T12:00:00+00:00", decision="keep prompting", confidence="fair", model_name="Small",
    data=sha("a"), candidate=RunSide("tuned", 0.8, cost=0.02), changed=("data", "prices"), uses=3, disk_bytes=5_000_000,
    pays_back=True, payback_days=20.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("verdict=keep prompting", True), ("verdict=KEEP*", True), ("verdict=fine-tune", False), ("verdict!=fine-tune", True),
        ("run=a-*", True), ("run=a-[r]un", False), ("model=small", True), ("stage=started", True), ("confidence=fair", True),
        (f"data={sha('a')[:4]}", True), (f"data={sha('a').upper()}", True), ("data=", False), ("data=zz", False),
        ("changed=data", True), ("changed=style", False), ("changed!=style", True), ("changed!=data", False),
        ("candidate>=0.8", True), ("candidate>=80%", True), ("candidate > 0.8", False), ("candidate=.8", True),
        ("baseline>=0", False), ("baseline<1", False), ("baseline!=1", False), ("cost<0.05", True), ("uses==3", True),
        ("disk>1MB", True), ("disk>1 gb", False), ("payback<=20 days", True), ("payback<never", True), ("payback=never", False),
        ("when=2026-10-03", True), ("when<=2026-10-03", True), ("when<2026-10-03", False), ("when>=2026-10", True),
        ("when>2026-11", False),
    ],
)  # fmt: skip
def test_a_condition_fits_or_not(condition: str, fits: bool) -> None:
    assert parse_filter(condition)(ENTRY) is fits


def test_a_run_that_never_pays_back_is_beyond_every_limit_and_an_unknown_one_fits_none() -> None:
    never, unknown = (
        replace(ENTRY, pays_back=False, payback_days=None),
        replace(ENTRY, pays_back=None, payback_days=None),
    )
    assert parse_filter("payback=never")(never)
    assert parse_filter("payback>90")(never)
    assert not parse_filter("payback<=90")(never)
    assert not any(parse_filter(f"payback{sign}90")(unknown) for sign in ("<", ">", "=", "!="))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("candidate", 'expected KEY=VALUE or a comparison such as "candidate>=0.8", found "candidate"'),
        ("candidat=1", 'no key "candidat"; did you mean "candidate"?'),
        ("candidate>=many", 'candidate is a number, such as candidate>=0.8; found "many"'),
        ("verdict>fine", "verdict is a text, which can be compared with = and !=, not >"),
        ("=1", "expected KEY=VALUE"),
    ],
)
def test_a_wrong_condition_is_explained(condition: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        parse_filter(condition)


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_an_error_that_says_so(text: str) -> None:
    try:
        fits = parse_filter(text)
    except ConfigError as error:
        fits = None if str(error).startswith("--filter: ") else NotImplemented
    assert fits is None or fits(ENTRY) in (True, False)


SIDES = st.builds(RunSide, st.just("x"), st.none() | st.floats(0, 1), cost=st.none() | st.floats(0, 1e6))
ENTRIES = st.builds(
    RunEntry, st.text(max_size=4), confidence=st.sampled_from(["", "low", "fair", "high"]), candidate=st.none() | SIDES,
    uses=st.none() | st.integers(0, 99), pays_back=st.sampled_from([None, False]), data=st.sampled_from(["", "a1", "b2"]),
    changed=st.lists(st.sampled_from(["data", "style"]), unique=True).map(tuple),
)  # fmt: skip


@given(st.lists(ENTRIES, max_size=8), st.sampled_from(list(KEYS)), st.booleans())
def test_an_order_loses_no_run_and_puts_the_unknown_last(entries: list[RunEntry], key: str, descending: bool) -> None:
    sorted_ = parse_sort(f"-{key}" if descending else key)(entries)
    assert sorted(map(id, sorted_)) == sorted(map(id, entries))
    known = [KEYS[key].of(entry) not in (None, "") for entry in sorted_]
    assert known == sorted(known, reverse=True)


def test_confidence_is_sorted_by_what_it_means(tmp_path: Path) -> None:
    entries = [replace(ENTRY, confidence=level) for level in ("high", "low", "fair", "")]
    assert [entry.confidence for entry in parse_sort("confidence")(entries)] == ["low", "fair", "high", ""]
    assert [entry.confidence for entry in parse_sort("-confidence")(entries)] == ["high", "fair", "low", ""]


def test_every_condition_must_hold_and_the_others_are_counted(tmp_path: Path) -> None:
    project = made_project(tmp_path)
    for day, share in ((1, 0.6), (2, 0.9), (3, 0.95)):
        made_run(project, day, candidate=share)
    found = list_runs(project, filters=["candidate>=0.8", "when<2026-10-03"], sort="-candidate")
    assert [entry.name for entry in found] == [run_name(2)]
    assert found.hidden == 2
    with pytest.raises(ConfigError, match='--sort: no key "size"'):
        list_runs(project, sort="size")
