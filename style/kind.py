"""A kind of check: everything it can do, in one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .schema import About, Check, Columns, Findings

__all__ = ["Kind", "Proposal", "explain_plainly", "propose_nothing"]


@dataclass(frozen=True)
class Proposal:
    """A check suggested by examples: an entry as written in `style.yaml`, without kind and level.

    `style` is False if the check holds for most texts of any style (no leftovers of a prompt): it accompanies other
    rules but does not make a style by itself. `note`: the finding in the examples, for the comment next to the check.
    """

    entry: Mapping[str, Any]
    style: bool = True
    note: str = ""


def explain_plainly(check: Check, found: str | None, expected: str) -> str:
    """One violation in a sentence: which rule, what was found, what was expected."""
    return (
        f'{check.id}: found "{found}", expected {expected}' if found is not None else f"{check.id}: expected {expected}"
    )


def propose_nothing(columns: Columns) -> Sequence[Proposal]:
    """No proposals, for a kind that examples cannot suggest."""
    return ()


@dataclass(frozen=True)
class Kind:
    """A kind's name, default subject, the frozen dataclass of its parameters, and its functions.

    find: violations in a whole column. say: the rule as a sentence of a style guide. propose: checks of this kind that
    the outputs of examples may follow, strictest first; the caller counts how many do. explain: one violation in a
    sentence.
    """

    name: str
    about: About
    parameters: type
    find: Callable[[Check, Columns], Findings]
    say: Callable[[Check], str]
    propose: Callable[[Columns], Sequence[Proposal]] = propose_nothing
    explain: Callable[[Check, str | None, str], str] = explain_plainly
