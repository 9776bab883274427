import numpy as np
import pytest

from tuneworth.evaluate import Outcomes, share_interval
from tuneworth.evaluate.results import Training
from tuneworth.evaluate.risks.overfitting import assess_overfitting, gap_of

from ..shared import record_of


def outcomes(right, of, groups=None):
    return Outcomes((np.arange(of) < right).astype(float), groups)


def losses(*values):
    log = [{"step": 10 * i, "train_loss": 1.0, "validation_loss": v} for i, v in enumerate(values)]
    return record_of({"log": log}, Training)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ((2.0, 1.0, 0.9), "ok"),
        ((2.0, 1.0, 1.01), "ok"),
        ((2.0, 1.0, 1.5), "warn"),
        ((2.0,), "not checked"),
        ((2.0, None), "not checked"),
        ((), "not checked"),
        ((0.0, 0.0), "ok"),
    ],
)
def test_a_validation_loss_that_rises_since_its_best_warns(values, status):
    found = assess_overfitting(losses(*values))
    assert found.status == status
    assert found.measured is (status != "not checked")


@pytest.mark.parametrize(
    ("train", "test", "status"),
    [((200, 200), (30, 60), "over"), ((130, 200), (36, 60), "ok"), ((190, 200), (56, 60), "ok"), ((16, 20), (13, 20), "warn")],
)  # fmt: skip
def test_significantly_better_on_train_than_on_test_is_overfitting(train, test, status):
    found = assess_overfitting(None, on_train=outcomes(*train), on_test=outcomes(*test))
    assert found.status == status
    assert found.value == pytest.approx(train[0] / train[1] - test[0] / test[1])
    assert f"{train[1]} train pairs" in found.evidence


def test_groups_on_either_side_widen_the_interval_of_the_gap():
    train, test = outcomes(180, 200), outcomes(42, 60)
    assert assess_overfitting(None, on_train=train, on_test=test).status == "over"
    grouped = Outcomes(test.acceptable, np.arange(60) // 10)
    assert assess_overfitting(None, on_train=train, on_test=grouped).status == "warn"
    grouped = Outcomes(train.acceptable, np.arange(200) // 50)
    assert assess_overfitting(None, on_train=grouped, on_test=test).status == "warn"


def test_only_test_pairs_comparable_to_the_train_pairs_count():
    """Requests whose references break the rules are hard: with them, every model would look overfitted."""
    train, test = outcomes(180, 200), outcomes(90, 200)
    comparable = np.arange(200) < 100
    assert assess_overfitting(None, on_train=train, on_test=test).status == "over"
    found = assess_overfitting(None, on_train=train, on_test=test, comparable=comparable)
    assert (found.status, found.value, found.test.n) == ("ok", pytest.approx(0.0), 100)
    assert "the 100 test pairs whose references follow the rules" in found.evidence
    none = assess_overfitting(None, on_train=train, on_test=test, comparable=np.zeros(200, dtype=bool))
    assert none.test.n == 200


def test_unscored_pairs_are_dropped():
    train, test = outcomes(90, 100), outcomes(90, 100)
    train.acceptable[:50] = np.nan
    assert assess_overfitting(None, on_train=train, on_test=test).train.n == 50
    nothing = Outcomes(np.full(9, np.nan))
    assert assess_overfitting(None, on_train=nothing, on_test=test).status == "not checked"
    assert assess_overfitting(losses(2.0, 1.0), on_train=nothing, on_test=test).status == "ok"


def test_a_risen_loss_is_reported_with_the_outputs_and_still_warns():
    found = assess_overfitting(losses(2.0, 1.0, 1.5), on_train=outcomes(90, 100), on_test=outcomes(90, 100))
    assert found.status == "warn"
    assert "validation loss 1.000 at its best (step 10), 1.500 at the end" in found.evidence


def test_the_gap_equals_the_published_example():
    """Newcombe 1998, table II: 56/70 against 48/80 gives 0.0524 to 0.3339 by method 10."""
    train, test = share_interval(np.arange(70) < 56), share_interval(np.arange(80) < 48)
    gap, low = gap_of(train, test)
    assert gap == pytest.approx(0.2)
    assert low == pytest.approx(0.0524, abs=1e-4)
