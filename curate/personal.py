"""Personal data in texts: e-mail addresses, phone numbers, cards and bank accounts; their places, never their values."""

import re
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from .accounts import card_places, iban_places
from .phones import phone_places

__all__ = ["PERSONAL_SCHEMA", "find_personal", "may_hold_personal", "places_in"]

PERSONAL_SCHEMA = {"index": pl.UInt32, "what": pl.String, "start": pl.Int64, "end": pl.Int64}

_LOCAL = re.compile(r"[\w.+%-]{1,64}")  # read backwards from the @
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:[^\W\d_]{2,24}|xn--[\w-]{2,59})(?![^\W_])")
# What stands behind the last dot of a picture `icon@2x.png`, a systemd unit `getty@tty1.service`, a package `a@1.2.tgz`.
_NO_DOMAIN = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|service|socket|timer|target|mount|slice|device|tgz|gz|bz2|xz|zip|tar|whl|deb|rpm|js|css|html?)\Z",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"//[^\s/]{0,80}\Z")  # https://user:secret@host is a login, and git@host:path a repository


def _email_places(text: str) -> Iterator[tuple[int, int]]:
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        name = local.group()[::-1].lstrip(".+%-") if local else ""
        if name and domain and not _no_address(text, at - len(name), domain.end(), name):
            yield at - len(name), domain.end()
        at = text.find("@", at + 1)


def _no_address(text: str, start: int, end: int, name: str) -> bool:
    repository = name == "git" and text[end : end + 1] in (":", "/")
    login = _LOGIN.search(text, max(0, start - 90), start)
    return bool(repository or login or _NO_DOMAIN.search(text, start, end))


Sort = tuple[str, str, Callable[[str], Iterator[tuple[int, int]]]]

# Each sort with a pattern (Rust syntax) that every text with one matches, so that only those are looked at closely.
# A sort earlier in the list has what both would claim: the digits of an account are no phone number.
_SORTS: tuple[Sort, ...] = (
    ("e-mail", r"\w@\w", _email_places),
    ("IBAN", r"(?i)\b_*[a-z]{2}\d\d[ -]?[a-z0-9]", iban_places),
    ("card", r"\d{4}[ -]?\d{4}[ -]?\d{2}", card_places),
    (
        "phone",
        r"(?:\+|\b00)\(?\d[\d ()./\-\x{a0}\x{2010}-\x{2013}]{5,}\d|\d{3}\)?[ .-]?\d{3}[ .-]\d{4}"
        r"|(?i:t[ée]l|phone|fax|mobil|handy|whatsapp|hotline|rufnummer).{0,40}\d[\d ()./\-\x{a0}\x{2010}-\x{2013}]{4,}\d",
        phone_places,
    ),
)


def find_personal(texts: pl.Series) -> pl.DataFrame:
    """Where the texts hold personal data: index, what (`e-mail`, `phone`, `card`, `IBAN`), start, end (excluded).

    Places are in code points, do not overlap, and are sorted. A null text holds nothing. Precision comes first: a part
    number, a date or an article number is none of these; a number without country, area or name is not called a phone.
    """
    frame = pl.DataFrame({"text": texts.cast(pl.String)}).with_row_index()
    flags = [pl.col("text").str.contains(pattern).alias(what) for what, pattern, _ in _SORTS]
    hits = frame.with_columns(flags).filter(pl.any_horizontal(what for what, _, _ in _SORTS))
    rows = [
        (index, *place)
        for index, text, *marks in hits.iter_rows()
        for place in _places(text, [sort for sort, mark in zip(_SORTS, marks, strict=True) if mark])
    ]
    return pl.DataFrame(rows, schema=PERSONAL_SCHEMA, orient="row")


def may_hold_personal(text: pl.Expr) -> pl.Expr:
    """Where a column of texts is worth a closer look; every text that holds personal data is."""
    return pl.any_horizontal(text.str.contains(pattern) for _, pattern, _ in _SORTS)


def places_in(text: str) -> list[tuple[str, int, int]]:
    """The personal data of one text: what, start, end; sorted, without overlaps."""
    return _places(text, _SORTS)


def _places(text: str, sorts: Sequence[Sort]) -> list[tuple[str, int, int]]:
    found: list[tuple[int, int, str]] = []  # sorted
    for what, _, places in sorts:
        for start, end in places(text):
            at = bisect(found, (start,))
            if not (at and found[at - 1][1] > start) and not (at < len(found) and found[at][0] < end):
                found.insert(at, (start, end, what))
    return [(what, start, end) for start, end, what in found]
