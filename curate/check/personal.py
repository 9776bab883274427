"""Finds personal data in texts: e-mail addresses, phone numbers, cards, bank accounts. Reports places, not values."""

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import polars as pl

# Digits in one run, or in groups with one kind of separator; no letter, digit or decimal point touches either end.
_CARD = re.compile(
    r"(?<![\w.,/#-])(?:\d{14,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-])(?![.,]\d)"
)

# Issuer prefixes and lengths (ISO/IEC 7812 ranges as the issuers publish them). Visa's old 13 digits are omitted: one in
# ten article numbers (EAN-13) that begin with 4 would pass. So are 14 digits in one run (Diners, like a GTIN-14).
_ISSUERS = re.compile(
    r"4\d{15}(?:\d{3})?"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12}"  # Discover
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14}"  # UnionPay
)
_DINERS = re.compile(r"(?:30[0-5]|3[689]\d)\d{11}")

# Characters of an IBAN by country: SWIFT's IBAN registry.
_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN = re.compile(
    r"(?<![^\W_])(?:"
    + "|".join(
        rf"(?:{countries.replace(' ', '|')})\d\d(?:[ -]?[A-Z0-9]){{{length - 4}}}"
        for length, countries in _LENGTHS.items()
    )
    + r")(?![^\W_])"
)


def card_places(text: str) -> Iterator[tuple[int, int]]:
    """Payment cards: an issuer's prefix and length, and the check digit of ISO/IEC 7812 (Luhn)."""
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        issued = _ISSUERS.fullmatch(digits) or (match.group(2) and _DINERS.fullmatch(digits))
        if issued and _luhn(digits):
            yield match.span()


def iban_places(text: str) -> Iterator[tuple[int, int]]:
    """International bank account numbers in one case: the country's length, and remainder 1 modulo 97 (ISO 13616)."""
    upper = text if any(map(str.isupper, text)) else text.upper()
    if len(upper) != len(text):  # some capitals are two letters, which would shift the positions
        upper = text
    for match in _IBAN.finditer(upper):
        characters = re.sub(r"[ -]", "", match.group())
        if int("".join(str(int(c, 36)) for c in characters[4:] + characters[:4])) % 97 == 1:
            yield match.span()


def _luhn(digits: str) -> bool:
    single = sum(map(int, digits[-1::-2]))
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (single + doubled) % 10 == 0


_GAP = r"[\d ()./\-\u00a0\u2010-\u2013]"
_INTERNATIONAL = re.compile(rf"(?<![\w+.)])(\+|00(?=[1-9]\d{{0,2}}[ (/.-]))\(?\d{_GAP}{{5,30}}\d(?![\w+])")
# North America uses 3-3-4 digits; area code 555 is unassigned and marks example numbers.
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.+/#-])(?:1[ .-])?(?:\((\d{3})\) ?|(\d{3})([ .-]))\d{3}(?(3)\3|[ .-])\d{4}(?![\w-])(?![.,/]\d)"
)
_OTHER_NUMBER = re.compile(
    r"\b(?:parts?|orders?|sku|ref|reference|invoice|ticket|model|item|serial|case|isbn|id|version|article|lot|batch|[ps]/n)"
    r"(?:[ -]?(?:no|nr|number|code|id))?\W{0,3}\Z|#\Z",
    re.IGNORECASE,
)
# A number that the text labels as a phone number needs no country code and no valid area code.
_NAMED = re.compile(
    r"(?:(?<![^\W_])(?i:tele(?:phone|fax|fon)|tel|phone|fax|mobile|mobil|handy|cell[ -]?phone|whatsapp|hotline|rufnummer"
    r"|t[ée]l[ée]phone|t[ée]l|tel[ée]fono)|(?<=[a-z])(?:Phone|Tel|Fax|Mobile))"
    r"(?i:[ _-]?(?:no|nr|number|nummer)s?)?\.?(?: ?\([^()\d]{1,20}\))?[\"']?"
    rf"(?: ?[:=] ?[\"']?| (?=[0(])|(?<=\.) ?(?=[0(]))(\+?\(?\d{_GAP}{{4,20}}\d)(?![\w:])"
)
_DATE_OR_ADDRESS = re.compile(r"\d{4}-\d\d?-\d\d?.*|\d\d?[./-]\d\d?[./-]\d{4}.*|\d{1,3}(?:\.\d{1,3}){3}")


def phone_places(text: str) -> Iterator[tuple[int, int]]:
    """Phone numbers, in the order of the patterns that find them; places may overlap."""
    yield from _international(text)
    for match in _NAMED.finditer(text):
        digits = sum(map(str.isdigit, match.group(1)))
        if 7 <= digits <= 15 and not _DATE_OR_ADDRESS.fullmatch(match.group(1)):
            yield match.span(1)
    for match in _NORTH_AMERICAN.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        if _in_north_america(match.group()) and not _OTHER_NUMBER.search(before):
            yield match.span()


