"""The prompt cache: which prompts are long enough, how many requests find theirs, and what that costs."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from .figures import Figure, unknown
from .inputs.options import COST, Way
from .traced import exponential

ZERO, ONE = Decimal(0), Decimal(1)
DAY = 86_400  # seconds
OWN_MACHINE = "your own machine is paid by the hour, not by the token"
LEAST = Decimal(1024)  # tokens, of a model that is not in the table: the usual minimum


@dataclass(frozen=True)
class Minimum:
    """The tokens below which no prompt of these models is cached, where that stands, and the day it was read or written."""

    models: str
    tokens: int
    source: str
    day: date


_OPENAI = "developers.openai.com/api/docs/guides/prompt-caching"
_GOOGLE = "ai.google.dev/gemini-api/docs/caching"
_CLAUDE = "Anthropic's page on prompt caching, quoted in github.com/anthropics/anthropic-sdk-python/issues/1194"
_NEWER = "Anthropic's page on prompt caching, quoted in dev.to/creeta/claudes-prompt-cache-fails-silently-below-1024-tokens-1ch1"
_READ = date(2026, 11, 28)
# Of several that match, the first.
MINIMUMS = (
    Minimum(r"claude-?opus-5", 512, _NEWER, _READ),
    Minimum(r"claude-?opus-4-7", 2048, _NEWER, _READ),
    Minimum(r"claude-?(opus-4-8|sonnet-5)", 1024, _NEWER, _READ),
    Minimum(r"claude-?(opus-4-[56]|haiku-4-5)", 4096, _CLAUDE, _READ),
    Minimum(r"claude-?(3-5-haiku|haiku-3-5|3-haiku|haiku-3)", 2048, _CLAUDE, _READ),
    Minimum(r"claude-?(sonnet-4|opus-4|3-7-sonnet|sonnet-3-7)", 1024, _CLAUDE, _READ),
    Minimum(r"gemini-2-5-(flash|pro)(?!-lite)", 2048, _GOOGLE, date(2026, 7, 7)),
    Minimum(r"gemini-(3-5-flash|3-1-pro)", 4096, _GOOGLE, date(2026, 7, 7)),
    Minimum(r"gpt-4o|gpt-4-1|gpt-5|\bo[134]\b", 1024, _OPENAI, _READ),
)  # fmt: skip


def least_cached(model: str | None) -> Minimum | None:
    """The minimum of a model, by its name; None if it is not known."""
    name = (model or "").lower().replace(".", "-").replace("_", "-")
    return next((each for each in MINIMUMS if re.search(each.models, name)), None)


def cached_guide(baseline: Way) -> Way:
    """The baseline with its fixed prompt read from the cache by each request that comes soon enough after another.

    Requests come at random at the stated volume (Poisson), and each one found renews the prompt's lifetime. The others
    write it again, at the price of a cache write if that is higher. A one-off batch has no gaps.
    """
    name = f"{baseline.variant} with its guide cached"
    return baseline.changed("alternatives.cached_guide", name, {"cached": _found}, lines=_FOUND)


def always_cached(baseline: Way) -> Way:
    """The baseline with its whole fixed prompt read from the cache by every request: the best case."""

    def whole_prompt(way: Way) -> Any:
        way("fixed_tokens")
        return way.values.number(ONE)

    name = f"{baseline.variant} with its guide always cached"
    return baseline.changed("alternatives.always_cached", name, {"cached": whole_prompt, "price_cache_write": unknown})


def no_cache(baseline: Way) -> str | None:
    """Why caching the baseline's fixed prompt saves nothing; None if it does."""
    why = unchangeable(baseline)
    if why is not None:
        return why
    fixed, least = baseline.value("fixed_tokens"), baseline.value("min_cached_tokens") or ZERO
    read = fixed * baseline.value("cached") + baseline.value("cached_request")
    if read:
        whole = fixed + baseline.value("input_tokens")
        return f"the cache is in use: {read:,.0f} of {whole:,.0f} prompt tokens of a request are read from it"
    if fixed == 0:
        return "there is no known fixed prompt to cache"
    if baseline.value("price_cached") is None:
        return f"the price of cached tokens is unknown; state roi.{baseline.variant}.price_cached"
    if fixed < least:
        return (
            f"{fixed:,.0f} fixed tokens are fewer than the {least:,.0f} that a provider requires "
            f"for caching (roi.{baseline.variant}.min_cached_tokens)"
        )
    way = cached_guide(baseline)
    if way.value(COST) < baseline.value(COST):
        return None
    if always_cached(baseline).value(COST) < baseline.value(COST):
        return (
            f"at this volume {100 * way.value('cached'):.0f}% of the requests find the guide in the cache within "
            f"{baseline.value('cache_seconds'):,.0f} seconds of another, which saves less than the cache writes cost"
        )
    return "cached tokens are not cheaper"


def unchangeable(baseline: Way) -> str | None:
    """Why no form of its prompt would cost less; None if one might."""
    if baseline.free:
        return "it calls no model, so it costs nothing"
    if baseline.cascade is not None:
        return "it calls two models; each of them has its own prompt"
    return None if baseline.metered else OWN_MACHINE


def _found(way: Way) -> Any:
    way("fixed_tokens")
    if not _has_gaps(way):
        return way.values.number(ONE)
    return 1 - exponential(0 - way("requests_per_day") * way("cache_seconds") / DAY)


def _has_gaps(way: Way) -> bool:
    return not way.values.batch and way.knows("requests_per_day") and way.knows("cache_seconds")


_FOUND = (
    Figure("cached", "Requests of {name} that find it there: another came at most {cache_seconds:f} seconds before.",
           "1 - exp(-requests a day × seconds ÷ 86,400)", _found, when=_has_gaps),
)  # fmt: skip
