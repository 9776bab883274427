"""What every verdict on these pairs will be, whatever the outputs are: said before anything is paid for.

The first and the third rule of the verdict call the same functions on the results.
"""

from typing import Literal, NamedTuple

from ..core import say
from ..style import StyleInUse
from .records import Certificate, Curation

# With these, "not worse" is shown of a candidate that is 5 points worse in at most 2% of simulated test sets on the mean of
# the worlds, and in at most 8% in any (tests/evaluate/test_planning.py); the intervals are validated from here on.
FEWEST_CASES = 20
FEWEST_GROUPS = 10
_HAIR = 1e-9  # a size must not depend on the last bit of a float


class Obstacle(NamedTuple):
    """A fault of the data or the rules, or too few test cases, and what to do about it; both without a point at the end."""

    what: Literal["data", "rules", "cases"]
    text: str
    remedy: str

    @property
    def verdict(self) -> str:
        """What the verdict will be, and why."""
        decision = "cannot tell yet" if self.what == "cases" else "fix first"
        return f"The verdict can only be “{decision}”: {self.text}."

    @property
    def sentence(self) -> str:
        """The same, and what to do."""
        return f"{self.verdict} {self.remedy[:1].upper()}{self.remedy[1:]}."


class Enough(NamedTuple):
    """Whether there are enough cases for a verdict; if not, what is missing, and how many of it are the minimum."""

    enough: bool
    missing: Literal["cases", "groups"] | None
    minimum: int | None


def enough_cases(n: float, n_effective: float | None = None, groups: float | None = None) -> Enough:
    """Whether this many cases, in so many groups, are enough for a verdict.

    Single cases: at least 20. Cases in groups: also at least 10 groups, which count as at least 10 independent cases, so
    that one large group among single cases does not pass for many.

    >>> enough_cases(200, 31.0, 4)
    Enough(enough=False, missing='groups', minimum=10)
    >>> enough_cases(200).enough
    True
    """
    if n < FEWEST_CASES - _HAIR:
        return Enough(False, "cases", FEWEST_CASES)
    worth = n if n_effective is None else n_effective
    if groups is not None and groups < n and min(groups, worth) < FEWEST_GROUPS - _HAIR:
        return Enough(False, "groups", FEWEST_GROUPS)
    return Enough(True, None, None)


def obstacles(data: Curation) -> list[Obstacle]:
    """Why no outputs on these pairs can get another verdict than *fix first* or *cannot tell yet*, the first reason first."""
    too_few = too_few_cases(data.splits.test if data.splits else 0, data.test_groups)
    return [*leaks(data.certificate), *rule_faults(data.style), *([too_few] if too_few else [])]


def leaks(certificate: Certificate | None) -> list[Obstacle]:
    """Held-out inputs that also stand in train."""
    leaked = 0 if certificate is None else certificate.pairs_at_or_above
    if not leaked:
        return []
    inputs = "input also occurs" if leaked == 1 else "inputs also occur"
    text = f"{leaked:,} test or validation {inputs} in the training data, so the test proves nothing"
    remedy = "split again with `tuneworth curate`, which keeps duplicates on one side, then train and compare again"
    return [Obstacle("data", text, remedy)]


def rule_faults(style: StyleInUse | None) -> list[Obstacle]:
    """Rules that accept every output, or that accept answers to other requests nearly as often as the pairs' own."""
    checks = {} if style is None else style.checks
    if checks and not any(check.level == "must" for check in checks.values()):
        text = "no rule of the style is a `must`, so every output counts as acceptable"
        remedy = "in the style, remove `level: should` from each rule whose violation makes an output unusable, then run again"
        return [Obstacle("rules", text, remedy)]
    measured = None if style is None else style.discrimination
    if measured is None or not measured.weak:
        return []
    text = measured.sentence.rstrip(".")
    remedy = (
        "add a rule about content to the style, such as `grounded` or `covers`, then run `tuneworth evaluate` again"
        if not measured.refuses
        else "check the rules that the examples' own outputs break (`tuneworth style check` lists them), then run again"
    )
    return [Obstacle("rules", f"{text[:1].lower()}{text[1:]}", remedy)]


def too_few_cases(cases: int, groups: int | None = None) -> Obstacle | None:
    """Fewer test cases, or groups of them, than any verdict needs; an evaluation of a sample has fewer still."""
    found = enough_cases(cases, groups=groups)
    if found.enough:
        return None
    text = f"{say.count(cases, 'test case')} {'is' if cases == 1 else 'are'} too few to decide"
    if found.missing == "groups" and groups is not None:
        text = f"the {say.count(cases, 'test case')} are in {say.count(groups, 'group')}, which are too few to decide"
    return Obstacle("cases", text, f"add examples, so that the test has at least {found.minimum} {found.missing}")
