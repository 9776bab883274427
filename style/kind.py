"""A kind of check: everything it can do, in one value."""

from collections.abc import Callable
from dataclasses import dataclass

from .columns import Columns
from .findings import Findings
from .schema import About, Check

__all__ = ["Kind"]


@dataclass(frozen=True)
class Kind:
    """Its name, default subject, the frozen dataclass of its parameters, and its abilities.

    find: violations in a whole column; say: the rule as a sentence of a style guide.
    """

    name: str
    about: About
    parameters: type
    find: Callable[[Check, Columns], Findings]
    say: Callable[[Check], str]
