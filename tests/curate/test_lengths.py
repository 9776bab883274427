import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.curate.check.quality import usual_lengths

COUNTED = st.lists(st.tuples(st.integers(0, 60) | st.integers(0, 10**6), st.integers(1, 60)), min_size=1, max_size=12)


def by_all_values(lengths):
    """What is far off and what is usual, by numpy over the length of every output."""
    log = np.log(np.maximum(lengths, 1))
    middle = float(np.median(log))
    spread = 1.4826 * float(np.median(np.abs(log - middle)))
    far = np.abs(log - middle) > max(6 * spread, np.log(5))
    return set(lengths[far].tolist()), *np.quantile(lengths, [0.05, 0.95]).tolist()


@given(COUNTED)
def test_lengths_with_their_counts_say_what_all_lengths_say_to_the_last_bit(counted):
    lengths = np.repeat(*np.array(counted).T).astype(np.uint32)
    usual = usual_lengths(*np.unique(lengths, return_counts=True))
    if len(lengths) < 50:
        assert usual is None
        return
    assert usual is not None
    assert (set(usual.far.tolist()), usual.low, usual.high) == by_all_values(lengths)


def test_no_outputs_have_no_usual_length():
    assert usual_lengths(np.array([], np.uint32), np.array([], np.int64)) is None
