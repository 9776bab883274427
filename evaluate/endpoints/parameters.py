"""The parameters of calls to an endpoint: what it does not accept is dropped or gets its other name."""

from collections.abc import Mapping
from typing import Any

from .endpoint import LIMITS

__all__ = ["Parameters"]


class Parameters:
    """The parameters that an endpoint has not refused so far: ours, and over them the user's (`own`).

    The limit has its old name at first, `max_tokens`: every server knows it, and those that require the new one (OpenAI's
    reasoning models) reject it with an error. `max_completion_tokens` is silently ignored by Ollama and by older
    llama.cpp servers, which then generate without end.
    """

    def __init__(self, own: Mapping[str, Any], *, max_new_tokens: int, temperature: float, seed: int | None) -> None:
        ours: dict[str, Any] = {"max_tokens": max_new_tokens, "temperature": temperature}
        if seed is not None:
            ours["seed"] = seed
        if any(name in own for name in LIMITS):
            del ours["max_tokens"]
        self.stated: Mapping[str, Any] = {**ours, **own}
        self._own, self._refused = own, set[str]()

    @property
    def refused(self) -> tuple[str, ...]:
        """The refused parameters, without the limit, which is never left out."""
        return tuple(sorted(self._refused.difference(LIMITS)))

    def of_sample(self, sample: int) -> dict[str, Any]:
        """The parameters of a call. One seed for all samples would make them identical, so each adds its number to ours."""
        own = "seed" not in self.stated or "seed" in self._own
        return dict(self.stated) if own else {**self.stated, "seed": self.stated["seed"] + sample}

    def give_up(self, name: str) -> str | None:
        """Drop a refused parameter from now on, or use the limit's other name.

        Returns how calls go on, in words; nothing if another call was the first to notice; None if they cannot go on.
        """
        if name not in self.stated:
            return ""
        stated = dict(self.stated)
        value = stated.pop(name)
        self._refused.add(name)
        instead = "without it"
        if name in LIMITS:  # always keep a limit: an endless output costs money
            other = LIMITS[1 - LIMITS.index(name)]
            if other in self._refused:
                return None
            stated[other], instead = value, f'with "{other}"'
        self.stated = stated
        return instead
