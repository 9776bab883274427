"""Reads text files that people write, and shows a place in one in a message."""

import re
from pathlib import Path

from ..disk.regular import read_regular
from ..errors import ConfigError

__all__ = ["MOST_WRITTEN", "marked_line", "read_written", "written_bytes"]

# The parsers of YAML and TOML take up to three seconds for this, and no real file of rules or settings is a tenth as large.
MOST_WRITTEN = 250_000  # bytes
_WIDTH = 70  # characters of a line that are shown
_NAMED = re.compile(r"(?<![\w.-])([\w.-]++)[\"']?\s*+[=:]")  # a key; possessive, so that a scan is linear
_SECRET = re.compile(r"(?i)key|token|secret|passw")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_written(path: Path, *, what: str, most: int = MOST_WRITTEN) -> str:
    """The text of a UTF-8 file of at most `most` bytes; `what` describes the file in messages.

    Raises: ConfigError if it is missing, not a regular file, too large, unreadable or in another encoding, with the line.
    """
    data = written_bytes(path, what=what, most=most)
    if data.startswith(_UTF_16):
        raise ConfigError(f"{path} is in UTF-16; save the {what} as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: byte {error.start + 1} is not UTF-8; save the {what} as UTF-8"
        ) from None


def written_bytes(path: Path, *, what: str, most: int = MOST_WRITTEN) -> bytes:
    """The bytes of a file of at most `most` bytes. Raises: as `read_written`, except for its encoding."""
    try:
        return read_regular(path, what=what, error=ConfigError, most=most)
    except FileNotFoundError:
        raise ConfigError(f"no {what} at {path}") from None
    except OSError as error:
        raise ConfigError(f"{path}: the {what} cannot be read ({error.strerror})") from None


def marked_line(text: str, line: int, column: int) -> str:
    """A line of a text with a caret under its `column`, both counted from 1, as two indented lines; "" for a blank line.

    A value that belongs to a key, token or password is not shown, since messages end up in logs.
    """
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return ""
    shown, place = lines[line - 1].rstrip(), column - 1
    if (secret := next((name for name in _NAMED.finditer(shown) if _SECRET.search(name[1])), None)) is not None:
        shown = f"{shown[: secret.end()]} …"
        place = min(place, len(shown) - 1)
    start = max(0, place - _WIDTH // 2) if len(shown) > _WIDTH else 0
    part = shown[start : start + _WIDTH]
    cut = ("…" if start else "", "…" if start + _WIDTH < len(shown) else "")
    plain = "".join(mark if mark.isprintable() else " " for mark in f"{cut[0]}{part}{cut[1]}")
    return f"\n    {plain}\n    {' ' * (place - start + len(cut[0]))}^"
