"""Gates: conditions on results.json that a CI job can fail on."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..style import ConfigError, GateFailed
from ..style.settings import nearest

__all__ = ["Gate", "check_gates", "parse_gate"]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt
}  # fmt: skip
_GATE = re.compile(r"\s*([\w.\- ]+?)\s*(>=|<=|==|>|<)\s*(.+?)\s*")


@dataclass(frozen=True)
class Gate:
    """A dotted path in results.json, a comparison and a number or text."""

    text: str
    path: tuple[str, ...]
    compare: str
    wanted: float | str


def parse_gate(text: str) -> Gate:
    """A gate as written, such as `quality.tuned.acceptable.low >= 0.9`.

    Raises: ConfigError where it is not of that form.
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
            raise ConfigError(f'--gate "{text}": {wanted} is no number; texts are compared with ==') from None
    return Gate(text, tuple(path.split(".")), compare, value)


def check_gates(gates: Sequence[Gate], results: Mapping[str, Any]) -> None:
    """Hold the gates against the results.

    Raises: ConfigError where a path cannot exist; GateFailed naming every gate that does not hold, a null value among them.
    """
    failed = []
    for gate in gates:
        value = _follow(gate, results)
        if value is None:
            failed.append(f"{gate.text}: there is no value here")
        elif not _holds(gate, value):
            failed.append(
                f"{gate.text}: it is {value:.6g}" if isinstance(value, float) else f"{gate.text}: it is {value}"
            )
    if failed:
        raise GateFailed("\n".join(f"gate failed: {text}" for text in failed))


def _holds(gate: Gate, value: Any) -> bool:
    if isinstance(gate.wanted, str) or isinstance(value, bool):
        return str(value).lower() == str(gate.wanted).lower() and gate.compare == "=="
    if not isinstance(value, int | float):
        raise ConfigError(f'--gate "{gate.text}": {".".join(gate.path)} is no number')
    return _COMPARE[gate.compare](value, gate.wanted)


def _follow(gate: Gate, results: Mapping[str, Any]) -> Any:
    """The value at the path; None where it, or a part above it, is null."""
    value: Any = results
    for depth, key in enumerate(gate.path):
        if value is None:
            return None
        if not isinstance(value, Mapping) or key not in value:
            known = list(value) if isinstance(value, Mapping) else []
            hint = nearest(key, known) if known else f"{'.'.join(gate.path[:depth])} has no parts"
            raise ConfigError(
                f'--gate "{gate.text}": there is no "{".".join(gate.path[: depth + 1])}" in the results; {hint}'
            )
        value = value[key]
    return value
