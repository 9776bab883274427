"""What is shown of requests to endpoints: from the first second, and true at each moment."""

from decimal import Decimal

import pytest

from tuneworth.core import RunBroken
from tuneworth.evaluate import Budget, Traffic

from .endpoint_server import EndpointServer, Step, completion, error
from .remote_plans import a_variant, race, some_pairs, the_plans, words


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def followed(done: int = 0, total: int = 80, together: int = 8) -> tuple[Traffic, Clock]:
    clock = Clock()
    traffic = Traffic(clock=clock)
    traffic.begin(done, total)
    traffic.follow("prompted", together=together, priced=False)
    return traffic, clock


def test_before_the_first_answer_the_time_left_is_at_least_that_waited_for_each_round():
    traffic, clock = followed()
    traffic.sending()
    assert traffic.words == "answers (prompted): 1 sent, 1 waiting"
    clock.now += 1
    assert traffic.words == "answers (prompted): 1 sent, 1 waiting, at least 10 s left"
    clock.now += 5
    assert traffic.words == "answers (prompted): 1 sent, 1 waiting, at least 1 min left"


def test_an_answer_that_only_counts_the_prompt_bounds_the_time_and_the_first_wanted_one_ends_the_bound():
    traffic, clock = followed(done=40)
    traffic.sending()
    clock.now += 3
    traffic.ended(late=False)
    assert traffic.words == "answers (prompted): 1 sent, 0 waiting, at least 15 s left"
    traffic.sending()
    clock.now += 2
    assert traffic.words == "answers (prompted): 2 sent, 1 waiting, at least 15 s left"
    traffic.ended(late=False)
    traffic.stored()
    assert traffic.words == "answers (prompted): 2 sent, 0 waiting"


def test_a_common_wait_and_time_limits_are_said():
    traffic, clock = followed()
    for _ in range(2):
        traffic.sending()
        traffic.ended(late=False)
    traffic.stored()
    traffic.sending()
    traffic.ended(late=True)
    traffic.paused(45.0)
    assert traffic.words == "answers (prompted): 3 sent, 0 waiting, 1 timed out, the rate limit holds all for 45 s"
    clock.now += 46
    assert traffic.words == "answers (prompted): 3 sent, 0 waiting, 1 timed out"
    assert traffic.summary == "3 requests sent to endpoints, 1 timed out"


def test_the_cost_is_that_since_the_start_and_nothing_without_a_price():
    budget = Budget(None, currency="USD", spent=Decimal(5))
    traffic = Traffic(budget=budget)
    traffic.follow("prompted", together=8, priced=False)
    assert "so far" not in traffic.words
    traffic.follow("tuned", together=8, priced=True)
    budget.reserve("a", Decimal(2))
    budget.settle("a", Decimal("0.25"))
    assert "0.25 USD so far" in traffic.words


def test_what_is_shown_during_a_race_adds_up(tmp_path):
    shown: list[tuple[int, int, str]] = []
    with EndpointServer(words) as server:
        plans = the_plans(a_variant(server.url), a_variant(server.url, "plain", None), pairs=some_pairs(12))
        traffic = Traffic(lambda *state: shown.append(state))
        race(plans, tmp_path / "answers", traffic=traffic)
        assert traffic.sent == len(server.requests) == 24 + 2  # "plain" counts what "prompted" counts without its guide
    assert shown[0] == (0, 24, "answers (prompted): 1 sent, 1 waiting")
    assert shown[-1][:2] == (24, 24)
    assert {total for _, total, _ in shown} == {24}
    assert [done for done, _, _ in shown] == sorted(done for done, _, _ in shown)
    assert traffic.waiting == traffic.timed_out == 0
    assert {text.partition(":")[0] for _, _, text in shown} == {"answers (prompted)", "answers (plain)"}

    again = Traffic(lambda *state: shown.append(state))
    race(plans, tmp_path / "answers", traffic=again)
    assert again.summary is None
    assert (again.done, again.total) == (24, 24)


@pytest.mark.slow
def test_each_second_of_a_slow_answer_is_shown(tmp_path):
    shown: list[str] = []
    with EndpointServer(lambda asked: Step(body=completion("x"), wait=2.3)) as server:
        plans = the_plans(a_variant(server.url, guide=None), pairs=some_pairs(1))
        race(plans, tmp_path / "answers", traffic=Traffic(lambda done, total, text: shown.append(text)))
    assert "answers (prompted): 1 sent, 1 waiting, at least 1 s left" in shown
    assert "answers (prompted): 1 sent, 1 waiting, at least 2 s left" in shown


def test_attempts_that_time_out_are_counted(tmp_path):
    traffic = Traffic()
    with EndpointServer(lambda asked: words(asked) if asked.text != "ask 1" else Step(wait=30)) as server:
        plans = the_plans(a_variant(server.url, seconds_per_call=0.2), pairs=some_pairs(4))
        race(plans, tmp_path / "answers", traffic=traffic)
    assert (traffic.sent, traffic.timed_out, traffic.waiting) == (4 + 2, 1, 0)


def test_a_stop_leaves_nothing_waiting(tmp_path):
    traffic = Traffic()
    with EndpointServer(lambda asked: error(500)) as server, pytest.raises(RunBroken):
        race(the_plans(a_variant(server.url), pairs=some_pairs(60)), tmp_path / "answers", traffic=traffic)
    assert traffic.sent >= 20
    assert traffic.waiting == 0
