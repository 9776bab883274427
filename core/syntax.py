"""Text files that people write: read as UTF-8, and a place in one shown in a message."""

import re
from pathlib import Path

from .errors import ConfigError

__all__ = ["marked_line", "read_written"]

_WIDTH = 70  # characters of a line that are shown
_SECRET = re.compile(r"(?i)[\w.-]*(?:key|token|secret|passw)[\w.-]*[\"']?\s*[=:]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_written(path: Path, *, what: str) -> str:
    """The text of a file in UTF-8; `what` describes the file in messages.

    Raises: ConfigError if it is missing, a folder, unreadable or in another encoding, with the line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"no {what} at {path}") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; name the {what} in it") from None
    except OSError as error:
        raise ConfigError(f"{path}: the {what} cannot be read ({error})") from None
    if data.startswith(_UTF_16):
        raise ConfigError(f"{path} is in UTF-16; save the {what} as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: byte {error.start + 1} is not UTF-8; save the {what} as UTF-8"
        ) from None


def marked_line(text: str, line: int, column: int) -> str:
    """A line of a text with a mark under its `column`, both counted from 1, as two indented lines; "" if there is none.

    The value of a line that names a key, token or password is not shown, since messages end up in logs.
    """
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return ""
    shown, place = lines[line - 1].rstrip(), column - 1
    if secret := _SECRET.search(shown):
        shown = f"{shown[: secret.end()]} …"
        place = min(place, len(shown) - 1)
    start = max(0, place - _WIDTH // 2) if len(shown) > _WIDTH else 0
    part = shown[start : start + _WIDTH]
    cut = ("…" if start else "", "…" if start + _WIDTH < len(shown) else "")
    plain = "".join(mark if mark.isprintable() else " " for mark in f"{cut[0]}{part}{cut[1]}")
    return f"\n    {plain}\n    {' ' * (place - start + len(cut[0]))}^"
