"""`overrides.jsonl`: what people decided about single rows, once, for every run to come."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..style.errors import ConfigError, DataError
from ..style.files import write_whole
from ..style.settings import nearest

__all__ = ["DECISIONS", "Override", "add_override", "read_overrides"]

Decision = Literal["keep", "drop", "train", "validation", "test"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)


@dataclass(frozen=True, kw_only=True)
class Override:
    """A decision about the row with this id.

    keep: it stays whatever the rules say. drop: it leaves. train, validation, test: it stays, and stands there.
    """

    id: str
    decision: Decision
    who: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise ConfigError(f'decision "{self.decision}" is not known; {nearest(self.decision, list(DECISIONS))}')

    def __str__(self) -> str:
        by = f" by {self.who}" if self.who else ""
        return f"Decided{by}: {self.decision}" + (f" ({self.why})" if self.why else "")


def read_overrides(path: Path) -> tuple[Override, ...]:
    """The decisions of a file, in its order; none where there is no such file.

    Raises:
        DataError: naming every line that is not a decision, and what is wrong with it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None
    found, problems = [], []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(_override(line))
            except (ConfigError, ValueError, RecursionError) as error:
                problems.append(f"line {number}: {error}")
    if problems:
        raise DataError.of(problems, where=str(path))
    return tuple(found)


def add_override(path: Path, override: Override) -> None:
    """Append a decision to the file; it is made where there is none.

    Raises:
        DataError: the file holds a line that is no decision.
    """
    read_overrides(path)
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    before += "\n" if before and not before.endswith("\n") else ""
    write_whole(path, before + json.dumps(asdict(override), ensure_ascii=False) + "\n")


def _override(line: str) -> Override:
    try:
        value = json.loads(line)
    except ValueError:
        raise ValueError('is not JSON; expected {"id": ..., "decision": ..., "who": ..., "why": ...}') from None
    if not isinstance(value, Mapping):
        raise ValueError('expected an object with "id" and "decision"')
    _complain(_problems(value))
    # An id that was written as a number in the data is text everywhere else.
    return Override(**{name: str(value[name]) for name in _KEYS if value.get(name) is not None})  # type: ignore[arg-type]


_KEYS = ("id", "decision", "who", "why")


def _problems(value: Mapping[str, Any]) -> list[str]:
    missing = [f'"{name}" is missing' for name in ("id", "decision") if value.get(name) in (None, "")]
    unknown = [f'unknown key "{name}"; {nearest(name, list(_KEYS))}' for name in value if name not in _KEYS]
    wrong = [
        f'"{name}" must be a text, found {json.dumps(value[name], ensure_ascii=False)[:60]}'
        for name in _KEYS
        if isinstance(value.get(name), dict | list | bool)
    ]
    return [*missing, *unknown, *wrong]


def _complain(problems: Sequence[str]) -> None:
    if problems:
        raise ValueError("; ".join(problems))
