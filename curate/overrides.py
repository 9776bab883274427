"""People's decisions about single rows in `overrides.jsonl`: read, added, taken back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, get_args

from ..core import ConfigError, DataError, nearest, write_whole

__all__ = ["DECISIONS", "Decision", "Override", "add_overrides", "read_overrides", "undo_overrides"]

Decision = Literal["keep", "drop", "train", "validation", "test"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
_PATIENCE = 30  # seconds to wait for another process that writes decisions


@dataclass(frozen=True, kw_only=True)
class Override:
    """A decision about the row with this id.

    keep: kept whatever the rules say. drop: dropped. train, validation, test: kept in that split. text: the output of a
    kept row, in place of its own. when: the time in UTC (ISO 8601); decisions made together have the same. content: the
    hash of the pair as it was read.
    """

    id: str
    decision: Decision
    who: str = ""
    why: str = ""
    text: str | None = None
    when: str = ""
    content: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise ConfigError(f'unknown decision "{self.decision}"; {nearest(self.decision, list(DECISIONS))}')
        if self.text is not None and self.decision == "drop":
            raise ConfigError("a dropped row cannot be given another output; decide keep, or leave the text out")
        if self.text is not None and not self.text.strip():
            raise ConfigError('the text is empty; to remove the row, decide "drop"')

    def __str__(self) -> str:
        by = f" by {self.who}" if self.who else ""
        text = ", with another output" if self.text is not None else ""
        return f"Decided{by}: {self.decision}{text}" + (f" ({self.why})" if self.why else "")


_KEYS = ("id", "decision", "who", "why", "text", "when", "content")


def read_overrides(path: Path) -> tuple[Override, ...]:
    """The decisions of a file, in its order; empty if there is no such file.

    Raises:
        DataError: naming every line that is not a decision, and what is wrong with it.
    """
    found, problems = [], []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            try:
                found.append(_override(line))
            except (ConfigError, ValueError, RecursionError) as error:
                problems.append(f"line {number}: {error}")
    if problems:
        raise DataError.of(problems, where=str(path))
    return tuple(found)


def add_overrides(path: Path, overrides: Sequence[Override]) -> None:
    """Append decisions to the file, all or none; it is created if missing.

    Raises:
        DataError: the file holds an invalid line.
        ConfigError: another process has been writing to it for half a minute.
    """
    with _alone(path):
        read_overrides(path)
        before = _text(path)
        before += "\n" if before and not before.endswith("\n") else ""
        write_whole(path, before + "".join(map(_line, overrides)))


def undo_overrides(path: Path) -> tuple[Override, ...]:
    """Take back what was decided last, and return it: all decisions that were made together; () if there is none.

    Raises: as `add_overrides`.
    """
    with _alone(path):
        last = _made_last(read_overrides(path))
        lines = [line for line in _text(path).split("\n") if line.strip()]
        if last:
            write_whole(path, "".join(f"{line}\n" for line in lines[: -len(last)]))
        return last


def _made_last(found: Sequence[Override]) -> tuple[Override, ...]:
    """The last decision, with those before it that were made at the same time."""
    together = takewhile(lambda override: override.when and override.when == found[-1].when, reversed(found))
    return tuple(reversed(list(together))) or tuple(found[-1:])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time reads and rewrites the file, so that no decision is lost."""
    from filelock import FileLock, Timeout  # only to write

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_PATIENCE):
            yield
    except Timeout:
        raise ConfigError(f"{path} is being written by another process; try again") from None


def _line(override: Override) -> str:
    stated = {name: value for name, value in asdict(override).items() if value or name in ("id", "decision")}
    return json.dumps(stated, ensure_ascii=False) + "\n"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error})") from None


def _override(line: str) -> Override:
    try:
        value = json.loads(line)
    except ValueError:
        raise ValueError('is not JSON; expected {"id": ..., "decision": ..., "who": ..., "why": ...}') from None
    if not isinstance(value, Mapping):
        raise ValueError('expected an object with "id" and "decision"')
    if problems := _problems(value):
        raise ValueError("; ".join(problems))
    # An id that the data hold as a number is text everywhere else.
    return Override(**{name: str(value[name]) for name in _KEYS if value.get(name) is not None})  # type: ignore[arg-type]


def _problems(value: Mapping[str, Any]) -> list[str]:
    missing = [f'"{name}" is missing' for name in ("id", "decision") if value.get(name) in (None, "")]
    unknown = [f'unknown key "{name}"; {nearest(name, list(_KEYS))}' for name in value if name not in _KEYS]
    wrong = [
        f'"{name}" must be a text, found {json.dumps(value[name], ensure_ascii=False)[:60]}'
        for name in _KEYS
        if isinstance(value.get(name), dict | list | bool)
    ]
    return [*missing, *unknown, *wrong]
