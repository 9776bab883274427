"""The records of a style in use: its rules, and what they tell apart."""

from collections.abc import Mapping, Sequence
from typing import Literal

from ..core import Count, Proportion, Record, say

ENOUGH = 0.2  # a difference below 20 points: the rules accept too many answers to other requests


class Passing(Record):
    """Shares of texts that pass one rule."""

    own: Proportion
    """Share of the pairs' own outputs that pass."""
    shuffled: Proportion
    """Share that pass when each output is replaced by that of another request."""
    fields_only: Proportion
    """Share that pass when each output is replaced by a text that only repeats the input."""

    @property
    def difference(self) -> float:
        """By how much more of the own outputs pass than of outputs of other requests."""
        return self.own - self.shuffled


class Discrimination(Passing):
    """Shares of texts that pass every must rule, measured on a sample of the pairs."""

    rows: Count
    """Number of pairs in the sample."""
    by_check: Mapping[str, Passing]
    """Shares of texts that pass each must rule, by check id."""

    @property
    def weak(self) -> bool:
        """Whether the rules hardly tell right answers from wrong ones."""
        return self.difference < ENOUGH - 1e-9  # a difference of 20 points must not depend on the last bit of a float

    @property
    def sentence(self) -> str:
        """The result in a sentence; where the rules hardly discriminate, it says so."""
        own, shuffled = say.percent(self.own), say.percent(self.shuffled)
        if not self.weak:
            return f"The rules accept {own} of the examples' own outputs and {shuffled} of answers to other requests."
        if self.shuffled >= self.own / 2:
            return f"These rules accept {shuffled} of answers to other requests: they check form only."
        return (
            f"These rules accept only {own} of the examples' own outputs, and {shuffled} of answers to other requests: "
            "they hardly tell right from wrong."
        )


class CaughtMisses(Record):
    """Near misses of one kind."""

    n: Count
    """Number of near misses."""
    caught: Proportion
    """Share that breaks a must rule."""
    with_should: Proportion
    """Share that breaks a must rule or a should rule."""


class Survivor(Record):
    """A near miss that no must rule rejects."""

    kind: str
    """Kind of near miss."""
    text: str
    """Output with the names of the input's fields in place of their values."""


class NearMisses(Record):
    """Outputs with one wrong fact, and how many of them the rules reject."""

    n: Count
    """Number of near misses."""
    caught: Proportion
    """Share that breaks a must rule: the mean over the kinds."""
    by_kind: Mapping[str, CaughtMisses]
    """Result by kind of near miss."""
    survivors: Sequence[Survivor]
    """Examples that no must rule rejects."""

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        kinds = ", ".join(f"{name} {say.percent(one.caught)}" for name, one in self.by_kind.items())
        return f"The must rules catch {say.percent(self.caught)} of near misses ({kinds})."


class RuleInUse(Record):
    """A check of the style."""

    kind: str
    """Kind of check, such as length or grounded."""
    level: Literal["must", "should"]
    """Severity: an output that breaks a must rule is unacceptable."""
    about: Literal["form", "wording", "facts"]
    """Aspect of the output that it checks."""
    sentence: str
    """Rule as written in the guide."""


class StyleInUse(Record):
    """Style that the rows were checked against; null without one."""

    name: str
    """Name of the style."""
    about: str | None = None
    """Description of what the outputs are."""
    reviewed: bool
    """Whether a person has reviewed the style; false for an inferred style until someone has."""
    checks: Mapping[str, RuleInUse]
    """Checks of the style, by check id."""
    discrimination: Discrimination | None
    """How well the must rules tell correct outputs from incorrect ones; null if it was not measured."""
    near_misses: NearMisses | None = None
    """Outputs with one wrong fact that the rules catch."""
