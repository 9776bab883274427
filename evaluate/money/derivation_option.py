"""What one request of an option costs, line by line: tokens at their prices, calls, failures."""

from collections.abc import Callable
from decimal import Decimal

from .derivation_line import Line, comparison, line
from .formulas import ONE, Option, calls_of, cost_per_request, failing_of
from .options import Plan

__all__ = ["option_lines"]


def option_lines(key: str, name: str, option: Option, plan: Plan, currency: str, *, whole: bool = True) -> list[Line]:
    """Cost per request, per acceptable output, and with failures counted, as far as they exist.

    Without `whole` the cost per acceptable output stands there only where it is what counts: failures dropped.
    """
    lines = [_cost(key, name, option, currency)]
    cost, a = cost_per_request(option), option.acceptance
    if a is None:
        return lines
    if not whole and plan.failures != "drop":
        return lines + _with_failures(key, name, option, plan, currency)
    if a > 0:
        lines.append(
            line(
                f"{key}.cost_per_acceptable_output",
                f"One acceptable output of {name}, if unacceptable ones are thrown away.",
                "cost of a request ÷ acceptable share",
                "{0} ÷ {1}",
                (cost, a),
                lambda c, share: c / share,
                currency,
            )
        )
    else:
        words = f"No output of {name} is acceptable, so an acceptable one has no cost."
        lines.append(
            comparison(f"{key}.cost_per_acceptable_output", words, "acceptable share", "0 = 0", (), "undefined")
        )
    return lines + _with_failures(key, name, option, plan, currency)


def _cost(key: str, name: str, option: Option, currency: str) -> Line:
    key = f"{key}.cost_per_request"
    if option.per_request > 0 and option.requests_per_second:
        rate, hourly = option.requests_per_second, option.per_request * 3600 * option.requests_per_second
        words = f"One request of {name}: the seconds of machine time that it takes, at the price of an hour."
        return line(
            key, words, "hourly ÷ (3,600 × requests per second)", "{0} ÷ (3,600 × {1})", (hourly, rate),
            lambda h, r: h / (3600 * r), currency,
        )  # fmt: skip
    if option.hourly > 0:
        words = f"{name} runs on machines paid by the day: a further request costs nothing."
        return comparison(key, words, "0", "0 = 0", (), f"0 {currency}")
    terms, h = [], option.cached_share
    missed = max(option.price_cache_write, option.price_input) if h > 0 else option.price_input
    what = "price for writing to the cache" if h > 0 and missed > option.price_input else "input price"
    if option.fixed_tokens and h < 1:
        share = ("share not cached",) if h > 0 else ()
        terms.append((("fixed tokens", *share, what), (option.fixed_tokens, *([1 - h] if h > 0 else []), missed)))
    if option.fixed_tokens and h > 0:
        share = ("cached share",) if h < 1 else ()
        numbers = (option.fixed_tokens, *([h] if h < 1 else []), option.price_cached)
        terms.append((("fixed tokens", *share, "cached price"), numbers))
    terms.append((("request tokens", "input price"), (option.input_tokens, option.price_input)))
    terms.append((("answer tokens", "output price"), (option.output_tokens, option.price_output)))
    formula = " + ".join(" × ".join(names) for names, _ in terms)
    given_numbers = [number for _, given in terms for number in given]
    template, at = [], 0
    for _, given in terms:
        template.append(" × ".join(f"{{{at + index}}}" for index in range(len(given))))
        at += len(given)
    words = f"One request of {name}: tokens at prices per million."
    lengths = [len(given) for _, given in terms]
    return line(
        key, words, f"({formula}) ÷ 1,000,000", f"({' + '.join(template)}) ÷ 1,000,000", given_numbers, _million(lengths),
        currency, exact=True,
    )  # fmt: skip


def _million(lengths: list[int]) -> Callable[..., Decimal]:
    def total(*numbers: Decimal) -> Decimal:
        found, at = Decimal(0), 0
        for length in lengths:
            product = ONE
            for number in numbers[at : at + length]:
                product *= number
            found, at = found + product, at + length
        return found / 1_000_000

    return total


def _with_failures(key: str, name: str, option: Option, plan: Plan, currency: str) -> list[Line]:
    cost, a, loss = cost_per_request(option), option.acceptance, plan.failure_cost or Decimal(0)
    assert a is not None
    if plan.failures in ("ignore", "drop"):
        return []  # with failures dropped, an acceptable output's cost above is what counts
    key = f"{key}.effective_cost_per_request"
    if plan.failures == "repair":
        words = f"One request of {name} with its failures mended by a person."
        return [
            line(
                key, words, "cost + (1 - acceptable share) × cost of a failure", "{0} + (1 - {1}) × {2}",
                (cost, a, loss), lambda c, share, fail: c + (1 - share) * fail, currency,
            )
        ]  # fmt: skip
    calls, failing = calls_of(option, plan.failures, plan.tries), failing_of(option, plan.failures, plan.tries)
    assert calls is not None
    assert failing is not None
    lines = _tries(key.removesuffix("effective_cost_per_request"), name, option, plan)
    lines.append(
        line(
            key, f"One request of {name} with its repeated calls, and what then still fails.",
            "cost × calls + still failing × cost of a failure", "{0} × {1} + {2} × {3}",
            (cost, calls, failing, loss), lambda c, n, f, fail: c * n + f * fail, currency,
        )
    )  # fmt: skip
    return lines


def _tries(key: str, name: str, option: Option, plan: Plan) -> list[Line]:
    """Calls and remaining failures of trying again."""
    a, k = option.acceptance, Decimal(plan.tries)
    assert a is not None
    calls = f"Calls of one request of {name}, with up to {plan.tries} tries"
    fails = f"Share of requests of {name} that still fail after {plan.tries} tries"
    if option.extra_calls is not None and option.rescued is not None:
        return [
            line(f"{key}calls", f"{calls}, as repeated outputs showed.", "1 + first failures × further calls of each",
                 "1 + (1 - {0}) × {1}", (a, option.extra_calls), lambda s, e: 1 + (1 - s) * e, "calls"),
            line(f"{key}still_failing", f"{fails}, as repeated outputs showed.", "first failures × (1 - mended share)",
                 "(1 - {0}) × (1 - {1})", (a, option.rescued), lambda s, r: (1 - s) * (1 - r)),
        ]  # fmt: skip
    assumed = "were failures of one item independent"
    if a == 0:
        return [
            line(f"{key}calls", f"{calls}: none succeeds.", "tries", "{0}", (k,), lambda n: n, "calls"),
            line(f"{key}still_failing", f"{fails}: all.", "1 - acceptable share", "1 - {0}", (a,), lambda s: 1 - s),
        ]
    return [
        line(f"{key}calls", f"{calls}, {assumed}.", "(1 - (1 - acceptable share) ^ tries) ÷ acceptable share",
             "(1 - (1 - {0}) ^ {1}) ÷ {0}", (a, k), lambda s, n: (1 - (1 - s) ** n) / s, "calls"),
        line(f"{key}still_failing", f"{fails}, {assumed}.", "(1 - acceptable share) ^ tries",
             "(1 - {0}) ^ {1}", (a, k), lambda s, n: (1 - s) ** n),
    ]  # fmt: skip