def _international(text: str) -> Iterator[tuple[int, int]]:
    """Numbers with `+` or `00` and a country code, as Google's libphonenumber reads them."""
    from phonenumbers import Leniency, PhoneNumberMatcher, is_valid_number

    for match in _INTERNATIONAL.finditer(text):
        shift = match.start() + len(match.group(1)) - 1  # the library expects a single leading `+`
        written = "+" + match.group()[len(match.group(1)) :]
        for found in PhoneNumberMatcher(written, None, leniency=Leniency.POSSIBLE):
            # Reserved example numbers (555, 01632) are invalid but still look like phone numbers.
            implausible = match.group(1) == "00" or found.end - found.start < 11 or found.raw_string.endswith("000")
            if is_valid_number(found.number) or not implausible:
                yield found.start + (shift if found.start else match.start()), found.end + shift


def _in_north_america(written: str) -> bool:
    from phonenumbers import is_valid_number, parse

    digits = re.sub(r"\D", "", written)[-10:]
    return digits.startswith("555") or is_valid_number(parse(f"+1{digits}"))


PERSONAL_SCHEMA = {"index": pl.UInt32, "what": pl.String, "start": pl.Int64, "end": pl.Int64}

_LOCAL = re.compile(r"[\w.+%-]{1,64}")  # read backwards from the @
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:[^\W\d_]{2,24}|xn--[\w-]{2,59})(?![^\W_])")
# Suffixes of names that are no addresses: image `icon@2x.png`, systemd unit `getty@tty1.service`, package `a@1.2.tgz`.
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


Kind = tuple[str, str, Callable[[str], Iterator[tuple[int, int]]]]

# Each kind has a pattern (Rust syntax) that matches every text with such a value, to preselect texts cheaply.
# Where two kinds overlap, the earlier one in the list wins: the digits of an account are not a phone number.
_KINDS: tuple[Kind, ...] = (
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

    Positions are in code points, do not overlap, and are sorted. A null text has none. Precision comes first: a part
    number, a date or an article number is not reported, nor is a phone number without country, area or label.
    """
    frame = pl.DataFrame({"text": texts.cast(pl.String)}).with_row_index()
    flags = [pl.col("text").str.contains(pattern).alias(what) for what, pattern, _ in _KINDS]
    hits = frame.with_columns(flags).filter(pl.any_horizontal(what for what, _, _ in _KINDS))
    rows = [
        (index, *place)
        for index, text, *marks in hits.iter_rows()
        for place in _places(text, [kind for kind, mark in zip(_KINDS, marks, strict=True) if mark])
    ]
    return pl.DataFrame(rows, schema=PERSONAL_SCHEMA, orient="row")


def may_hold_personal(text: pl.Expr) -> pl.Expr:
    """Preselect the texts of a column: this includes every text that holds personal data, and some others."""
    return pl.any_horizontal(text.str.contains(pattern) for _, pattern, _ in _KINDS)


def places_in(text: str) -> list[tuple[str, int, int]]:
    """The personal data of one text: what, start, end; sorted, without overlaps."""
    return _places(text, _KINDS)


def _places(text: str, kinds: Sequence[Kind]) -> list[tuple[str, int, int]]:
    found: list[tuple[int, int, str]] = []  # sorted
    for what, _, places in kinds:
        for start, end in places(text):
            at = bisect(found, (start,))
            if not (at and found[at - 1][1] > start) and not (at < len(found) and found[at][0] < end):
                found.insert(at, (start, end, what))
    return [(what, start, end) for start, end, what in found]


Masks = defaultdict[str, dict[str, str]]  # what -> value as compared -> its mask


def mask_text(text: str, masks: Masks | None = None) -> str:
    """The text with its personal data masked; `masks` holds the masks in use and is extended with new ones."""
    masks = defaultdict(dict) if masks is None else masks
    while places := places_in(text):
        text = replace_places(text, places, masks)
    return text


def mask_column(texts: pl.Series) -> pl.Series:
    """`mask_text` of each text that holds personal data; nulls are kept."""
    hits = find_personal(texts)["index"].unique()
    return texts.clone().scatter(hits, [mask_text(texts[index]) for index in hits]) if len(hits) else texts


def replace_places(text: str, places: Sequence[tuple[str, int, int]], masks: Masks) -> str:
    """The text with a mask at each place (what, start, end)."""
    pieces, end = [], 0
    for what, start, stop in places:
        pieces += [text[end:start], mask_for(what, text[start:stop], masks)]
        end = stop
    return "".join([*pieces, text[end:]])


def mask_for(what: str, value: str, masks: Masks) -> str:
    """The mask of a value, whatever its case, spaces and punctuation."""
    known, key = masks[what], re.sub(r"[\W_]", "", value).casefold()
    if key not in known:
        known[key] = f"[{what.upper()} {len(known) + 1}]" if known else f"[{what.upper()}]"
    return known[key]
