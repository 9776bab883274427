"""Phone numbers in a text: written the way only phone numbers are, or named as one."""

import re
from collections.abc import Iterator

__all__ = ["phone_places"]

_GAP = r"[\d ()./\-\u00a0\u2010-\u2013]"
_INTERNATIONAL = re.compile(rf"(?<![\w+.)])(\+|00(?=[1-9]\d{{0,2}}[ (/.-]))\(?\d{_GAP}{{5,30}}\d(?![\w+])")
# North America writes 3-3-4 digits; area 555 is nobody's, it stands for a number in examples.
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.+/#-])(?:1[ .-])?(?:\((\d{3})\) ?|(\d{3})([ .-]))\d{3}(?(3)\3|[ .-])\d{4}(?![\w-])(?![.,/]\d)"
)
_OTHER_NUMBER = re.compile(
    r"\b(?:parts?|orders?|sku|ref|reference|invoice|ticket|model|item|serial|case|isbn|id|version|article|lot|batch|[ps]/n)"
    r"(?:[ -]?(?:no|nr|number|code|id))?\W{0,3}\Z|#\Z",
    re.IGNORECASE,
)
# A number that the text itself calls a phone number needs no country and no valid area.
_NAMED = re.compile(
    r"(?:(?<![^\W_])(?i:tele(?:phone|fax|fon)|tel|phone|fax|mobile|mobil|handy|cell[ -]?phone|whatsapp|hotline|rufnummer"
    r"|t[ée]l[ée]phone|t[ée]l|tel[ée]fono)|(?<=[a-z])(?:Phone|Tel|Fax|Mobile))"
    r"(?i:[ _-]?(?:no|nr|number|nummer)s?)?\.?(?: ?\([^()\d]{1,20}\))?[\"']?"
    rf"(?: ?[:=] ?[\"']?| (?=[0(])|(?<=\.) ?(?=[0(]))(\+?\(?\d{_GAP}{{4,20}}\d)(?![\w:])"
)
_DATE_OR_ADDRESS = re.compile(r"\d{4}-\d\d?-\d\d?.*|\d\d?[./-]\d\d?[./-]\d{4}.*|\d{1,3}(?:\.\d{1,3}){3}")


def phone_places(text: str) -> Iterator[tuple[int, int]]:
    """Phone numbers, in the order of the ways in which they are found; places may overlap."""
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
        shift = match.start() + len(match.group(1)) - 1  # the library wants one `+` in front
        written = "+" + match.group()[len(match.group(1)) :]
        for found in PhoneNumberMatcher(written, None, leniency=Leniency.POSSIBLE):
            # The numbers that stand for none in examples (555, 01632) are not valid, but they are written like one.
            unlike = match.group(1) == "00" or found.end - found.start < 11 or found.raw_string.endswith("000")
            if is_valid_number(found.number) or not unlike:
                yield found.start + (shift if found.start else match.start()), found.end + shift


def _in_north_america(written: str) -> bool:
    from phonenumbers import is_valid_number, parse

    digits = re.sub(r"\D", "", written)[-10:]
    return digits.startswith("555") or is_valid_number(parse(f"+1{digits}"))
