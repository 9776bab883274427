"""One step of what to do next, with what it would bring: points, money, time, each with its derivation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

__all__ = ["KINDS", "NOTHING", "Amount", "Asks", "Kind", "Known", "Step", "ranked", "unknown"]

Kind = Literal[
    "fix", "act", "switch", "guide", "form", "cases", "state", "try", "rule", "examples", "measure", "check"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)


class Asks(NamedTuple):
    """What a rule of the verdict asks for: the instruction, and the rival, the cases or the way that it is about."""

    kind: Kind
    do: str
    about: Any = None


@dataclass(frozen=True)
class Amount:
    """A figure with the ends of its range, None where there is no range; a `value` of None lies anywhere in it."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> "Amount":
        """The amount with this factor; a negative one exchanges the ends."""
        ends = (self.low, self.high) if factor >= 0 else (self.high, self.low)
        value, low, high = (None if part is None else part * factor for part in (self.value, *ends))
        return Amount(value, low, high)

    def plus(self, other: "Amount") -> "Amount":
        """The sum; the ranges add up, where an amount without one has its value at both ends."""
        one, two = self.value or 0.0, other.value or 0.0

        def end(first: float | None, second: float | None) -> float | None:
            if first is None and second is None:
                return None
            return (one if first is None else first) + (two if second is None else second)

        return Amount(one + two, end(self.low, other.low), end(self.high, other.high))

    def to_json(self) -> dict[str, float | None]:
        """`value`, `low` and `high`."""
        return {"value": self.value, "low": self.low, "high": self.high}


class Known(NamedTuple):
    """A figure and how it was computed, as sentences; None with the reason why it is not known."""

    amount: Amount | None
    how: str


NOTHING = Known(None, "")  # a figure that a kind of step does not have


def unknown(why: str) -> Known:
    """A figure that was neither measured nor stated, with the reason."""
    return Known(None, why)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do. `do` is a sentence with commands and settings in backticks.

    `points` is the change of the acceptable share (0..1), `month` and `once` are what is gained in the currency of the
    money (a cost is negative), `people` and `machine` the minutes that it takes. `chance` is how likely more test cases
    settle the verdict.
    """

    id: str
    kind: Kind
    do: str
    points: Known
    month: Known
    once: Known = NOTHING
    people: Known = NOTHING
    machine: Known = NOTHING
    command: str | None = None
    chance: float | None = None
    currency: str | None = None

    @property
    def gain(self) -> float | None:
        """What it brings in money: a month, or for a one-off batch (which has no month) once; None if that is unknown."""
        found = self.once if self.month == NOTHING else self.month
        return None if found.amount is None else found.amount.value

    @property
    def measurable(self) -> bool:
        """Whether it is known what the step would bring."""
        return self.points.amount is not None or self.gain is not None

    def to_json(self) -> dict[str, Any]:
        """An entry of `verdict.steps` in results.json."""
        return {
            "id": self.id,
            "kind": self.kind,
            "do": self.do,
            "command": self.command,
            "points": _json(self.points),
            "money": self._together(per_month=self.month, once=self.once, currency=self.currency),
            "minutes": self._together(people=self.people, machine=self.machine),
            "chance": self.chance,
            "derivation": {
                "points": self.points.how,
                "money": _joined(self.month, self.once),
                "minutes": _joined(self.people, self.machine),
            },
        }

    @staticmethod
    def _together(*, currency: str | None = None, **parts: Known) -> dict[str, Any] | None:
        found = {key: _json(part) for key, part in parts.items()}
        if all(part is None for part in found.values()):
            return None
        return found if currency is None else {**found, "currency": currency}


def _json(part: Known) -> dict[str, float | None] | None:
    return None if part.amount is None else part.amount.to_json()


def _joined(*parts: Known) -> str:
    return " ".join(part.how for part in parts if part.how)


def ranked(steps: Iterable[Step]) -> list[Step]:
    """The steps by what they bring: the most money first, then the most points; those whose gain is unknown stay last,
    in their order."""
    return sorted(steps, key=_worth)


def _worth(step: Step) -> tuple[bool, bool, float, float]:
    points = step.points.amount
    share = 0.0 if points is None else points.value if points.value is not None else points.low or 0.0
    return (not step.measurable, step.gain is None, -(step.gain or 0.0), -share)
