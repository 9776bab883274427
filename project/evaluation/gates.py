"""Gates: conditions on results.json that a CI job can fail on."""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core import ConfigError, GateFailed, Record, as_json, nearest
from ...evaluate.results import Gate as Outcome
from ...evaluate.results import Results

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt
}  # fmt: skip
# A path may contain any character of a variant's or check's name, but no comparison operator.
_GATE = re.compile(r"\s*([^<>=]+?)\s*(>=|<=|==|>|<)\s*([^<>=\s].*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Gate:
    """A dotted path in results.json, a comparison operator, and a number or text."""

    text: str
    path: tuple[str, ...]
    compare: str
    wanted: float | str


def parse_gate(text: str) -> Gate:
    """A gate from a text such as `quality.tuned.acceptable.low >= 0.9`.

    Raises: ConfigError if the text is malformed.
    """
    match = _GATE.fullmatch(text)
    if match is None:
        raise ConfigError(
            f'--gate "{text}": expected PATH >= NUMBER, with >=, <=, ==, > or <, such as\n  quality.tuned.acceptable.low >= 0.9'
        )
    path, compare, wanted = match.groups()
    try:
        value: float | str = float(wanted)
    except ValueError:
        value = wanted.strip("\"'")
        if compare != "==":
            raise ConfigError(f'--gate "{text}": {wanted} is not a number; compare texts with ==') from None
    if isinstance(value, float) and math.isnan(value):
        raise ConfigError(f'--gate "{text}": {wanted} cannot be compared; expected a number')
    return Gate(text.strip(), tuple(path.split(".")), compare, value)


def evaluate_gates(gates: Sequence[Gate], results: Record) -> list[Outcome]:
    """Each gate on results, or on a comparison of runs; no gate holds for a null value.

    Raises: ConfigError if a path cannot exist or does not end at a single value.
    """
    content, outcomes = as_json(results), []
    for gate in gates:
        value = _follow(gate, content)
        if value is None and isinstance(results, Results):
            _check_measured(gate, results)
        outcomes.append(Outcome(gate=gate.text, value=value, holds=value is not None and _holds(gate, value)))
    return outcomes


def failed_gates(outcomes: Sequence[Outcome]) -> GateFailed | None:
    """The error with every gate that does not hold; None if all hold."""
    failed = [f"gate failed: {outcome.gate}: {_value_text(outcome.value)}" for outcome in outcomes if not outcome.holds]
    return GateFailed("\n".join(failed)) if failed else None


def _check_measured(gate: Gate, results: Results) -> None:
    """Raises: ConfigError if the gate is on a share that no must rule of the style measures."""
    checks = () if results.style is None else results.style.checks.values()
    about = {"facts" if check.about == "facts" else "form" for check in checks if check.level == "must"}
    for share, kind, what in (("consistent", "form", "form or wording"), ("faithful", "facts", "facts")):
        if share in gate.path[-2:-1] and kind not in about:
            raise ConfigError(
                f'--gate "{gate.text}": {share} is not checked, since no must rule of the style is about {what}\n'
                "Add such a rule to the style, or drop the gate."
            )


def _value_text(value: Any) -> str:
    if value is None:
        return "the results have no value there"
    return f"it is {value:.6g}" if isinstance(value, float) else f"it is {value}"


def _holds(gate: Gate, value: Any) -> bool:
    if isinstance(value, Mapping | list):
        raise ConfigError(f'--gate "{gate.text}": {".".join(gate.path)} is not a single value; {_parts(value)}')
    if isinstance(gate.wanted, str) or isinstance(value, bool):
        return str(value).lower() == str(gate.wanted).lower() and gate.compare == "=="
    if not isinstance(value, int | float):
        raise ConfigError(f'--gate "{gate.text}": {".".join(gate.path)} is not a number')
    return _COMPARE[gate.compare](value, gate.wanted)


def _parts(value: Mapping[str, Any] | list[Any]) -> str:
    return f"it has {', '.join(map(str, list(value)[:8]))}" if isinstance(value, Mapping) and value else "it is a list"


def _follow(gate: Gate, results: Mapping[str, Any]) -> Any:
    """The value at the path; None if it or a part of the path is null.

    A name may contain dots (`gpt-4.1`), so the longest matching key is used. Elements of a list are numbered from 0.
    """
    value: Any = results
    rest, done = list(gate.path), []
    while rest:
        if value is None:
            return None
        keys = _named_parts(value)
        length = next((n for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in keys), None)
        if length is None:
            hint = nearest(rest[0], list(keys)) if keys else f"{'.'.join(done) or 'it'} has no parts"
            path = ".".join([*done, rest[0]])
            raise ConfigError(f'--gate "{gate.text}": there is no "{path}" in the results; {hint}')
        name = ".".join(rest[:length])
        value, done, rest = keys[name], [*done, name], rest[length:]
    return value


def _named_parts(value: Any) -> Mapping[str, Any]:
    if isinstance(value, list):
        return {str(number): part for number, part in enumerate(value)}
    return value if isinstance(value, Mapping) else {}
