"""What is wrong in a file of outputs: everything, said once each, with the first lines where it stands."""

from collections.abc import Sequence
from pathlib import Path

from ..style import DataError

__all__ = ["Problems", "some"]

MOST_NAMED = 5  # lines, ids or words named in a message
_LONGEST = 60  # characters of a value that a message shows


class Problems:
    """The problems of one file, gathered kind by kind while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[str, list[str]] = {}
        self._count: dict[str, int] = {}

    def add(self, what: str, line: int, shown: str) -> None:
        """One line with this problem, and what stands there."""
        self.add_text(what, f"line {line} ({_short(shown)})")

    def add_text(self, what: str, text: str) -> None:
        """One line with this problem, in words that name it."""
        self._count[what] = self._count.get(what, 0) + 1
        named = self._found.setdefault(what, [])
        if len(named) < MOST_NAMED:
            named.append(text)

    def add_whole(self, what: str) -> None:
        """A problem of the whole file."""
        self._count[what] = 0
        self._found[what] = []

    def raise_any(self) -> None:
        """Raises: DataError with all problems, where there is any."""
        if self._count:
            raise DataError.of([self._said(what) for what in self._count], where=str(self.path))

    def _said(self, what: str) -> str:
        count, named = self._count[what], self._found[what]
        if not count:
            return what
        more = f" and {count - len(named):,} more" if count > len(named) else ""
        return f"{count:,} line{'s' * (count != 1)}: {what}: {', '.join(named)}{more}"


def some(names: Sequence[str]) -> str:
    """The first five, and how many there are beyond."""
    named = ", ".join(_short(name) for name in names[:MOST_NAMED])
    return named + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")


def _short(text: str) -> str:
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text)  # no value writes to a terminal
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"
