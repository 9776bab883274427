"""Components take their places one after another, however many are placed at once."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate import SplitShares
from tuneworth.curate.split import assign as split
from tuneworth.curate.split.assign import split_components


def shares_of(train, validation, test):
    return SplitShares(train=train, validation=validation, test=test)


SHARES = [shares_of(0.8, 0.1, 0.1), shares_of(1, 0, 0), shares_of(0.5, 0, 0.5), shares_of(0.4, 0.3, 0.3)]


def one_by_one(component, keys, strata, sides, shares):
    """The rule itself, in plain Python: of the splits with the most room the one with the most in all, then an empty one."""
    rooms = split._rooms(strata, shares)[1].tolist()
    names = Counter(strata)
    place = {name: i for i, name in enumerate(sorted(names, key=lambda name: (-names[name], name)))}
    taken = [0, 0, 0]
    for name, side in zip(strata, sides, strict=True):
        if side >= 0:
            rooms[place[name]][side] -= 1
            taken[side] += 1
    free: dict[int, list[int]] = {}
    for row, (number, side) in enumerate(zip(component, sides, strict=True)):
        if side < 0:
            free.setdefault(number, []).append(row)
    sizes = Counter(component)
    placed = list(sides)
    for _, rows in sorted(free.items(), key=lambda item: (-sizes[item[0]], min(keys[row] for row in item[1]))):
        counts = Counter(place[strata[row]] for row in rows)
        whole = [sum(room[side] for room in rooms) for side in range(3)]
        wish = [sum(n * rooms[s][side] for s, n in counts.items()) for side in range(3)]
        best = max(range(3), key=lambda side: (wish[side], whole[side], not taken[side], -side))
        for s, n in counts.items():
            rooms[s][best] -= n
            taken[best] += n
        for row in rows:
            placed[row] = best
    return placed


@pytest.mark.slow
@pytest.mark.parametrize("many", [1, 3, 1_000])
@given(data=st.data())
def test_many_alike_are_placed_as_one_by_one(many, data):
    n = data.draw(st.integers(1, 60))
    # Few numbers give large components, many single rows.
    component = data.draw(st.lists(st.integers(0, data.draw(st.sampled_from([2, 12, 500]))), min_size=n, max_size=n))
    strata = data.draw(
        st.lists(st.sampled_from(data.draw(st.sampled_from(["a", "aaaab", "abc"]))), min_size=n, max_size=n)
    )
    drawn = data.draw(st.dictionaries(st.sampled_from(component), st.integers(0, 2), max_size=4))
    sides = [drawn.get(number, -1) if data.draw(st.booleans()) else -1 for number in component]
    keys = data.draw(st.permutations(range(n)))
    shares = data.draw(st.sampled_from(SHARES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split, "_MANY", many)
        found = split_components(np.array(component), np.array(keys), strata, np.array(sides), shares=shares)
    assert found.tolist() == one_by_one(component, keys, strata, sides, shares)


def test_thousands_of_single_rows_are_placed_as_one_by_one():
    """As many as are placed at once without being asked to; two runs of sizes and what is left over."""
    component = np.concatenate((np.repeat(np.arange(2_000), 2), np.arange(2_000, 9_000), [9_000] * 5))
    n = len(component)
    keys = np.random.default_rng(1).permutation(n)
    sides = np.full(n, -1)
    found = split_components(component, keys, ["x"] * n, sides, shares=shares_of(0.8, 0.1, 0.1))
    assert found.tolist() == one_by_one(
        component.tolist(), keys.tolist(), ["x"] * n, sides.tolist(), shares_of(0.8, 0.1, 0.1)
    )
