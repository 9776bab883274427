"""Files written whole or not at all, their fingerprints, and the room for them."""

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["free_bytes", "read_object", "sha256_file", "write_whole"]


def write_whole(path: Path, data: str | bytes | Iterable[bytes]) -> None:
    """Write under a temporary name in the same folder, then rename: a reader never sees a half-written file.

    What is large may come piece by piece.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("wb") as file:
            file.writelines([data.encode()] if isinstance(data, str) else [data] if isinstance(data, bytes) else data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 as hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one where there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def free_bytes(place: Path) -> int:
    """The free bytes of the disk on which a file or folder stands or would be written."""
    return shutil.disk_usage(next(at for at in (place, *place.absolute().parents) if at.exists())).free
