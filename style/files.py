"""Files written whole or not at all, and their fingerprints."""

import hashlib
import secrets
from pathlib import Path

__all__ = ["sha256_file", "write_whole"]


def write_whole(path: Path, data: str | bytes) -> None:
    """Write under a temporary name in the same folder, then rename: a reader never sees a half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """The file's SHA-256 as hex digits, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
