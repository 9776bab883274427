"""The cost of one request with one option: tokens, machines, retries and failures.

Tokens are means per request, prices are per million tokens, shares are 0 to 1.
"""

import operator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from .figures import Conditions, Figure, Table, Values, by_key, of, step, unknown, zero
from .inputs.options import ACCEPTABLE, COST, EFFECTIVE, Way
from .traced import ceiling, leaf, maximum, nonzero, total, where

TOKENS = ("fixed_tokens", "input_tokens", "output_tokens")
PRICES = ("price_input", "price_cached", "price_cache_write", "price_output")
ZERO, ONE = Decimal(0), Decimal(1)


def exchanged_prices(conditions: Conditions) -> Table:
    """The figures of the list prices in another currency, by the keys of the prices."""
    figures = {}
    for key, foreign in conditions.exchanged.items():
        name, _, price = key.rpartition(".")

        def exchanged(values: Values, key: str = key, foreign: str = foreign) -> Any:
            return values.input(key) * values.input(f"exchange.{foreign}")

        says = f"The {' '.join(price.split('_')[1:])} price of {name} from the price list, in {conditions.currency}."
        unit, formula = f"{conditions.currency} per million tokens", "listed price × exchange rate"
        figures[key] = (Figure(key, lambda _, says=says: says, formula, exchanged, unit, exact=True),)
    return figures


def _cached(way: Way) -> Any:
    """The share of the fixed prompt that is read from the cache; a stated one needs a prompt of the minimum length."""
    fixed, share = way.get("fixed_tokens", ZERO), way.get("cached_share", ZERO)
    if not way.metered or not nonzero(share):
        return zero(way)
    least = way.get("min_cached_tokens", ZERO)
    stated = way.variant in way.values.conditions.cache_stated  # a measured one needs no such rule
    return where(fixed < least, zero(way), share) if stated else share


def _cached_request(way: Way) -> Any:
    """The tokens of the request that are read from the cache, beyond the fixed prompt."""
    if not way.metered or not way.knows("cached_tokens"):
        return zero(way)
    cached, content = way("cached_tokens"), way("input_tokens")
    return where(cached > content, content, cached)


def _terms(way: Way) -> list[tuple[str, Any]]:
    """The cost of a request's tokens, in millionths: each term in words and as a number.

    g(1-h) p_in + g h p_cached + (u-k) p_in + k p_cached + o p_out, with k of the request's tokens cached; if the cache is
    used (h > 0) and writing to it costs more than the input price, misses cost p_write.
    """
    known = [key for key in ("price_cached", "price_cache_write") if way.knows(key)]
    share = way("cached") if known else way.peek("cached")  # without cache prices the cache changes nothing
    read = way("cached_request") if known else zero(way)
    # The line names them if a share is known, even if the prompt is too short for caching.
    shared = nonzero(share) or nonzero(way.peek("cached_share", ZERO))
    prices = {key: way(key) for key in known if shared or (key == "price_cached" and nonzero(read))}
    fixed, content, output, fresh, written = (way(key) for key in (*TOKENS, "price_input", "price_output"))
    cached, write = prices.get("price_cached", fresh), prices.get("price_cache_write", fresh)
    missed, terms = 1 - share, []
    if nonzero(fixed) and not nonzero(share):
        terms.append(("fixed tokens × input price", fixed * fresh))
    elif nonzero(fixed) and not nonzero(missed):
        terms.append(("fixed tokens × cached price", fixed * cached))
    elif nonzero(fixed):
        price = where(share > 0, where(write > fresh, write, fresh), fresh)
        dearer = not way.values.drawn and write > fresh
        words = "price for writing to the cache" if dearer else "input price"
        terms.append((f"fixed tokens × share not cached × {words}", fixed * leaf(missed) * price))
        terms.append(("fixed tokens × cached share × cached price", fixed * share * cached))
    if nonzero(read):
        terms.append(("(request tokens - those cached) × input price", (content - read) * fresh))
        terms.append(("cached request tokens × cached price", read * cached))
    else:
        terms.append(("request tokens × input price", content * fresh))
    terms.append(("answer tokens × output price", output * written))
    return terms


def _tokens(way: Way) -> Any:
    return total(number for _, number in _terms(way)) / 1_000_000


def _token_words(way: Way) -> str:
    return f"({' + '.join(words for words, _ in _terms(way))}) ÷ 1,000,000"


def _machine_time(way: Way) -> Any:
    """The machine time of a request: a batch needs its machine only while it runs."""
    hourly, rate = way("hourly"), way("requests_per_second")
    return hourly / (3600 * rate) if nonzero(rate) else unknown(way)


def _nothing_more(way: Way) -> Any:
    """Machines that are always on cost nothing for one more request."""
    way("hourly")
    way.get("requests_per_second", ZERO)
    return zero(way)


