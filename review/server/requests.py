"""What a request of the page states, checked: text, numbers and truth where they are expected, nothing that breaks a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ...core import ConfigError

_LONGEST = 86_400  # seconds of a decision: a day
_MOST_ROWS = 500  # of one answer: the page asks for more as it needs them


@dataclass(frozen=True)
class Asked:
    """The values of a request by name. Each reader raises ConfigError if its value is none of its kind."""

    values: Mapping[str, Any]

    def text(self, name: str, usual: str | None = None) -> str:
        """A text; `usual` if it is missing."""
        value = self.values.get(name)
        if value is None and usual is not None:
            return usual
        if not isinstance(value, str):
            _expected(name, "a text", value)
        return _whole(name, value)

    def optional(self, name: str) -> str | None:
        """A text, or None if it is missing."""
        return None if self.values.get(name) is None else self.text(name)

    def whole(self, name: str, usual: int) -> int:
        """A whole number from 0 on; from an address as text."""
        value = self.values.get(name, usual)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
            _expected(name, "a whole number", value)
        return value

    def limit(self) -> int:
        """How many rows are wanted, at most as many as one answer holds."""
        return min(self.whole("limit", 50), _MOST_ROWS)

    def seconds(self) -> float | None:
        """The seconds that a decision took; None if they are missing or impossible, as a clock may be set."""
        value = self.values.get("seconds")
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        return float(value) if 0 < value < _LONGEST else None

    def flag(self, name: str) -> bool | None:
        """True or false; None if it is missing. From an address: 1 or 0."""
        value = self.values.get(name)
        value = {"1": True, "0": False, "": None}.get(value, value) if isinstance(value, str) else value
        if value is not None and not isinstance(value, bool):
            _expected(name, "true or false", value)
        return value

    def marks(self) -> dict[str, bool]:
        """Whether each of two outputs is acceptable by itself, as far as that is stated."""
        stated = {name: self.flag(name) for name in ("left_acceptable", "right_acceptable")}
        return {name: value for name, value in stated.items() if value is not None}

    def texts(self, name: str) -> dict[str, str]:
        """An object of texts."""
        value = self.values.get(name)
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            _expected(name, "an object of texts", value)
        return {_whole(name, key): _whole(name, item) for key, item in value.items()}

    def objects(self, name: str) -> list[dict[str, Any]]:
        """A list of objects."""
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            _expected(name, "a list of objects", value)
        _whole(name, json.dumps(value, ensure_ascii=False))
        return value


def read_body(body: bytes) -> Asked:
    """The values of a JSON body.

    Raises: ConfigError if it is not an object in strict JSON.
    """
    try:
        value = json.loads(body.decode(), parse_constant=_constant)
    except (ValueError, RecursionError):
        raise ConfigError("the request is not JSON") from None
    if not isinstance(value, dict):
        raise ConfigError("the request is not an object")
    return Asked(value)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _expected(name: str, what: str, found: Any) -> NoReturn:
    raise ConfigError(f'"{name}": expected {what}, found {json.dumps(found)[:60]}')


def _whole(name: str, text: str) -> str:
    """The text. Raises: ConfigError for half a character, which no file in UTF-8 can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(f'"{name}" holds half of a character (a lone surrogate); remove it') from None
    return text
