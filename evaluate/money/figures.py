"""A figure of the money: its sentence, its formula in words, and one function that computes it from the values.

Evaluated with Decimals the function gives the exact figure, with arrays its draws, with `Traced` numbers the line of the
derivation. The values record which inputs each figure reads: its line names them, and when an input changes, only the
figures that depend on it are computed again.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from ..results import Derivation, Failures, Good
from .traced import Relation, Traced, arithmetic, relation

Kind = Literal["exact", "drawn", "traced"]
ZERO = Decimal(0)


class Missing(Exception):
    """A figure needs a number that is unknown or does not exist, so the figure does not exist."""


@dataclass(frozen=True)
class Conditions:
    """What the formulas need from a comparison apart from its numbers.

    `batch` says that it is a one-off batch instead of a daily volume. `hosted` are the variants on machines paid by the
    hour, `metered` those of them whose tokens are paid too, `cache_stated` those with a stated cached share, which counts
    only for a prompt that is long enough. `exchanged` is the currency of each list price that is not in `currency`.
    `free` are the variants that call no model. `cascades` gives, for each variant with a second call, the names of its
    first and second variant and of the second call. `like` gives the input that an input is the same as, such as the
    price of a variant that has none of its own.
    """

    baseline: str
    candidate: str
    currency: str = "EUR"
    failures: Failures = "ignore"
    good: Good = "acceptable"  # what outputs are called that are no failures
    batch: bool = False
    hosted: frozenset[str] = frozenset()
    metered: frozenset[str] = frozenset()
    cache_stated: frozenset[str] = frozenset()
    exchanged: Mapping[str, str] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    cascades: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    like: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One figure, or one case of a figure: of several with the same key, the first whose `when` holds applies.

    `says` is the sentence of its line and `formula` the formula in words; both may contain names from the scope in
    braces, or be functions of the scope. Without `says` it is an intermediate step without a line. With `result` the line
    shows the relation of `when` instead of arithmetic. `exact` shows the numbers as they were stated.
    """

    key: str
    says: "str | Callable[[Any], str]"
    formula: "str | Callable[[Any], str]"
    of: Callable[[Any], Any]
    unit: str = ""
    when: Callable[[Any], Any] | None = None
    result: str = ""
    exact: bool = False


Table = Mapping[str, tuple[Figure, ...]]


class Tables(NamedTuple):
    """The cases of each figure by key: for the whole account, for one option, and for two options."""

    shared: Table
    option: Table
    pair: Table


def step(key: str, of: Callable[[Any], Any], when: Callable[[Any], Any] | None = None) -> Figure:
    """A figure without a line in the derivation."""
    return Figure(key, "", "", of, when=when)


def by_key(figures: Iterable[Figure]) -> dict[str, tuple[Figure, ...]]:
    """The cases of each figure, in their order."""
    cases: dict[str, tuple[Figure, ...]] = {}
    for figure in figures:
        cases[figure.key] = (*cases.get(figure.key, ()), figure)
    return cases


class Scope:
    """Where a figure looks up its numbers: `scope(key)` is another figure or an input."""

    figures: Table
    prefix: str
    values: "Values"
    names: Mapping[str, str]  # what `says` and `formula` may name

    def __call__(self, key: str) -> Any:
        """The number.

        Raises:
            Missing: the number is unknown.
        """
        cases = self.figures.get(key)
        return self.values.input(key) if cases is None else self.values.figure(self.prefix + key, cases, self)

    def get(self, key: str, otherwise: Decimal) -> Any:
        """The number, or `otherwise` if it is unknown."""
        try:
            return self(key)
        except Missing:
            return self.values.number(otherwise)

    def peek(self, key: str, otherwise: Decimal | None = None) -> Any:
        """The number without recording it as an input: it selects a formula but is not part of it."""
        with self.values.unrecorded():
            return self(key) if otherwise is None else self.get(key, otherwise)

    def knows(self, key: str) -> bool:
        """Whether the number is known."""
        try:
            self.peek(key)
        except Missing:
            return False
        return True

    def value(self, key: str) -> Any:
        """The plain number, for callers outside the figures; None if it is unknown."""
        try:
            number = self(key)
        except Missing:
            return None
        return number.value if isinstance(number, Traced) else number

    def plain(self, key: str) -> float | None:
        """The number as results have it; None if it is unknown."""
        number = self.value(key)
        return None if number is None else float(number)

    def __getitem__(self, name: str) -> Any:
        return self.names[name] if name in self.names else self.value(name)

    def says(self, text: "str | Callable[[Any], str]") -> str:
        """A sentence with its placeholders filled in."""
        with self.values.unrecorded():
            return text.format_map(self) if isinstance(text, str) else text(self)  # type: ignore[arg-type]


