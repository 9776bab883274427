"""The list of runs in a terminal: every line fits, and no text of a run controls it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tuneworth.reports import RunEntry, RunSide, runs_text

from .test_safety import PAYLOADS

ENTRY = RunEntry(
    "20261003-120000-0003", created="2026-10-03T12:00:00+00:00", stage="evaluated", decision="fine-tune", label="Fine-tune",
    confidence="fair", sentence="s", baseline=RunSide("prompted", 0.5, 0.4, 0.6, 0.08),
    candidate=RunSide("tuned", 0.8, 0.7, 0.9, 0.02), currency="EUR", cost_of="Cost per output, including repair",
    pays_back=True, payback_days=20.0, payback_low=10.0, payback_high=40.0, uses=2, data="d" * 64, style="e" * 64,
    changed=("data", "prices"), disk_bytes=26_400_000,
)  # fmt: skip
OTHERS = [
    replace(ENTRY, name="older", changed=(), pays_back=False, payback_days=None),
    RunEntry("broken", damage="results.json is damaged (Expecting value: line 1 column 1 (char 0))"),
    RunEntry("half", stage="curated", disk_bytes=3),
]


def test_a_wide_terminal_shows_a_row_for_each_run() -> None:
    lines = runs_text([ENTRY, *OTHERS], columns=220).splitlines()
    assert lines[1].split("  ")[0] == "20261003-120000-0003"
    for words in (
        "Fine-tune (fair)",
        "50% (40 to 60%)",
        "80% (70 to 90%)",
        "20 days",
        "0.08, 0.02 EUR",
        "data, prices",
    ):
        assert words in lines[1]
    assert "never" in lines[2]
    assert "Damaged" in lines[3]
    assert "Only curated" in lines[4]
    assert lines[6] == "broken: results.json is damaged (Expecting value: line 1 column 1 (char 0))"
    assert lines[-1] == "4 runs, 52.8 MB on disk; 1 damaged."


@pytest.mark.parametrize("columns", [60, 220])
def test_shares_have_the_decimals_with_which_they_and_their_difference_add_up(columns: int) -> None:
    entry = replace(ENTRY, baseline=RunSide("template", 1.0, 0.94, 1.0), candidate=RunSide("tuned", 0.875, 0.77, 0.94))
    text = " ".join(runs_text([entry], columns=columns).split())
    assert "100% (94 to 100%)" in text
    assert "87.5% (77 to 94%)" in text


def test_variants_are_named_where_the_runs_do_not_compare_the_same() -> None:
    other = replace(ENTRY, name="other", baseline=RunSide("tuned + repair", 0.9))
    lines = runs_text([ENTRY, other], columns=220).splitlines()
    assert "prompted 50% (40 to 60%)  80% (70 to 90%)" in lines[1]
    assert "tuned, repaired 90% " in lines[2]


def test_a_narrower_one_says_what_it_leaves_out() -> None:
    text = runs_text([ENTRY], columns=110)
    assert text.splitlines()[0].split()[-1] == "both"
    assert text.endswith("Not shown in this width: changed, disk, created, data, style.")


def test_a_narrow_one_has_a_few_lines_for_each_run() -> None:
    text = runs_text([ENTRY], columns=60)
    assert text.splitlines()[:3] == [
        "20261003-120000-0003  Fine-tune (fair)",
        "    prompted 50% (40 to 60%); tuned 80% (70 to 90%)",
        "    cost per output, including repair: 0.08, 0.02 EUR",
    ]
    assert "payback: 20 days (10 to 40 days)" in text
    assert "changed: data, prices or volume" in text


@given(st.lists(st.sampled_from([ENTRY, *OTHERS]), min_size=1, max_size=5), st.integers(44, 300))
def test_no_line_is_wider_than_the_terminal(entries: list[RunEntry], columns: int) -> None:
    assert max(cell_len(line) for line in runs_text(entries, columns=columns).splitlines()) <= columns


@pytest.mark.parametrize("columns", [70, 220])
@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_text_of_a_run_controls_the_terminal(payload: str, columns: int) -> None:
    side = RunSide(payload, 0.5)
    hostile = replace(
        ENTRY, name=payload, label=payload, confidence=payload, baseline=side, candidate=side, currency=payload,
        data=payload, style=payload, damage=payload,
    )  # fmt: skip
    text = runs_text([hostile], columns=columns)
    assert not [letter for letter in text if ord(letter) < 32 and letter != "\n"]
    assert not set(text) & set("\x7f\u202e\u2066\u2028\ud800")


def test_no_runs_are_said_to_be_none() -> None:
    assert runs_text([]) == "No runs yet."
    assert runs_text([], hidden=2) == "No run fits; 2 runs left out by the filter."
