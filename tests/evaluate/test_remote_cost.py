"""The cost of requests to endpoints: as far as it is known, with a limit that no answer exceeds."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworth.core import ConfigError, RunBroken
from tuneworth.evaluate import Budget, open_answers, remote_lines, spent_on
from tuneworth.evaluate.endpoints.budget import most_tokens, token_price
from tuneworth.evaluate.money import RoiSettings, read_roi

from .endpoint_server import Asked, EndpointServer, Step, completion
from .remote_plans import a_variant, race, some_pairs, the_plans, words


def priced(**prices: Any) -> RoiSettings:
    table = {"price_input": Decimal(1000), "price_output": Decimal(2000)} | prices
    return read_roi({"currency": "EUR", "prompted": table, "tuned": table})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evaluate" / "answers.jsonl"


def cost_at(server: EndpointServer) -> Decimal:
    """The cost of the answers of `words` at the prices of `priced()`, in EUR."""
    sent = [sum(len(m["content"].split()) + 2 for m in asked.body["messages"]) for asked in server.requests]
    return sum((Decimal(s) * 1000 + 4 * 2000 for s in sent), Decimal(0)) / 10**6


# --- prices -----------------------------------------------------------------------------------------------------


def test_a_price_is_the_stated_one_or_the_high_end_of_its_range():
    roi = read_roi({"prompted": {"price_input": [1, 2, 3], "price_output": 4, "price_cached": 0.5}})
    price = token_price(roi, "prompted")
    assert price is not None
    assert (price.input, price.cached, price.output) == (3, Decimal("0.5"), 4)
    assert price.of(input_tokens=1_000_000, cached_tokens=400_000, output_tokens=500_000) == Decimal("4.0")


def test_a_list_price_is_converted():
    roi = read_roi(
        {"currency": "EUR", "exchange": {"USD": Decimal("0.5")}, "prompted": {"model": "openai:gpt-4o-mini"}}
    )
    price = token_price(roi, "prompted")
    assert price is not None
    assert (price.input, price.output) == (Decimal("0.15") / 2, Decimal("0.60") / 2)
    assert "genai-prices" in price.source


def test_writing_to_the_cache_counts_if_it_costs_more():
    price = token_price(priced(price_cache_write=Decimal(1250)), "prompted")
    assert price is not None
    assert price.input == 1250


@pytest.mark.parametrize(("table", "cost"), [({"hourly": 2}, 0), ({"price_input": 0, "price_output": 0}, 0)])
def test_your_own_machine_costs_nothing_per_request(table, cost):
    price = token_price(read_roi({"prompted": table}), "prompted")
    assert price is not None
    assert price.of(input_tokens=100, output_tokens=100) == cost


def test_without_roi_or_a_table_there_is_no_price():
    assert token_price(None, "prompted") is None
    assert token_price(priced(), "plain") is None


def test_a_limit_without_prices_is_rejected_before_anything_is_sent():
    with EndpointServer(words) as server, pytest.raises(ConfigError, match=r"price for \"plain\".*roi.plain"):
        the_plans(a_variant(server.url), a_variant(server.url, "plain"), max_cost=Decimal(1), roi=priced())


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_more_tokens_than_bytes_and_marks_are_never_sent(texts):
    messages = [{"role": "user", "content": text} for text in texts]
    assert most_tokens(messages) >= sum(len(text.encode(errors="replace")) + 16 for text in texts)


# --- the limit --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_requests_stop_before_the_limit_and_a_higher_limit_resumes(file):
    pairs, roi = some_pairs(40), priced()
    with EndpointServer(words) as server:

        def plans(limit: str) -> list:
            return the_plans(a_variant(server.url), pairs=pairs, max_cost=Decimal(limit), roi=roi)

        with pytest.raises(RunBroken) as stopped:
            race(plans("1"), file, Budget(Decimal(1), currency="EUR"))
        assert cost_at(server) <= 1
        kept = len(file.read_text().splitlines()) - 2
        assert f"{kept} of 40 outputs are kept" in str(stopped.value)
        assert "of 1 EUR are spent" in str(stopped.value)
        assert 10 < kept < 40
        sent = len(server.requests)
        with open_answers(file) as store:
            spent = spent_on(store.lines.values(), currency="EUR", price=lambda line: None)
        assert spent == cost_at(server)
        race(plans("9"), file, Budget(Decimal(9), currency="EUR", spent=spent))
        assert len(server.requests) == 42
        assert sent == kept + 2


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.decimals("0.05", "1.2", places=3), at_once=st.sampled_from([1, 3, 16]), count=st.integers(1, 30))
def test_no_limit_is_exceeded_and_requests_that_fit_are_sent(tmp_path_factory, limit, at_once, count):
    file = tmp_path_factory.mktemp("run") / "evaluate" / "answers.jsonl"
    with EndpointServer(words) as server:
        variant = a_variant(server.url, concurrency=at_once)
        plans = the_plans(variant, pairs=some_pairs(count), max_cost=limit, roi=priced())
        budget = Budget(limit, currency="EUR")
        try:
            race(plans, file, budget)
        except RunBroken:
            # Nothing is in flight, and not even the cheapest missing request was certain to fit.
            worst = [plans[0].worst_cost(request) for request in plans[0].requests]
            assert budget.spent + max(worst) > limit
        else:
            assert len(server.requests) == count + 2
        assert budget.spent == cost_at(server) <= limit


@pytest.mark.slow
def test_requests_in_flight_count_with_their_worst_case(file):
    """An endpoint that uses all its tokens, with sixteen requests at once."""

    def greedy(asked: Asked) -> Step:
        sent = sum(len(m["content"].encode()) for m in asked.body["messages"])
        usage = {"prompt_tokens": sent, "completion_tokens": asked.body["max_tokens"]}
        return Step(body=completion("x", usage=usage), wait=0.05)

    budget = Budget(Decimal(2), currency="EUR")
    with EndpointServer(greedy) as server:
        plans = the_plans(
            a_variant(server.url, concurrency=16), pairs=some_pairs(30), max_cost=Decimal(2), roi=priced()
        )
        with pytest.raises(RunBroken):
            race(plans, file, budget)
        assert server.most_at_once > 1
    assert 1 < budget.spent <= 2


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 16])
def test_an_endpoint_that_bills_more_than_was_asked_for_passes_no_limit(file, at_once):
    """Its first answer, which is requested alone, shows it; from then on as much is reserved for each request."""

    def dear(asked: Asked) -> Step:
        sent = sum(len(m["content"].encode()) for m in asked.body["messages"])
        usage = {"prompt_tokens": 9 * sent, "completion_tokens": 9 * asked.body["max_tokens"]}
        return Step(body=completion("x", usage=usage), wait=0.02)

    told: list[str] = []
    budget = Budget(Decimal(9), currency="EUR")
    with EndpointServer(dear) as server:
        plans = the_plans(
            a_variant(server.url, concurrency=at_once), pairs=some_pairs(60), max_cost=Decimal(9), roi=priced()
        )
        with pytest.raises(RunBroken, match="could cost"):
            race(plans, file, budget, warn=told.append)
    assert 2 < budget.spent <= 9
    assert "more is set aside for each further request" in told[0]


def test_what_was_sent_and_not_answered_stays_counted_for_the_next_command(file):
    with open_answers(file) as store:
        budget = Budget(Decimal(9), currency="EUR", sent=store.sent)
        assert all(budget.reserve(key, Decimal(1)) for key in "abcdef")
        budget.settle("a", Decimal("0.25"))
        store.add("a", {"output": "x"})
        budget.release("b")
        budget.lose("c")
        assert budget.reserve("c", Decimal(2))  # one more try
        store.add("c", {"output": "x"})
        budget.settle("c", Decimal("0.5"))
        assert (budget.spent, budget.lost) == (Decimal("1.75"), 1)
    with file.with_suffix(".sent.jsonl").open("ab") as torn:  # and here the process is killed
        torn.write(b'{"key": "g", "wor')
    with open_answers(file) as store:
        assert store.sent.unanswered("USD") == 0
        assert store.sent.unanswered("EUR") == 1 + 3  # the lost try of c; d, e and f in flight
        budget = Budget(Decimal(6), currency="EUR", spent=Decimal("0.75"), sent=store.sent)
        assert (budget.reserve("h", Decimal(1)), budget.reserve("i", Decimal(1))) == (True, False)
        assert store.sent.unanswered("EUR") == 5


def test_without_usage_the_worst_case_counts_as_spent(file):
    budget = Budget(Decimal(5), currency="EUR")
    with EndpointServer(lambda asked: Step(body=completion("x", usage=None))) as server:
        plans = the_plans(a_variant(server.url), max_cost=Decimal(5), roi=priced())
        race(plans, file, budget)
    worst = sum(plans[0].worst_cost(request) for request in (*plans[0].requests, *plans[0].counting.values()))
    assert budget.spent == worst
    with open_answers(file) as store:
        assert spent_on(store.lines.values(), currency="EUR", price=lambda line: None) == worst


def test_the_users_token_limit_is_part_of_the_worst_case():
    with EndpointServer(words) as server:
        small, large = (
            the_plans(a_variant(server.url, parameters=own), roi=priced())[0] for own in ({}, {"max_tokens": 9000})
        )
    assert (
        large.worst_cost(large.requests[0]) - small.worst_cost(small.requests[0]) == Decimal(9000 - 64) * 2000 / 10**6
    )


def test_answers_stored_without_a_price_cost_the_current_price(file):
    with EndpointServer(words) as server:
        race(the_plans(a_variant(server.url)), file)
        price = token_price(priced(), "prompted")
        with open_answers(file) as store:
            assert spent_on(store.lines.values(), currency="EUR", price=lambda line: price) == cost_at(server)


# --- messages ---------------------------------------------------------------------------------------------------


def said(plans: list, file: Path, **more: Any) -> list[str]:
    with open_answers(file) as store:
        return remote_lines(plans, store, Budget(None, currency="EUR"), longest_output=80, **more)


def far(name: str = "prompted", host: str = "api.example.com", **own: Any):
    return a_variant(f"https://{host}/v1", name, **own)


def test_a_variant_with_two_parts_of_the_pairs_is_named_once(file):
    parts = [*the_plans(far(guide=None)), *the_plans(far(guide=None), pairs=some_pairs(3))]
    (line,) = said(parts, file)
    assert "(prompted 10)" in line


def test_a_line_for_each_host_has_requests_tokens_and_cost(file):
    lines = said(the_plans(far(), far("tuned", guide=None), far("other", "other.example"), roi=priced()), file)
    assert len(lines) == 2
    assert lines[0].startswith("api.example.com gets 13 requests (prompted 7, tuned 6); about ")
    assert "200 generated (estimated" in lines[0]  # 80 bytes are 20 tokens, for each of ten outputs
    assert " EUR (price stated in [roi.prompted], stated in [roi.tuned])" in lines[0]
    assert lines[1].startswith("other.example gets 7")
    assert lines[1].endswith("cost unknown: no price for other in [roi]")


def test_this_machine_is_listed_only_if_it_costs_something(file):
    assert said(the_plans(a_variant("http://localhost:8000/v1")), file) == []
    assert len(said(the_plans(a_variant("http://localhost:8000/v1"), roi=priced()), file)) == 1
    assert len(said(the_plans(a_variant("http://localhost:8000/v1")), file, all_hosts=True)) == 1


def test_after_the_first_answers_the_forecast_uses_measurements(file):
    with EndpointServer(words) as server:
        race(the_plans(a_variant(server.url), roi=priced()), file)
        server.requests.clear()
        plans = the_plans(a_variant(server.url), pairs=some_pairs(9), roi=priced())
        (line,) = said(plans, file)
        race(plans, file)
        really = cost_at(server)
    assert "gets 4 requests (prompted 4, 7 are stored)" in line
    assert "16 generated (as measured so far)" in line
    told = Decimal(line.split("; about ")[2].split(" EUR")[0])
    assert abs(told / really - 1) < Decimal("0.1")


def test_complete_answers_give_no_line(file):
    with EndpointServer(words) as server:
        plans = the_plans(a_variant(server.url), roi=priced())
        race(plans, file)
        assert said(plans, file) == []
