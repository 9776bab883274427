"""Texts made comparable, and rows known by the hash of their content."""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["clean_text", "content_hash", "dense_ids", "normalise"]


def normalise(text: str) -> str:
    """The text for comparison: NFKC, case folded, runs of whitespace to one space, stripped."""
    # ASCII is its own NFKC form; skipping the look-up halves the time on English data.
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split())


def clean_text(text: str) -> str:
    """The text with lone surrogates, which no encoding can write, replaced by U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if not _writable(text) else text


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def content_hash(*parts: str | None) -> str:
    """128 bits of BLAKE2b over the parts as 32 hex digits; each part goes in with its length, null apart from empty."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = b"" if part is None else part.encode()
        digest.update(f"{-1 if part is None else len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def dense_ids(values: Iterable[object]) -> tuple[list[int], list[object]]:
    """For each value the number of its first like, counted from 0, and the distinct values in that order."""
    known: dict[object, int] = {}
    ids = [known.setdefault(value, len(known)) for value in values]
    return ids, list(known)


def distinct_texts(texts: Sequence[str]) -> tuple[list[int], list[str]]:
    """`dense_ids` of texts."""
    ids, distinct = dense_ids(texts)
    return ids, [str(text) for text in distinct]
