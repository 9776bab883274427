"""The log of an unexpected failure."""

import tempfile
import traceback
from pathlib import Path

__all__ = ["write_failure"]


def write_failure(error: Exception) -> Path:
    """Write the traceback to a file of its own in the temporary folder; its path."""
    with tempfile.NamedTemporaryFile("w", prefix="tuneworth-", suffix=".log", delete=False, encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return Path(file.name)
