"""TOML files as tables."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from .errors import ConfigError

__all__ = ["read_toml"]


def read_toml(path: Path, *, what: str = "file") -> dict[str, Any]:
    """A TOML file as tables, numbers with a point as exact Decimals; `what` names it where it is missing.

    Raises: ConfigError where it is missing, unreadable or no TOML, with the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Decimal)
    except FileNotFoundError:
        raise ConfigError(f"no {what} at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
