"""The scopes of figures: one option, or a comparison of two."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from ...results import A_GOOD, BAD
from ..figures import Figure, Scope, Table, Values, step
from ..traced import nonzero

COST, ACCEPTABLE, EFFECTIVE = "cost_per_request", "cost_per_acceptable_output", "effective_cost_per_request"
PLAN = (
    "requests_per_day",
    "failure_cost",
    "facts_failure_cost",
    "tries",
)  # inputs of an option that belong to no variant
SECOND = "second."  # before the keys of a cascade's second call
ZERO = Decimal(0)
# The units that are paid for and that a day delivers, by the treatment of failures.
OUTPUTS = {
    "ignore": ("{} output", "requests"), "drop": ("{} output", "{} outputs"),
    "repair": ("request", "requests"), "retry": ("request", "requests"),
}  # fmt: skip


class Way(Scope):
    """One option: a variant, or a variant with some of its numbers `changed`."""

    def __init__(
        self,
        values: Values,
        prefix: str,
        variant: str,
        *,
        title: str | None = None,
        changed: Table | None = None,
    ) -> None:
        self.values, self.prefix, self.variant, self.title = values, f"{prefix}.", variant, title or variant
        self.figures = {**values.tables.option, **changed} if changed else values.tables.option
        conditions = values.conditions
        self.hosted, self.failures = variant in conditions.hosted, conditions.failures
        # Whether a request's tokens are paid: always without a machine, and with one if they have prices.
        self.metered = not self.hosted or variant in conditions.metered
        self.free, self.cascade = variant in conditions.free, conditions.cascades.get(variant)
        paid, delivered = (words.format(conditions.good) for words in OUTPUTS[self.failures])
        self.names = {"name": self.title, "currency": conditions.currency, "paid": paid, "delivered": delivered}
        self.names |= {"good": conditions.good, "a_good": A_GOOD[conditions.good]}
        if self.cascade is not None:
            self.names |= {"first": self.cascade[0], "next": self.cascade[1]}

    def __call__(self, key: str) -> Any:
        """A figure of the option, an input of its variant, or a number of the plan; raises `Missing` if it is unknown."""
        cases = self.figures.get(key)
        if cases is not None:
            return self.values.figure(self.prefix + key, cases, self)
        if key.startswith(SECOND) and self.second is not None:
            return self.second(key.removeprefix(SECOND))
        name = key if key in PLAN else f"{self.variant}.{key}"
        return self.values(self.values.conditions.like.get(name, name))

    @cached_property
    def second(self) -> "Way | None":
        """The second call of a cascade, for the share of requests that its first variant sends on; None for others."""
        if self.cascade is None:
            return None
        given: dict[str, Callable[[Any], Any]] = {
            "requests_per_day": lambda _: self("requests_per_day") * self("sent"),
            **{key: lambda _, key=key: self(key) for key in ("acceptance", "calls")},
        }
        first, other, part = self.cascade
        title = f"{other}, for what {first} sends on"
        changed: Table = {key: (step(key, of),) for key, of in given.items()}
        return Way(self.values, f"{self.prefix}second", part, title=title, changed=changed)

    @property
    def by_the_hour(self) -> bool:
        """Whether one of its models runs on machines that are paid by the hour."""
        return self.hosted or (self.second is not None and self.second.hosted)

    @property
    def always_on(self) -> bool:
        """Whether its machines are paid by the day; those of a one-off batch are paid while it runs."""
        return self.by_the_hour and not self.values.batch

    @property
    def calls_ways(self) -> "tuple[Way, ...]":
        """The way itself, and the second call of a cascade."""
        return (self,) if self.second is None else (self, self.second)

    def changed(
        self, prefix: str, title: str, numbers: Mapping[str, Callable[[Any], Any]], lines: Sequence[Figure] = ()
    ) -> "Way":
        """The same option with some of its numbers computed differently; `lines` are cases with a line of their own."""
        changed = {key: (*(line for line in lines if line.key == key), step(key, of)) for key, of in numbers.items()}
        return Way(self.values, prefix, self.variant, title=title, changed=changed)


class Pair(Scope):
    """Two options: `before` is in use, `after` would replace it.

    `main` is the account's pair of baseline and candidate, if this is another pair; `against` is appended to its
    sentences. `trained` says whether `after` is a tuned model, which has upkeep.
    """

    def __init__(
        self,
        values: Values,
        prefix: str,
        before: Way,
        after: Way,
        *,
        main: "Pair | None" = None,
        against: str = "",
        trained: bool = True,
    ) -> None:
        self.values, self.prefix, self.figures = values, prefix, values.tables.pair
        self.before, self.after, self.main, self.trained = before, after, main or self, trained
        self.batch, self.failures = values.conditions.batch, values.conditions.failures
        good = values.conditions.good
        paid = f"{good} output" if self.failures == "drop" else "request"
        self.names = {
            "bad": BAD[good],
            "old": before.title, "new": after.title, "against": against, "paid": paid,
            "currency": values.conditions.currency,
        }  # fmt: skip

    def __call__(self, key: str) -> Any:
        """A figure of the pair, of one of the two (`before.KEY`, `after.KEY`), or of the whole account."""
        cases = self.figures.get(key)
        if cases is not None:
            return self.values.figure(self.prefix + key, cases, self)
        if key.startswith("before."):
            return self.before(key[7:])
        return self.after(key[6:]) if key.startswith("after.") else self.values(key)

    @cached_property
    def steps(self) -> tuple[Way, Way, Way, Way]:
        """From one option to the other, replacing one part at a time: the fixed prompt; prices and lengths; failures."""
        old, new = self.before, self.after
        prompt: dict[str, Callable[[Any], Any]] = {
            "fixed_tokens": lambda _: new("fixed_tokens") if new.metered else new.get("fixed_tokens", ZERO),
            "cached_share": lambda _: new("cached_share"),
            "cached": lambda _: new("cached"),
        }
        failing = {key: lambda _, key=key: old(key) for key in ("acceptance", "wrong_facts", "extra_calls", "rescued")}
        guide = old.changed("parts.step_1", f"{old.title} with the fixed prompt of {new.title}", prompt)
        model = new.changed("parts.step_2", f"{new.title} failing as often as {old.title}", failing)
        return old, guide, model, new

    def machines(self) -> bool:
        """Whether either of the two runs on machines that are always on."""
        return nonzero(self("before.machine_cost_per_day")) or nonzero(self("after.machine_cost_per_day"))
