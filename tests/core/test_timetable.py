"""The remaining time of a long step, and of the longer work that it belongs to."""

import pytest

from tuneworth.core import ExpectedStep, StepProgress, Timetable


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


def test_the_time_left_is_at_the_pace_since_the_first_report(now: Now) -> None:
    step = StepProgress("training", clock=now)
    now.seconds += 50  # what comes before the first report, such as reading prompts, is not its pace
    step.advance(40, 100, "steps, loss 1.5")
    assert step.seconds_left() is None
    now.seconds += 3
    step.advance(42, 100, "steps, loss 1.5")
    assert step.seconds_left() is None  # a few seconds say little
    now.seconds += 17
    step.advance(50, 100, "steps, loss 1.4")
    assert step.seconds_left() == pytest.approx(100)
    assert step.line() == "training: 50 of 100 steps, loss 1.4, about 1 min 40 s left"


def test_a_step_without_reports_shows_the_time_so_far(now: Now) -> None:
    step = StepProgress("model", clock=now)
    now.seconds += 25
    assert step.line() == "model: 25 s so far"


def test_a_fraction_of_an_output_counts_for_the_time_but_is_not_shown(now: Now) -> None:
    step = StepProgress("plain    ", clock=now)
    step.advance(0, 80, "outputs")
    now.seconds += 10
    step.advance(0.5, 80, "outputs")
    assert step.seconds_left() == pytest.approx(1590)
    assert step.line() == "plain: 0 of 80 outputs, about 26 min 30 s left"


def timetable(now: Now) -> Timetable:
    steps = [("training", 100.0), ("plain", 50.0), ("nearest", 500.0), ("report", 10.0)]
    return Timetable("demo", [ExpectedStep(*step) for step in steps], clock=now)


def test_the_time_left_of_the_whole_is_the_sum_of_the_remaining_steps(now: Now) -> None:
    whole = timetable(now)
    assert whole.seconds_left(0.0) == pytest.approx(660)
    with whole.running("training"):
        assert whole.seconds_left(0.0) == pytest.approx(660)
        now.seconds += 60
        assert whole.seconds_left(0.0) == pytest.approx(600)
        assert whole.seconds_left(0.25) == pytest.approx(560 + 60 * 3)  # its own pace: a quarter in a minute
    assert whole.seconds_left(0.0) < 560  # it took less than expected, and so will the others


def test_remaining_steps_are_expected_to_be_as_slow_as_the_finished_ones(now: Now) -> None:
    whole = timetable(now)
    with whole.running("training"):
        now.seconds += 230
    assert whole.seconds_left(0.0) == pytest.approx(560 * (230 + 30) / (100 + 30))


def test_a_step_that_never_starts_is_skipped_and_an_unknown_one_ignored(now: Now) -> None:
    whole = timetable(now)
    with whole.running("plain"):
        now.seconds += 50
    with whole.running("prune"):
        now.seconds += 1000
    assert whole.seconds_left(0.0) == pytest.approx(510)
    with whole.running("report"):  # `nearest` was left out
        assert whole.seconds_left(0.0) == pytest.approx(10)
        now.seconds += 40  # longer than expected: never less than nothing
        assert whole.seconds_left(0.0) == 0
    with whole.running("plain"):  # it is over: a second time counts as unknown
        assert whole.seconds_left(0.0) == 0


def test_a_step_of_a_timetable_shows_both_times(now: Now) -> None:
    whole = timetable(now)
    step = StepProgress("plain", whole, clock=now)
    with whole.running("plain"):
        step.advance(0, 80, "outputs")
        now.seconds += 30
        step.advance(40, 80, "outputs")
        assert step.line() == "plain: 40 of 80 outputs, about 30 s left; demo: about 9 min left"