def _one_call(way: Way) -> Any:
    way.get("acceptance", ONE)
    return way.values.number(ONE)


def _none_acceptable(way: Way) -> Any:
    """Whether no output is acceptable; draws are not checked, as floats can be divided by 0."""
    return not way.values.drawn and way("acceptance") == 0


def replicas(volume: Any, calls: Any, rate: Any, least: Any, peak: Any) -> Any:
    """The whole machines needed at the peak of a daily volume, at least the minimum."""
    return maximum(least, ceiling(volume * calls * peak / 86_400 / rate))


def _replicas(way: Way) -> Any:
    volume, calls = way("requests_per_day"), way.values.number(ONE)
    if way.failures == "retry":
        calls = way.get("calls", ONE)
    machines = [way(key) for key in ("requests_per_second", "min_replicas", "peak_factor")]
    if way.failures == "drop":
        calls = way.get("calls", ONE)
    elif way.failures == "retry":
        way.get("acceptance", ZERO)
    if way.values.drawn:
        calls = np.where(np.isfinite(calls), calls, 1.0)  # nothing acceptable: no number of machines would be enough
    return replicas(volume, calls, *machines)


def _split(way: Way) -> bool:
    """Whether failures of facts have a cost of their own."""
    return way.knows("facts_failure_cost") and way.knows("wrong_facts")


def _none_fails(way: Way) -> bool:
    """Whether every output is acceptable; in draws a share is never exactly 1."""
    return not way.values.drawn and way("acceptance") == 1


def _at_most_one(share: Any) -> Any:
    """A measured share of wrong facts may exceed the failing share where the acceptable share is stated."""
    return where(share > 1, share * 0 + 1, share)


def _shared(way: Way) -> Any:
    """The daily cost divided by the daily output."""
    volume, each, machines = way("requests_per_day"), way(EFFECTIVE), way("machine_cost_per_day")
    delivered = volume * way("acceptance") if way.failures == "ignore" else volume
    return (volume * each + machines) / delivered


def _no_share(way: Way) -> bool:
    """Whether there is no volume to share the machines' cost, or nothing acceptable is delivered."""
    machines = nonzero(way("machine_cost_per_day")) and not nonzero(way.get("requests_per_day", ZERO))
    return machines or (way.failures == "ignore" and not nonzero(way.get("acceptance", ZERO)))


def _when(*failures: str, knows: str | None = None) -> Any:
    """A condition: failures are treated in one of these ways, and this number of the option is known."""
    return lambda way: way.failures in failures and (knows is None or way.knows(knows))


CALLS = "Calls per request of {name}, with up to {tries} tries"
FAILS = "Share of requests of {name} that still fail after {tries} tries"
SHARED = "One {paid} of {name}, including machines: the daily cost divided by the daily output."
SPEND = "({delivered} a day × cost of one + machines a day) ÷ "
RETRIED = (COST, "acceptance", "calls", "still_failing", "loss")

ALONE = (
    Figure(COST, "{name} calls no model, so a request costs nothing.", "0", of("output_tokens", lambda none: none),
           when=lambda way: way.free, result="0 {currency}"),
    Figure(COST, "One request of {name}: its machine time at the hourly price.",
           "hourly ÷ (3,600 × requests per second)", _machine_time, "{currency}",
           when=lambda way: not way.metered and way.values.batch),
    Figure(COST, "One request of {name}: its machine time at the hourly price, and its tokens at prices per million.",
           lambda way: f"hourly ÷ (3,600 × requests per second) + {_token_words(way)}",
           lambda way: _machine_time(way) + _tokens(way), "{currency}", exact=True,
           when=lambda way: way.hosted and way.values.batch),
    Figure(COST, "{name} runs on machines paid by the day: one more request costs nothing.", "0", _nothing_more,
           when=lambda way: not way.metered, result="0 {currency}"),
    Figure(COST, "One request of {name}: its tokens at prices per million.", _token_words, _tokens, "{currency}", exact=True),
)  # fmt: skip

