import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.train import TrainSettings
from tuneworth.train.batches import evaluation_steps
from tuneworth.train.settings import resolve_settings

PAIRS = st.integers(1, 200_000)
SIZES = st.integers(1, 64)


def epochs(pairs: int, batch_size: int = 8) -> int:
    found = resolve_settings(TrainSettings(batch_size=batch_size), pairs=pairs, hidden_size=576).epochs
    assert found is not None
    return found


def rate(hidden_size: int) -> float:
    found = resolve_settings(TrainSettings(), pairs=300, hidden_size=hidden_size).learning_rate
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [(1, 10), (10, 10), (50, 10), (100, 8), (300, 3), (3_000, 3), (8_333, 3), (8_334, 2), (12_501, 1), (100_000, 1)],
)
def test_epochs_that_follow_from_the_number_of_pairs(pairs: int, expected: int) -> None:
    assert epochs(pairs) == expected


@pytest.mark.parametrize(
    ("hidden_size", "expected"),
    [(576, 1e-3), (896, 9e-4), (1536, 6e-4), (2048, 5e-4), (3072, 4e-4), (4096, 3e-4), (8192, 2e-4)],
)
def test_learning_rates_that_follow_from_the_width_of_the_model(hidden_size: int, expected: float) -> None:
    assert rate(hidden_size) == expected


@given(PAIRS, PAIRS, SIZES)
def test_more_pairs_never_need_more_epochs_nor_less_than_half_the_steps(one: int, other: int, size: int) -> None:
    few, many = sorted((one, other))
    assert 1 <= epochs(many, size) <= epochs(few, size) <= 10
    assert epochs(many, size) * -(-many // size) >= epochs(few, size) * -(-few // size) / 2


@given(PAIRS, SIZES, SIZES)
def test_larger_batches_never_need_fewer_epochs(pairs: int, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert epochs(pairs, small) <= epochs(pairs, large)


@given(st.integers(16, 20_000), st.integers(16, 20_000))
def test_a_wider_model_never_learns_at_a_higher_rate(one: int, other: int) -> None:
    narrow, wide = sorted((one, other))
    assert 0 < rate(wide) <= rate(narrow) <= 1e-3


def test_what_is_stated_stays() -> None:
    stated = TrainSettings(epochs=7, learning_rate=0.02)
    assert resolve_settings(stated, pairs=5, hidden_size=64) == stated


def test_steps_that_are_stated_take_the_place_of_epochs() -> None:
    resolved = resolve_settings(TrainSettings(max_steps=4), pairs=300, hidden_size=576)
    assert (resolved.epochs, resolved.max_steps) == (None, 4)


@given(st.integers(1, 20_000), st.integers(1, 10**8), st.integers(1, 10**8))
def test_the_validation_loss_is_measured_at_the_end_and_never_twice_at_one_step(
    steps: int, train_tokens: int, validation_tokens: int
) -> None:
    marks = evaluation_steps(steps, train_tokens=train_tokens, validation_tokens=validation_tokens)
    assert marks == sorted(set(marks))
    assert marks[0] >= 1
    assert marks[-1] == steps
    assert min(5, steps) <= len(marks) <= 20
    gaps = {after - before for before, after in zip([0, *marks], marks, strict=False)}
    assert max(gaps) - min(gaps) <= 1


@given(st.integers(5, 20_000), st.integers(1_000, 10**8), st.integers(1, 10**7))
def test_more_than_five_looks_at_the_validation_loss_take_a_tenth_of_the_time_at_most(
    steps: int, train_tokens: int, validation_tokens: int
) -> None:
    marks = evaluation_steps(steps, train_tokens=train_tokens, validation_tokens=validation_tokens)
    assert len(marks) == 5 or len(marks) * validation_tokens / 3 <= 0.1 * train_tokens
