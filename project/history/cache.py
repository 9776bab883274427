"""A cache of what a listing read from the files of runs; it may be deleted at any time.

The first line is the SHA-256 of the rest, so that a damaged cache is ignored as a whole. An entry is valid while the size
and modification time of its sources are the same.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

from ...core import DataError, write_whole
from ...reports import RunEntry, RunSide

__all__ = ["CACHE", "read_cache", "write_cache"]

CACHE = ".index.json"  # in the folder of the runs
# Another version may read different facts from the same files.
_SCHEMA = [metadata.version("tuneworth"), *(field.name for kind in (RunEntry, RunSide) for field in fields(kind))]
Known = dict[str, dict[str, Any]]  # {key, fields} by the name of the run


def read_cache(runs: Path) -> Known:
    """The cached entry of each run; none if the file is missing, damaged or from another version."""
    try:
        first, _, rest = (runs / CACHE).read_bytes().partition(b"\n")
        if first.decode("ascii") != hashlib.sha256(rest).hexdigest():
            return {}
        content = json.loads(rest)
        return content["runs"] if content["schema"] == _SCHEMA else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def write_cache(runs: Path, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the cache; if that fails, the next listing reads the runs again."""
    rest = json.dumps({"schema": _SCHEMA, "runs": known}).encode()
    try:
        write_whole(runs / CACHE, hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    except (DataError, OSError):
        return
