"""The records of a style in use: its rules, and what they tell apart."""

from collections.abc import Iterable, Mapping
from typing import Literal

from ..core import Record
from .discrimination import Discrimination
from .near_misses import NearMisses
from .schema import Check

Basis = Literal["rules", "references"]


def decided_by(rules: "Iterable[Check | RuleInUse]") -> list[Basis]:
    """What decides whether an output is acceptable: must rules about the output and its request, references, or both."""
    compare = {rule.about == "correctness" for rule in rules if rule.level == "must"}
    found: list[Basis] = ["rules"] if False in compare else []
    return [*found, "references"] if True in compare else found


class RuleInUse(Record):
    """A check of the style."""

    kind: str
    """Kind of check, such as length or grounded."""
    level: Literal["must", "should"]
    """Severity: an output that breaks a must rule is unacceptable."""
    about: Literal["form", "wording", "facts", "correctness"]
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