REQUEST = by_key([
    step("cached", _cached),
    step("cached_request", _cached_request),
    *(replace(figure, key="first_call", says=str(figure.says).replace("{name}", "{first}")) for figure in ALONE),
    Figure(COST, "One request of {name}: {first} for each, and {next} for the share that {first} sends on.",
           "cost of {first} + share sent on × cost of {next}",
           of("first_call", "sent", f"second.{COST}", lambda first, sent, second: first + sent * second), "{currency}",
           when=lambda way: way.cascade is not None),
    *ALONE,

    Figure(ACCEPTABLE, "No output of {name} is {good}, so {a_good} output has no cost.", "{good} share",
           of(COST, "acceptance", unknown), when=_none_acceptable, result="undefined"),
    Figure(ACCEPTABLE, "One {good} output of {name}, if failures are discarded.",
           "cost of a request ÷ {good} share", of(COST, "acceptance", lambda cost, good: cost / good), "{currency}"),

    Figure("calls", f"{CALLS}, as repeated outputs show.", "1 + first failures × extra calls of each",
           of("acceptance", "tries", "extra_calls", lambda good, _, extra: 1 + (1 - good) * extra), "calls",
           when=_when("retry", knows="extra_calls")),
    Figure("calls", f"{CALLS}: none succeeds.", "tries", of("acceptance", "tries", lambda _, tries: tries), "calls",
           when=lambda way: way.failures == "retry" and way("acceptance") == 0),
    Figure("calls", f"{CALLS}, if failures of one item are independent.",
           "(1 - (1 - {good} share) ^ tries) ÷ {good} share",
           of("acceptance", "tries", lambda good, tries: (1 - (1 - good) ** tries) / good), "calls", when=_when("retry")),
    step("calls", of("acceptance", unknown), when=lambda way: way.failures == "drop" and _none_acceptable(way)),
    step("calls", of("acceptance", lambda good: 1 / good), when=_when("drop")),
    step("calls", _one_call),

    Figure("still_failing", f"{FAILS}, as repeated outputs show.", "first failures × (1 - rescued share)",
           of("acceptance", "tries", "rescued", lambda good, _, rescued: (1 - good) * (1 - rescued)),
           when=_when("retry", knows="rescued")),
    Figure("still_failing", f"{FAILS}: all.", "1 - {good} share", of("acceptance", "tries", lambda good, _: 1 - good),
           when=lambda way: way.failures == "retry" and _none_acceptable(way)),
    Figure("still_failing", f"{FAILS}, if failures of one item are independent.", "(1 - {good} share) ^ tries",
           of("acceptance", "tries", lambda good, tries: (1 - good) ** tries), when=_when("retry")),
    step("still_failing", of("acceptance", lambda good: 1 - good)),

    step("loss", of("failure_cost"), when=lambda way: not _split(way) or _none_fails(way)),
    Figure("loss", "The mean cost of a failure of {name}: wrong facts cost more, or less, than the wrong form.",
           "cost of form + share with wrong facts ÷ failing share × (cost of facts - cost of form)",
           of("failure_cost", "facts_failure_cost", "wrong_facts", "acceptance",
              lambda form, facts, wrong, good: form + _at_most_one(wrong / (1 - good)) * (facts - form)), "{currency}"),

    Figure(EFFECTIVE, "One request of {name}, with failures repaired by a person.",
           "cost + (1 - {good} share) × cost of a failure",
           of(COST, "acceptance", "loss", lambda cost, good, loss: cost + (1 - good) * loss), "{currency}",
           when=_when("repair")),
    Figure(EFFECTIVE, "One request of {name}, including retries and the failures that remain.",
           "cost × calls + still failing × cost of a failure",
           of(*RETRIED, lambda cost, _, calls, failing, loss: cost * calls + failing * loss), "{currency}",
           when=_when("retry")),
    step(EFFECTIVE, of(ACCEPTABLE), when=_when("drop")),
    step(EFFECTIVE, of(COST)),

    Figure("replicas", "Whole machines that {name} needs at its peak, at least the minimum.",
           "max(minimum, ceil(requests a day × calls × peak factor ÷ 86,400 ÷ requests a second))", _replicas, "machines",
           when=lambda way: way.knows("requests_per_second") and way.knows("requests_per_day")),
    step("replicas", of("min_replicas")),
    *(Figure(key, "Machines of {" + name + "}, always on.", "24 × hourly × machines",
             of("hourly", "replicas", lambda hourly, machines: 24 * hourly * machines), "{currency} a day",
             when=lambda way, cascade=cascade: way.hosted and not way.values.batch and (way.cascade is not None) == cascade)
      for key, name, cascade in (("first_machines", "first", True), ("machine_cost_per_day", "name", False))),
    step("first_machines", zero),
    Figure("machine_cost_per_day", "Machines of {name}, always on: those of {first} and of {next}.",
           "machines of {first} + machines of {next}",
           of("first_machines", "second.machine_cost_per_day", operator.add), "{currency} a day",
           when=lambda way: way.cascade is not None and way.always_on),
    step("machine_cost_per_day", zero),
    step("cost_with_machines", unknown, when=_no_share),
    step("cost_with_machines", of(EFFECTIVE, "acceptance", lambda each, good: each / good),
         when=lambda way: way.failures == "ignore" and not nonzero(way("machine_cost_per_day"))),
    step("cost_with_machines", of(EFFECTIVE), when=lambda way: not nonzero(way("machine_cost_per_day"))),
    Figure("cost_with_machines", SHARED, SPEND + "(requests a day × {good} share)", _shared, "{currency}",
           when=_when("ignore")),
    Figure("cost_with_machines", SHARED, SPEND + "{delivered} a day", _shared, "{currency}"),
])  # fmt: skip
