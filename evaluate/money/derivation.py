"""Every figure of the money as a line that a person can follow with a pocket calculator."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from .derivation_inputs import with_inputs
from .derivation_line import Line, comparison, line
from .derivation_option import option_lines
from .derivation_time import break_even_lines, payback_lines, upkeep_lines, value_lines
from .formulas import ZERO, Option
from .options import Plan, effective_of, figures, listed_currency
from .roi_settings import RoiSettings

__all__ = ["derive"]

PRICES = ("price_input", "price_cached", "price_cache_write", "price_output")


def derive(
    keys: Mapping[str, Any],
    options: Mapping[str, Option | None],
    plan: Plan,
    values: Mapping[str, Decimal],
    settings: RoiSettings,
) -> list[dict[str, Any]]:
    """`money.derivation`: one entry per figure of `keys`, in the order in which each needs only those above it."""
    names = (keys["baseline"], keys["candidate"])
    lines = _lines(keys, names, options, plan, values, settings)
    prices = [(name, key) for name in options for key in PRICES]
    exchanged = {f"{name}.{key}": money for name, key in prices if (money := listed_currency(settings, name, key))}
    own = {each.key for each in lines}
    exchanged = {key: money for key, money in exchanged.items() if key in own}
    found = with_inputs(lines, names, failures=plan.failures, assumed=values, exchanged=exchanged)
    return [each.to_json() for each in found]


def _lines(
    keys: Mapping[str, Any],
    names: tuple[str, str],
    options: Mapping[str, Option | None],
    plan: Plan,
    values: Mapping[str, Decimal],
    settings: RoiSettings,
) -> list[Line]:
    currency = settings.currency
    lines = _price_lines(options, values, settings)
    for name, option in options.items():
        if option is not None:
            lines += option_lines(f"variants.{name}", name, option, plan, currency)
    baseline, candidate = options[names[0]], options[names[1]]
    lines += _investment_lines(values, currency)
    if baseline is None or candidate is None:
        return lines
    lines += _saving_lines(names, baseline, candidate, plan, currency)
    lines += _part_lines(names, baseline, candidate, plan, currency)
    lines += upkeep_lines(names, (baseline, candidate), plan, values, currency)
    lines += payback_lines("", "", (baseline, candidate), plan, currency)
    lines += break_even_lines(names, (baseline, candidate), plan, keys, currency)
    lines += value_lines((baseline, candidate), plan, currency)
    for row in keys["alternatives"]:
        lines += _alternative_lines(row, names, baseline, candidate, plan, currency, options)
    return lines


def _price_lines(
    options: Mapping[str, Option | None], values: Mapping[str, Decimal], settings: RoiSettings
) -> list[Line]:
    """Prices of a list in another currency, exchanged."""
    found = []
    for name, option in options.items():
        for key in PRICES:
            foreign, listed = listed_currency(settings, name, key), values.get(f"{name}.{key}")
            if option is None or listed is None or foreign is None or foreign == settings.currency:
                continue
            found.append(
                line(
                    f"{name}.{key}",
                    f"The {' '.join(key.split('_')[1:])} price of {name} from the price list, in {settings.currency}.",
                    "listed price × exchange rate",
                    "{0} × {1}",
                    (listed, values[f"exchange.{foreign}"]),
                    lambda price, rate: price * rate,
                    f"{settings.currency} per million tokens",
                    exact=True,
                )
            )
    return found


def _saving_lines(names: tuple[str, str], baseline: Option, candidate: Option, plan: Plan, currency: str) -> list[Line]:
    before, after = (effective_of(option, plan) for option in (baseline, candidate))
    if before is None or after is None:
        return []
    unit = "acceptable output" if plan.failures == "drop" else "request"
    lines = [
        line(
            "saving_per_request",
            f"What one {unit} of {names[1]} costs less than one of {names[0]}.",
            f"cost of {names[0]} - cost of {names[1]}",
            "{0} - {1}",
            (before, after),
            lambda p, f: p - f,
            currency,
        )
    ]
    point = figures(baseline, candidate, plan)
    if point.saving_share is not None and point.machines == (ZERO, ZERO):
        lines.append(
            line(
                "saving_share",
                f"The same as a share of what {names[0]} costs.",
                f"1 - cost of {names[1]} ÷ cost of {names[0]}",
                "1 - {0} ÷ {1}",
                (after, before),
                lambda f, p: 1 - f / p,
            )
        )
    return lines


def _part_lines(names: tuple[str, str], baseline: Option, candidate: Option, plan: Plan, currency: str) -> list[Line]:
    """The three parts of the saving: one thing replaced at a time."""
    guide = replace(baseline, fixed_tokens=candidate.fixed_tokens, cached_share=candidate.cached_share)
    model = replace(
        candidate, acceptance=baseline.acceptance, extra_calls=baseline.extra_calls, rescued=baseline.rescued
    )
    steps = [effective_of(option, plan) for option in (baseline, guide, model, candidate)]
    if any(step is None for step in steps):
        return []
    old, new = names
    lines = option_lines("parts.step_1", f"{old} with the fixed prompt of {new}", guide, plan, currency, whole=False)
    lines += option_lines("parts.step_2", f"{new} failing as often as {old}", model, plan, currency, whole=False)
    said = (
        ("guide", f"Saved by the other fixed prompt: {old}, less {old} with the fixed prompt of {new}."),
        ("model", f"Saved by the other prices and lengths: the last, less {new} failing as often as {old}."),
        ("failures", f"Saved by fewer failures: the last, less {new} as it is."),
    )
    for (key, words), before, after in zip(said, steps, steps[1:], strict=False):
        assert before is not None
        assert after is not None
        lines.append(
            line(
                f"parts.{key}",
                words,
                "cost before - cost after",
                "{0} - {1}",
                (before, after),
                lambda b, a: b - a,
                currency,
            )
        )
    return lines


def _investment_lines(values: Mapping[str, Decimal], currency: str) -> list[Line]:
    def of(key: str) -> Decimal:
        return values.get(f"investment.{key}", ZERO)

    terms: list[tuple[str, str, list[Decimal]]] = []
    if of("compute"):
        terms.append(("compute", "{}", [of("compute")]))
    if of("compute_hours") and of("compute_hourly"):
        numbers = [of("compute_hours"), of("compute_hourly"), of("compute_runs")]
        terms.append(("compute hours × price × runs", "{} × {} × {}", numbers))
    if of("labelling_pairs"):
        numbers = [of("labelling_pairs"), of("labelling_minutes"), of("labelling_hourly")]
        terms.append(("pairs × minutes ÷ 60 × hourly", "{} × {} ÷ 60 × {}", numbers))
    if of("engineering_hours"):
        terms.append(("hours × hourly", "{} × {}", [of("engineering_hours"), of("engineering_hourly")]))
    if of("evaluation"):
        terms.append(("evaluation", "{}", [of("evaluation")]))
    if not terms:
        return [comparison("investment", "Nothing is left to be spent.", "investment", "0 = 0", (), f"0 {currency}")]
    numbers, template = [], []
    for _, text, given in terms:
        places = [f"{{{len(numbers) + index}}}" for index in range(len(given))]
        template.append(text.format(*places))
        numbers += given

    def total(*given: Decimal) -> Decimal:
        rest, found = list(given), ZERO
        for _, text, own in terms:
            part, rest = rest[: len(own)], rest[len(own) :]
            product = Decimal(1)
            for number in part:
                product *= number
            found += product / 60 if "÷ 60" in text else product
        return found

    words = "What is still to be spent; work done before is not counted."
    return [
        line(
            "investment",
            words,
            " + ".join(name for name, _, _ in terms),
            " + ".join(template),
            numbers,
            total,
            currency,
            exact=True,
        )
    ]


def _alternative_lines(
    row: Mapping[str, Any],
    names: tuple[str, str],
    baseline: Option,
    candidate: Option,
    plan: Plan,
    currency: str,
    options: Mapping[str, Option | None],
) -> list[Line]:
    """An alternative's cost, its saving, and the payback of tuning against it."""
    option, name = row["option"], row["name"]
    key = f"alternatives.{row['key']}" if row["key"] != "variant" else f"alternatives.{name}"
    # A variant's own cost stands above already.
    lines = [] if row["key"] == "variant" else option_lines(key, name, option, plan, currency, whole=False)
    before, own, after = (effective_of(each, plan) for each in (baseline, option, candidate))
    if before is None or own is None:
        return lines
    lines.append(
        line(
            f"{key}.saving_per_request",
            f"What a request of {name} costs less than one of {names[0]}.",
            f"cost of {names[0]} - cost of {name}",
            "{0} - {1}",
            (before, own),
            lambda p, a: p - a,
            currency,
        )
    )
    if after is None:
        return lines
    lines.append(
        line(
            f"{key}.tuning.saving_per_request",
            f"What {names[1]} still saves against {name}.",
            f"cost of {name} - cost of {names[1]}",
            "{0} - {1}",
            (own, after),
            lambda a, f: a - f,
            currency,
        )
    )
    return lines + payback_lines(f"{key}.tuning.", f" against {name}", (option, candidate), plan, currency)
