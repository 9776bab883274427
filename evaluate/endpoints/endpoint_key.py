"""The key of an endpoint: read from the environment, sent in one header, shown nowhere."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...style.errors import ConfigError

__all__ = ["Key", "read_key"]

# Local servers take any word as a key ("EMPTY", "ollama"). Such a word is no secret and may stand in an output.
SECRET_LENGTH = 12
MASK = "***"
LOGGERS = ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy", "httpcore2.socks")


class Key:
    """A key that prints as stars. `value` None: none is sent."""

    def __init__(self, value: str | None, name: str | None = None) -> None:
        self._value, self.name = value, name

    def __repr__(self) -> str:
        return f"Key({MASK})"

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {} if self._value is None else {"Authorization": f"Bearer {self._value}"}

    def mask(self, text: str) -> str:
        """An error text without the key, however short the key is."""
        return text.replace(self._value, MASK) if self._value else text

    def mask_output(self, text: str) -> str:
        """An output without the key, where the key is long enough to be a secret."""
        return self.mask(text) if self._value and len(self._value) >= SECRET_LENGTH else text

    def mask_data(self, data: Any) -> Any:
        """The same for data from JSON."""
        text = json.dumps(data)
        masked = self.mask_output(text)
        return data if masked == text else json.loads(masked)

    @contextmanager
    def masked_logs(self) -> Iterator[None]:
        """The HTTP client logs what endpoints send, at level DEBUG; an endpoint may send the key back."""

        def mask(record: logging.LogRecord) -> bool:
            record.msg, record.args = self.mask(record.getMessage()), ()
            return True

        loggers = [logging.getLogger(name) for name in LOGGERS]
        for logger in loggers:
            logger.addFilter(mask)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(mask)


def read_key(name: str | None) -> Key:
    """The key in the environment variable `name`; none where no variable is named.

    Raises: ConfigError where the variable is missing, empty, or holds what no header can carry.
    """
    if name is None:
        return Key(None)
    value = os.environ.get(name, "").strip()  # a key read from a file often ends with its line
    if not value:
        state = "is empty" if name in os.environ else "is not set"
        raise ConfigError(f'"key_env" names the environment variable {name}, which {state}\nSet it to the key.')
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"the environment variable {name} holds more than a key: line breaks or signs outside ASCII\n"
            "Set it to the key alone."
        )
    return Key(value, name)
