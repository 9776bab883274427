"""What a run measured for the money: of each variant, and of its training."""

from dataclasses import dataclass

import numpy as np

MEASURED = {
    "cached_share": "of the fixed prompt",
    "cached_tokens": "tokens a request",
    "fixed_tokens": "tokens a request",
    "few_shot_tokens": "tokens a request",
    "guide_tokens": "tokens a request",
    "input_tokens": "tokens a request",
    "output_tokens": "tokens a request",
    "acceptance": "of outputs",
    "wrong_facts": "of outputs",
    "requests_per_second": "requests a second and replica",
}


@dataclass(frozen=True)
class MeasuredVariant:
    """What a run measured for one variant, per item, in the same order as for all other variants.

    `fixed_tokens` are the guide, the few-shot examples and the template; `input_tokens` `(n,)` the content of each item
    alone, NaN if a provider did not report it, and `cached_tokens` `(n,)` what came from the prompt cache, of the fixed
    prompt first. `acceptable` `(n,)` is 0 or 1, or the mean over repeats, and so is `wrong_facts`, for outputs that break a
    `must` rule about facts. `repeats` `(n, k)` says whether each repeated output
    was acceptable, which shows the effect of retries. `guide_tokens` and `few_shot_tokens` are the parts of the fixed
    tokens for the guide and the examples. `tuned` says whether the variant needed training; `model` names its model.

    `search_cost` is what the search for its prompt cost, in the currency of `[roi]`: the prompt's own investment.

    `of` are the variants that this one is made from, whose prices it has unless it has its own. A `free` variant calls no
    model. A cascade is made from two: `sent` `(n,)` says which items its second variant answered (0 or 1, or the mean over
    repeats), and the tokens of `second` are those of these calls, 0 for items that were not sent on; its
    `fixed_tokens` are those of one call.
    """

    fixed_tokens: float | None
    input_tokens: np.ndarray | None
    output_tokens: np.ndarray | None
    acceptable: np.ndarray | None
    cached_tokens: np.ndarray | None = None
    requests_per_second: float | None = None
    repeats: np.ndarray | None = None
    guide_tokens: float | None = None
    few_shot_tokens: float | None = None
    tuned: bool = False
    model: str | None = None
    of: tuple[str, ...] = ()
    free: bool = False
    sent: np.ndarray | None = None
    second: "MeasuredVariant | None" = None
    wrong_facts: np.ndarray | None = None
    search_cost: float | None = None

    def __post_init__(self) -> None:
        """A cascade has two variants, of which neither is a cascade."""
        if (self.sent is None) != (self.second is None):
            raise ValueError("a cascade needs both: which items are sent on, and the tokens of their second calls")
        if self.second is not None and (len(self.of) != 2 or self.second.second is not None):
            raise ValueError(f"a cascade is made from two variants, neither of which is a cascade; found {self.of}")

    @property
    def cached_share(self) -> np.ndarray | None:
        """The share of the fixed prompt that came from the cache, per item; None if either is unknown."""
        if self.cached_tokens is None or not self.fixed_tokens:
            return None
        return np.minimum(self.cached_tokens, self.fixed_tokens) / self.fixed_tokens


@dataclass(frozen=True)
class TrainingCost:
    """The hours and tokens of this run's training, all epochs included, or what a provider charged for it.

    Hours on machines of one's own and tokens cost nothing until `[roi.investment]` states compute_hourly or training_price. A
    `cost` in `currency` counts as the investment's compute unless that is stated; `source` says who charged it.
    """

    hours: float | None
    tokens: float | None = None
    cost: float | None = None
    currency: str = ""
    source: str = ""


def part_name(name: str, run: MeasuredVariant) -> str:
    """The name of a cascade's second call, as the keys of its numbers have it."""
    return f"{name}: {run.of[1]}"
