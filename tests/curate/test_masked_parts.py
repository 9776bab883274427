import json
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuneworth.curate import named_once, read_frame
from tuneworth.curate.check.masking import (
    find_personal_places,
    find_places,
    group_masks,
    mask_groups,
    mask_outside,
    mask_pairs,
    mask_part,
    merge_personal,
    personal_counts,
    personal_note,
)

VALUES = ["jane@x.de", "JANE@X.de", "bob@x.de", "+49 30 1234567", "4111 1111 1111 1111", "a lamp", "a#2", "brass"]
TEXTS = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(" ".join)
ROWS = st.fixed_dictionaries(
    {"input": TEXTS | st.fixed_dictionaries({"phone": TEXTS, "of": TEXTS}), "output": TEXTS},
    optional={"group": TEXTS, "id": TEXTS, "note": TEXTS},
)
TABLES = st.lists(ROWS, min_size=1, max_size=25)
CUTS = st.lists(st.integers(0, 25), max_size=5)


def cut(pairs, cuts):
    bounds = [0, *sorted(min(place, len(pairs)) for place in cuts), len(pairs)]
    return [pairs[start:end] for start, end in pairwise(bounds)]


@pytest.mark.slow
@settings(max_examples=40)
@given(TABLES, CUTS)
def test_pairs_masked_in_parts_are_those_masked_at_once(rows, cuts):
    raw = read_frame(rows)
    masks = group_masks(raw.pairs["group"])
    parts = [mask_groups(mask_part(part, find_places(part)), masks) for part in cut(raw.pairs, cuts)]
    masked = replace(mask_outside(raw), pairs=named_once(pl.concat(parts))[0])
    whole = mask_pairs(raw, find_personal_places(raw))
    assert masked.pairs.equals(whole.pairs)
    assert (masked.guide, masked.warnings) == (whole.guide, whole.warnings)
    assert masked.rejected.equals(whole.rejected)


@settings(max_examples=40)
@given(TABLES, CUTS, st.booleans())
def test_what_was_found_in_parts_adds_up(rows, cuts, masked):
    raw = read_frame(rows)
    notes = [json.loads(json.dumps(personal_note(find_places(part)))) for part in cut(raw.pairs, cuts)]
    whole = personal_counts(find_personal_places(raw), masked=masked)
    merged = merge_personal(notes, masked=masked)
    assert merged == whole
    assert list(merged["found"]) == list(whole["found"])


@given(st.lists(st.none() | TEXTS, max_size=20), st.randoms())
def test_groups_have_the_same_masks_in_any_order_of_rows(groups, random):
    shuffled = random.sample(groups, len(groups))
    masks = group_masks(pl.Series(groups, dtype=pl.String))
    assert group_masks(pl.Series(shuffled, dtype=pl.String)) == masks
    assert all(value not in text for value in VALUES[:5] for text in masks.values())


def test_a_value_that_a_mask_uncovers_in_a_group_is_numbered_whatever_comes_first():
    groups = ["+49 30 7654321 8@x.de", "+49 30 1234567 8@x.de"]
    expected = dict(zip(groups, ["[PHONE 2] [E-MAIL]", "[PHONE] [E-MAIL]"], strict=True))
    assert group_masks(pl.Series(groups)) == group_masks(pl.Series(groups[::-1])) == expected


def test_the_summary_of_no_part_is_that_of_no_rows():
    raw = read_frame([{"input": "a", "output": "b"}])
    assert merge_personal([], masked=False) == personal_counts(find_personal_places(raw), masked=False)