class Values(Scope):
    """The inputs of an account and the figures computed from them, each once, at its first use.

    `inputs` are Decimals, or for `drawn` values arrays `(draws,)`, and `(1,)` for exact numbers. `given` are figures that
    are already known.
    """

    prefix = ""
    tables: ClassVar[Tables]

    def __init__(
        self,
        inputs: Mapping[str, Any],
        conditions: Conditions,
        kind: Kind = "exact",
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self.inputs, self.conditions, self.given = inputs, conditions, given or {}
        self.kind: Kind = kind
        self.figures, self.values, self.names = self.tables.shared, self, {"currency": conditions.currency}
        self.drawn, self.batch = kind == "drawn", conditions.batch
        self._found: dict[str, Any] = dict(self.given)
        self._chosen: dict[str, tuple[Figure, Any, Any, Scope]] = {}
        self._inputs: dict[str, dict[str, None]] = {}  # by figure: the keys of its inputs
        self._dependencies: dict[str, dict[str, None]] = {}  # by figure: the same and the keys that select its formula
        self._current_inputs, self._current_dependencies = {}, {}

    def input(self, key: str) -> Any:
        """An input."""
        self._current_inputs[key] = self._current_dependencies[key] = None
        number = self.inputs.get(key)
        if number is None:
            raise Missing(key)
        return Traced(number) if self.kind == "traced" else number

    def stated(self, key: str) -> float | None:
        """An input as results have it; None if it is unknown."""
        number = self.inputs.get(key)
        return None if number is None else float(number)

    def figure(self, key: str, cases: tuple[Figure, ...], scope: Scope) -> Any:
        """The figure with this full key, from its cases."""
        self._current_inputs[key] = self._current_dependencies[key] = None
        number = self._found[key] if key in self._found else self._evaluate(key, cases, scope)
        if number is None:
            raise Missing(key)
        return Traced(number) if self.kind == "traced" else number

    def number(self, exact: Decimal) -> Any:
        """A number that is not an input, in the kind of these values."""
        return np.array([float(exact)]) if self.drawn else Traced(exact) if self.kind == "traced" else exact

    def constant(self, exact: Decimal) -> Any:
        """A constant of a formula."""
        return float(exact) if self.drawn else exact

    def changed(self, numbers: Mapping[str, Any]) -> Self:
        """A copy with new numbers for these keys; only figures that depend on them are computed again."""
        given = {key: numbers.get(key, value) for key, value in self.given.items()}
        inputs = {**self.inputs, **{key: value for key, value in numbers.items() if key not in given}}
        other = type(self)(inputs, self.conditions, self.kind, given)
        changed = set(numbers)
        for key, dependencies in self._dependencies.items():  # in order of completion: a figure comes after its inputs
            if changed.isdisjoint(dependencies):
                other._found[key], other._dependencies[key] = self._found[key], dependencies
            else:
                changed.add(key)
        return other

    def unrecorded(self) -> "_Unrecorded":
        """A block in which nothing is recorded as an input of the current figure."""
        return _Unrecorded(self)

    def has_line(self, key: str) -> bool:
        """Whether this figure was computed and has a line in the derivation."""
        return key in self._chosen and bool(self._chosen[key][0].says)

    def line(self, key: str, above: Container[str]) -> Derivation | None:
        """The line of a computed figure; None if it has none. `above` are the keys that the line may name.

        Its numbers are plain arithmetic (+ - × ÷ ^, max, ceil, sqrt, exp) that gives its result. Its value is None if a
        relation replaces the arithmetic, as for a payback of "never".
        """
        if not self.has_line(key):
            return None
        figure, holds, number, scope = self._chosen[key]
        words, formula, unit = (scope.says(text) for text in (figure.says, figure.formula, figure.unit))
        inputs = list(dict.fromkeys(self._named_inputs(key, above)))
        if figure.result:
            numbers = relation(holds) if isinstance(holds, Relation) else "0 = 0"
            result = scope.says(figure.result)
            return Derivation(
                key=key, words=words, formula=formula, numbers=numbers, result=result, value=None, inputs=inputs
            )
        if number is None:
            return None
        numbers, result, value = arithmetic(number, exact=figure.exact)
        return Derivation(
            key=key, words=words, formula=formula, numbers=numbers, result=f"{result} {unit}".strip(), value=float(value),
            inputs=inputs,
        )  # fmt: skip

    def _named_inputs(self, key: str, above: Container[str]) -> Iterable[str]:
        """The keys of the lines and assumptions that a figure uses; other figures are replaced by their inputs."""
        for name in self._inputs[key]:
            if name in above:
                yield name
            elif name in self._inputs and name != key:
                yield from self._named_inputs(name, above)

    def _evaluate(self, key: str, cases: tuple[Figure, ...], scope: Scope) -> Any:
        outer = self._current_inputs, self._current_dependencies
        self._current_inputs, self._current_dependencies = {}, {}
        try:
            number = self._first(key, cases, scope)
        except Missing:
            number = None
        self._inputs[key], self._dependencies[key] = self._current_inputs, self._current_dependencies
        self._current_inputs, self._current_dependencies = outer
        self._found[key] = number
        return number

    def _first(self, key: str, cases: tuple[Figure, ...], scope: Scope) -> Any:
        """The value of the first case whose condition holds, for each draw."""
        some: list[tuple[Any, Figure]] = []
        for case in cases:
            holds = True
            if case.when is not None:
                with self.unrecorded():
                    holds = case.when(scope)
            if isinstance(holds, np.ndarray) and holds.size > 1:
                if holds.any():
                    some.append((holds, case))
                if holds.all():
                    break
            elif holds:
                some.append((holds, case))
                break
        else:
            raise Missing(key)
        holds, case = some.pop()
        if self.kind == "traced":
            self._chosen[key] = case, holds, None, scope
        number = case.of(scope)
        if isinstance(number, Traced):
            self._chosen[key] = case, holds, number, scope
            return number.value
        for holds, case in reversed(some):
            number = np.where(holds, case.of(scope), number)
        return number


class _Unrecorded:
    def __init__(self, values: Values) -> None:
        self.values = values

    def __enter__(self) -> None:
        self.inputs, self.values._current_inputs = self.values._current_inputs, {}

    def __exit__(self, *_: object) -> None:
        self.values._current_inputs = self.inputs


def of(*parts: Any) -> Callable[[Scope], Any]:
    """A function that looks up these keys, in this order, and passes their numbers to the last argument.

    `of("investment", "saving_per_day", lambda cost, saving: cost / saving)` looks up two; a single key gives its number.
    """
    keys = [key for key in parts if isinstance(key, str)]
    work: Callable[..., Any] = parts[-1] if len(parts) > len(keys) else lambda number: number
    if len(keys) == 1:
        only = keys[0]
        return lambda scope: work(scope(only))
    if len(keys) == 2:
        one, other = keys
        return lambda scope: work(scope(one), scope(other))
    return lambda scope: work(*[scope(key) for key in keys])


def zero(scope: Scope) -> Any:
    """0, in the kind of the values."""
    return scope.values.number(ZERO)


def unknown(*_: Any) -> Any:
    """No number: the figure does not exist."""
    raise Missing


def never(scope: Scope) -> Any:
    """The value for "never": infinite in draws, no figure in exact numbers."""
    return np.inf if scope.values.drawn else unknown()
