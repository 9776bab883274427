"""The check `grounded`: what the output states, the input states."""

from dataclasses import dataclass
from typing import Literal

from ..columns import Columns
from ..errors import ConfigError
from ..findings import Findings, faults
from ..kind import Kind
from ..numbers import codes_in, numbers_in, same_number
from ..schema import Check

__all__ = ["GROUNDED"]


@dataclass(frozen=True)
class GroundedParameters:
    """Which facts of the output must stand in the input; `allow`: terms that the team teaches on purpose."""

    facts: tuple[Literal["numbers", "codes"], ...] = ("numbers", "codes")
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.facts:
            raise ConfigError('"facts" is empty')


def _find_grounded(check: Check, columns: Columns) -> Findings:
    p: GroundedParameters = check.parameters
    rows = []
    for index, (output, request) in enumerate(zip(columns.output, columns.input, strict=True)):
        rows += [(index, text, start, end, expected) for text, start, end, expected in _ungrounded(output, request, p)]
    return Findings(faults(rows))


def _ungrounded(output: str, request: str, p: GroundedParameters) -> list[tuple[str, int, int, str]]:
    """The facts of one output that its request does not state, in the order of the text."""
    # Units count: an output of "2 V" is not grounded by an input of "2 A".
    allowed_numbers = [number for term in p.allow for number in numbers_in(term)]
    allowed = {term.casefold() for term in p.allow}
    found = []
    if "numbers" in p.facts:
        known = numbers_in(request) + allowed_numbers
        for number in numbers_in(output):
            if not any(same_number(number, other) for other in known) and number.text.casefold() not in allowed:
                found.append((number.text, number.start, number.end, "a number that stands in the request"))
    if "codes" in p.facts:
        # A code may be given in parts of a longer one ("TDSON-8" of "TDSON-8-1"), so substrings count.
        known_codes = "\n".join(code.key for code in codes_in(request))
        for code in codes_in(output):
            if code.key not in known_codes and code.text.casefold() not in allowed:
                found.append((code.text, code.start, code.end, "a code that stands in the request"))
    return sorted(found, key=lambda fact: fact[1])


def _say_grounded(check: Check) -> str:
    p: GroundedParameters = check.parameters
    names = " and ".join({"numbers": "numbers", "codes": "codes"}[name] for name in p.facts)
    return f"State only {names} that stand in the request; never invent or change one."


GROUNDED = Kind("grounded", "facts", GroundedParameters, _find_grounded, _say_grounded)
