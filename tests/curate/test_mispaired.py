"""Mispaired rows: swapped outputs are found and kept, in any order of the rows; where nothing stands out, none is listed."""

import random
from functools import cache
from typing import Any

import pytest

from tuneworth.curate import (
    MISPAIRED,
    Checkup,
    Curated,
    CurateSettings,
    Override,
    check_pairs,
    curate,
    read_frame,
    why,
    write_curated,
)

SYLLABLES = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se"]
WORDS = [one + two + three for one in SYLLABLES[:4] for two in SYLLABLES[4:8] for three in SYLLABLES[8:]]
FOREIGN = dict(zip(WORDS, random.Random(0).sample([word[::-1] for word in WORDS], len(WORDS)), strict=True))


def translated(n: int) -> dict[str, str]:
    """A translation word by word: each foreign word belongs to one word, with which it has no more in common than chance."""
    words = random.Random(n).sample(WORDS, 6)
    return {"id": f"t{n}", "input": " ".join(words), "output": " ".join(FOREIGN[word] for word in words[::-1])}


def copied(n: int) -> dict[str, str]:
    """A sentence with the code and the numbers of its request, which no other row has."""
    draw = random.Random(n)
    code, volts = f"{draw.choice('ABCDEFGH')}{draw.randint(1000, 99999)}", draw.randint(1, 900)
    return {
        "id": f"c{n}",
        "input": f"code: {code}\nvolts: {volts}",
        "output": f"The part {code} works at {volts} volts.",
    }


def swapped(table: list[dict[str, str]], pairs: int) -> tuple[list[dict[str, str]], dict[str, str]]:
    """The rows with the outputs of some pairs of rows exchanged, and for each of these the id of the other."""
    chosen = random.Random(1).sample(range(len(table)), 2 * pairs)
    partner = dict(zip(chosen, chosen[pairs:] + chosen[:pairs], strict=True))
    partner = {row: other for row, other in partner.items() if table[row]["output"] != table[other]["output"]}
    rows = [row | {"output": table[partner.get(n, n)]["output"]} for n, row in enumerate(table)]
    return rows, {table[row]["id"]: table[other]["id"] for row, other in partner.items()}


def listed(done: Curated) -> dict[str, str]:
    """For each listed row the id of the row that fits better."""
    return dict(done.ledger.filter(rule=MISPAIRED).select("id", "other_id").rows())


@cache
def curated(kind: Any) -> tuple[Curated, dict[str, str]]:
    rows, swaps = swapped([kind(n) for n in range(500)], 12)
    return curate(rows), swaps


@pytest.mark.parametrize("kind", [copied, translated])
@pytest.mark.slow
def test_swapped_outputs_are_listed_and_kept(kind: Any):
    done, swaps = curated(kind)
    kept = set(done.kept["id"])
    found = listed(done)
    assert found.keys() <= kept
    here = swaps.keys() & kept
    assert len(here) > 12
    assert len(found.keys() & here) >= 0.8 * len(here)
    assert len(found.keys() - swaps.keys()) <= 0.02 * len(kept)
    assert done.curation.mispaired is not None
    assert done.curation.mispaired.rows == len(found)
    assert done.curation.quality[MISPAIRED].rows == len(found)
    assert "mispaired" in {warning.code for warning in done.curation.warnings}


@pytest.mark.slow
def test_a_listed_row_names_the_row_whose_request_fits():
    done, swaps = curated(copied)
    found = listed(done)
    assert {id: found[id] for id in found.keys() & swaps.keys()} == {
        id: swaps[id] for id in found.keys() & swaps.keys()
    }


@pytest.mark.slow
def test_the_order_of_the_rows_changes_nothing():
    rows, _ = swapped([copied(n) for n in range(500)], 12)
    assert listed(curate(rows[::-1])) == listed(curated(copied)[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [copied, translated])
def test_no_row_of_clean_pairs_is_listed_and_the_checkup_says_how_many_swaps_it_would_find(kind: Any):
    table = [kind(n) for n in range(500)]
    assert listed(curate(table)) == {}
    (said,) = [what for what in check_pairs(read_frame(table)).clean if what.startswith("mispaired rows (")]
    assert int(said.partition("(")[2].partition("%")[0].partition(".")[0]) >= 90


@pytest.mark.slow
def test_outputs_that_say_nothing_about_their_requests_cannot_be_told():
    table = [{"input": " ".join(random.Random(n).sample(WORDS, 6)), "output": WORDS[n * 7 % 3]} for n in range(600)]
    found = check_pairs(read_frame(table)).finding("mispaired_unknown")
    assert found is not None
    assert found.values["recall"] < 0.5
    assert listed(curate(table)) == {}


def test_few_pairs_are_not_searched():
    table = [copied(n) for n in range(399)]
    done = curate(table)
    assert done.curation.mispaired is not None
    assert done.curation.mispaired.learned == 0
    assert not [what for what in check_pairs(read_frame(table)).clean if "mispaired" in what]


@pytest.mark.slow
def test_outputs_that_are_all_the_same_are_no_error():
    table = [copied(n) | {"output": "Call us."} for n in range(500)]
    assert check_pairs(read_frame(table)).finding("mispaired_unknown") is not None


@pytest.mark.slow
def test_the_checkup_shows_the_request_that_fits_and_can_leave_the_search_out():
    rows, swaps = swapped([copied(n) for n in range(500)], 12)
    found: Checkup = check_pairs(read_frame(rows))
    finding = found.finding("mispaired")
    assert finding is not None
    assert finding.severity == "medium"
    example = finding.examples[0]
    other = next(row for row in rows if row["id"] == swaps[example.id])
    assert other["input"].split()[1] in example.text
    left_out = check_pairs(read_frame(rows), mispaired=False)
    assert left_out.finding("mispaired") is None
    assert not [what for what in left_out.clean if "mispaired" in what]


@pytest.mark.slow
def test_a_row_that_a_person_kept_is_not_listed_again_and_the_setting_lists_none(tmp_path):
    rows, swaps = swapped([copied(n) for n in range(500)], 12)
    done, _ = curated(copied)
    one = next(id for id in listed(done) if id in swaps)
    assert f'fits the request of "{swaps[one]}" better' in str(why(write_curated(done, tmp_path).parent, one))
    again = listed(curate(rows, overrides=[Override(id=one, decision="keep")]))
    assert again.keys() == listed(done).keys() - {one}
    off = curate(rows, settings=CurateSettings(mispaired=False))
    assert listed(off) == {}
    assert off.curation.mispaired is None
    assert off.ledger.drop("rule", "evidence", "other_id", "similarity").equals(
        done.ledger.drop("rule", "evidence", "other_id", "similarity")
    )
