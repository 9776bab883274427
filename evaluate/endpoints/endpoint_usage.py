"""The token counts of an endpoint's answer, as far as they agree with themselves."""

from dataclasses import dataclass
from typing import Any

__all__ = ["NOTHING_COUNTED", "Tokens", "read_usage"]

MOST = 10**9  # tokens; no model's context is near, so a larger count is no count


@dataclass(frozen=True)
class Tokens:
    """Counts of one call; None where the endpoint gave none, or none to be believed (`contradicts`)."""

    input: int | None = None
    cached: int | None = None
    output: int | None = None
    reasoning: int | None = None
    contradicts: bool = False


NOTHING_COUNTED = Tokens()


def read_usage(usage: Any, *, wrote: bool) -> Tokens:
    """The counts of a `usage` object. `wrote`: whether the answer held any text, for then it took tokens.

    Numbers that contradict each other are None, all of them: which one lies cannot be told. Where the total says that
    reasoning is counted beside the output (as xAI and Gemini do), it is added to it.
    """
    if usage is None:
        return NOTHING_COUNTED
    if not isinstance(usage, dict):
        return Tokens(contradicts=True)
    stated = {
        "input": usage.get("prompt_tokens"),
        "output": usage.get("completion_tokens"),
        "total": usage.get("total_tokens"),
        "cached": _cached(usage),
        "reasoning": _part(usage, "completion_tokens_details", "reasoning_tokens"),
    }
    counts = {name: _count(value) for name, value in stated.items()}
    wrong = any(counts[name] is None and value is not None for name, value in stated.items())
    if counts["input"] == 0:  # no prompt is empty
        counts["input"], wrong = None, True
    if wrote and counts["output"] == 0 and not counts["reasoning"]:
        counts["output"], wrong = None, True
    return _agreeing(counts, wrong)


def _agreeing(counts: dict[str, int | None], wrong: bool) -> Tokens:
    said, wrote, total = counts["input"], counts["output"], counts["total"]
    cached, reasoning = counts["cached"], counts["reasoning"]
    if said is not None and wrote is not None and total is not None and total != said + wrote:
        if reasoning and total == said + wrote + reasoning:
            wrote += reasoning
        else:
            return Tokens(contradicts=True)
    if cached is not None and said is not None and cached > said:
        cached, said, wrong = None, None, True
    if reasoning is not None and wrote is not None and reasoning > wrote:
        reasoning, wrote, wrong = None, None, True
    return Tokens(said, cached if said is not None else None, wrote, reasoning if wrote is not None else None, wrong)


def _cached(usage: dict[str, Any]) -> Any:
    """OpenAI and most others nest the count; DeepSeek and Moonshot state it beside the others."""
    nested = _part(usage, "prompt_tokens_details", "cached_tokens")
    if nested is not None:
        return nested
    return usage.get("prompt_cache_hit_tokens", usage.get("cached_tokens"))


def _part(usage: dict[str, Any], group: str, name: str) -> Any:
    details = usage.get(group)
    return details.get(name) if isinstance(details, dict) else None


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MOST else None
