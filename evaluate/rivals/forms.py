"""The forms in which texts write values: parts of a value, and ways to write each part.

Most ways are tried by name. How numbers are written (scale, decimals, marks) and how lists are joined is read off the outputs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from ...style import DATE, field_text, read_date

Value = str | Decimal | tuple[str, ...]  # of a part: a text, a number, or the items of a list
Parts = Mapping[tuple[str, str], Value]  # (field, part) -> value; a part that a value does not have is missing

_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)*|(?<=[^\W\d])\d+(?:[.,]\d+)*|(?<=[xX×/])\d+(?:[.,]\d+)*")
_WRITTEN = re.compile(r"\d{1,3}(?:([.,' \u00a0\u202f])\d{3})+(?:([.,])\d+)?(?!\d)|\d+(?:([.,])\d+)?")
_TIME = re.compile(r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])")
_ITEMS = re.compile(r"\s*[,;|]\s+|\s*[;|]\s*|\s+/\s+|\s+[-–—]\s+|\n\s*")
_QUALIFIER = re.compile(r"(.*\S)\s*[(\[](.*)[)\]]\s*", re.DOTALL)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")
_LONGEST = 400  # characters of a value whose words are parts of their own
_MOST_PARTS = 4  # words, items and numbers of a value that are parts of their own
_FEW_FACTORS = 20  # rows from which a factor is read off
_MOST_DIGITS, _LONGEST_NUMBER = 12, 18  # of a number in an input before its mark, and in an output with its marks
_FAR = 12  # characters between two items of a list
# What a number may be multiplied by: powers of ten, percent, and the units of other countries and of time.
_BY = ["0.1", "100", "0.01", "1000", "0.001", "1000000", "0.000001", "2.54", "25.4", "0.3937007874", "0.45359237", "2.2046226218",
       "28.349523125", "1.609344", "0.6213711922", "0.3048", "3.280839895"]  # fmt: skip
_OF = [Decimal(each) for each in (1024, 60, 3600, 24, 7)]
SCALES = [Decimal(1), Decimal(10), *map(Decimal, _BY), *_OF, *(1 / each for each in _OF)]
_EXACT = Context(prec=60)  # digits of the largest number times the largest factor, with the most decimals
_FACTORS = [(scale, float(scale)) for scale in SCALES]


def parts_of(fields: Mapping[str, Any]) -> dict[tuple[str, str], Value]:
    """All parts of the values of one input; nested objects have the names `outer.inner`, empty values no parts."""
    found: dict[tuple[str, str], Value] = {}
    for name, value in _flat(fields):
        found.update({(name, part): one for part, one in _parts(value).items()})
    return found


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _parts(value: Any) -> Mapping[str, Value]:
    if isinstance(value, list):
        items = tuple(text for item in value if (text := field_text(item).strip()))
        numbers = {
            f"value {at}": number
            for at, item in enumerate(items[:_MOST_PARTS], 1)
            if (number := _decimal(item)) is not None
        }
        return {"": ", ".join(items), **_items(items), "count": Decimal(len(items)), **numbers} if items else {}
    return _text_parts(field_text(value).strip())


@lru_cache(maxsize=20_000)
def _text_parts(text: str) -> Mapping[str, Value]:
    """The text as a whole, its words, items, numbers, and what a date or a time consists of."""
    if not text:
        return {}
    found: dict[str, Value] = {"": text}
    if len(text) > _LONGEST:
        return found
    found |= _time_parts(text)
    numbers = [match[0] for match in _NUMBER.finditer(text)]
    for at, number in enumerate(numbers[:_MOST_PARTS], 1):
        if "days" not in found:
            found[f"number {at}"] = number
            if (value := _decimal(number)) is not None:
                found[f"value {at}"] = value
    if numbers == [text]:
        return found
    if (match := _QUALIFIER.fullmatch(text)) is not None:
        found |= {"before the bracket": match[1], "in the bracket": match[2]}
    items = tuple(filter(None, map(str.strip, _ITEMS.split(text))))
    if len(items) > 1:
        found |= {**_items(items), "count": Decimal(len(items))}
    words = text.split()
    if len(words) > 1:
        found |= {f"word {at}": word for at, word in enumerate(words[:_MOST_PARTS], 1)}
        found |= {"last word": words[-1], "all but the first word": text.split(maxsplit=1)[1]}
        found["all but the last word"] = text.rsplit(maxsplit=1)[0]
        found["initials"] = "".join(word[0] for word in words)
    return found


def _items(items: tuple[str, ...]) -> dict[str, Value]:
    found: dict[str, Value] = {"items": items, "last item": items[-1], "all but the last item": items[:-1]}
    return (
        found
        | {f"item {at}": item for at, item in enumerate(items[:_MOST_PARTS], 1)}
        | {"items after the first": items[1:]}
    )


def _time_parts(text: str) -> dict[str, Value]:
    """Day, month, year and weekday of a date; hours and minutes of a time.

    `03/04/2026` may be read in two ways: the parts of the second are named `..., month first`.
    """
    found: dict[str, Value] = {}
    match = DATE.search(text)
    for one in read_date(match) if match else ():
        if one.year is None or one.day is None:
            continue
        try:
            day = date(one.year, one.month, one.day)
        except ValueError:
            continue
        parts = {"day": f"{day.day}", "month": f"{day.month}", "year": f"{day.year}", "weekday": f"{day:%A}"}
        parts |= {
            "day of two digits": f"{day:%d}",
            "month of two digits": f"{day:%m}",
            "year of two digits": f"{day:%y}",
        }
        parts |= {"month name": f"{day:%B}", "short month name": f"{day:%b}", "short weekday": f"{day:%a}"}
        swapped = ", month first" if match and match["a"] and int(match["a"]) != day.day else ""
        found |= {f"{part}{swapped}": text for part, text in parts.items()} | {"days": Decimal(day.toordinal())}
    for at, time in enumerate(list(_TIME.finditer(text))[:2], 1):
        hour, of = int(time[1]), "" if at == 1 else " 2"
        found |= {f"hour{of}": f"{hour}", f"hour of two digits{of}": f"{hour:02}", f"minute{of}": time[2]}
        found |= {f"hour of twelve{of}": f"{(hour + 11) % 12 + 1}", f"half of the day{of}": "am" if hour < 12 else "pm"}
    return found


def _decimal(text: str) -> Decimal | None:
    """The value of digits in an input: a comma before other than three digits is a decimal mark. None for too many digits."""
    plain = (
        text.replace(",", "") if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text) else text.replace(",", ".")
    )
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < _MOST_DIGITS else None


# --- ways to write a part ----------------------------------------------------------------------------------------

_CASES: Mapping[str, Callable[[str], str]] = {
    "": lambda text: text,
    "lower case": str.lower,
    "upper case": str.upper,
    "first letter upper": lambda text: text[:1].upper() + text[1:],
    "first letter lower": lambda text: text[:1].lower() + text[1:],
    "sentence case": str.capitalize,
    "title case": lambda text: re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)?", lambda word: word[0].capitalize(), text),
}
_SPACES: Mapping[str, Callable[[str], str]] = {
    "": lambda text: text,
    "hyphens as spaces": lambda text: re.sub("[-_]", " ", text),
    "spaces as hyphens": lambda text: re.sub(r"[\s_]+", "-", text),
    "spaces as underscores": lambda text: re.sub(r"[\s-]+", "_", text),
    "no spaces": lambda text: re.sub(r"\s+", "", text),
    "no spaces or hyphens": lambda text: re.sub(r"[\s_-]+", "", text),
    "words apart": lambda text: re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", text),
    "space after digits": lambda text: re.sub(r"(?<=\d)(?=[^\W\d_])", " ", text),
    "space before digits": lambda text: re.sub(r"(?<=[^\W\d_])(?=\d)", " ", text),
    "without quotes": lambda text: text.strip("\"'“”„«»‘’. "),
    "escaped": lambda text: text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"),
}


class Number(NamedTuple):
    """A way to write numbers: times `scale`, with so many decimals (None: as many as needed), a decimal mark, and a mark
    between groups of three digits."""

    scale: Decimal
    decimals: int | None
    mark: str
    group: str

    def write(self, value: Decimal) -> str:
        """The number in this form."""
        places = Decimal(1).scaleb(-(6 if self.decimals is None else self.decimals))
        text = f"{(abs(value) * self.scale).quantize(places, ROUND_HALF_UP, _EXACT):f}"
        if self.decimals is None and "." in text:
            text = text.rstrip("0").rstrip(".")
        whole, _, rest = text.partition(".")
        whole = f"{int(whole):,}".replace(",", self.group) if self.group else whole
        return ("-" if value < 0 else "") + whole + (self.mark + rest if rest else "")

    def __str__(self) -> str:
        example = self.write(Decimal("1234.5") / self.scale)
        return f"{'' if self.scale == 1 else f'× {self.scale.normalize():f}, '}as {example}"


class Joined(NamedTuple):
    """A way to write a list: what stands between items, what stands before the last one, and the form of the items."""

    between: str
    last: str
    case: str

    def write(self, items: Sequence[str]) -> str:
        """The items joined."""
        texts = [_CASES[self.case](item) for item in items]
        return self.last.join(filter(None, [self.between.join(texts[:-1]), texts[-1]])) if texts else ""

    def __str__(self) -> str:
        last = f" and {self.last!r}" if self.last != self.between else ""
        return ", ".join(filter(None, [f"joined by {self.between!r}{last}", self.case]))


class Plain(NamedTuple):
    """A way to write a text: its letters, and its spaces and hyphens."""

    case: str
    spaces: str

    def write(self, text: str) -> str:
        """The text in this form."""
        return _CASES[self.case](_SPACES[self.spaces](text))

    def __str__(self) -> str:
        return ", ".join(filter(None, self))


class Slot(NamedTuple):
    """A place of a template: a part of a field's value, in one form."""

    field: str
    part: str
    form: Plain | Number | Joined

    def fill(self, parts: Parts) -> str | None:
        """What the output writes for one input; None if the input has no such value."""
        value = parts.get((self.field, self.part))
        return None if value in (None, "", ()) else self.form.write(value)  # type: ignore[arg-type]

    def __str__(self) -> str:
        how = ", ".join(filter(None, [self.part, str(self.form)]))
        return f"{{{self.field}{': ' * bool(how)}{how}}}"


def forms_in(slot: tuple[str, str], value: Value, output: str, factor: Decimal | None) -> Iterator[tuple[Slot, str]]:
    """The forms in which the output may write this value, simple ones first, with the text in that form.

    For a text all forms that change it; for numbers and lists those that are read off the output. `factor` is tried for
    numbers beside the usual ones.
    """
    if isinstance(value, str):
        yield from ((Slot(*slot, look), text) for look, text in _written(value, slot[1] in ("", "item 1", "last item")))
        return
    looks = _lists_in(value, output) if isinstance(value, tuple) else _numbers_in(value, output, factor)
    for look in looks:
        if text := look.write(value):  # type: ignore[arg-type]
            yield Slot(*slot, look), text


@lru_cache(maxsize=2_000)
def _written(text: str, whole: bool) -> Sequence[tuple[Plain, str]]:
    """A text in all forms; parts of a value keep their spaces and hyphens."""
    spaced = [(spaces, change(text)) for spaces, change in (_SPACES.items() if whole else [("", _SPACES[""])])]
    forms = [(Plain(case, spaces), change(one)) for spaces, one in spaced for case, change in _CASES.items()]
    return [(form, one) for form, one in forms if one]


def common_factor(values: Sequence[Value], outputs: Sequence[str]) -> Decimal | None:
    """What nearly all outputs multiply a number by, where that is none of the usual factors: 4.184 for calories as joules."""
    spans: list[list[tuple[float, float]]] = []
    for value, output in zip(values, outputs, strict=True):
        if isinstance(value, Decimal) and value:
            found = [one for digits in _digits(output) for one in _readings(digits)]
            size = abs(float(value))
            spans.append(
                [((read - gap) / size, (read + gap) / size) for n, *_, read in found for gap in [0.51 * 0.1**n]]
            )
    for start in spans[0] if len(spans) >= _FEW_FACTORS else ():
        (low, high), fitting = start, 0
        for some in spans:
            inside = [(max(low, one), min(high, other)) for one, other in some if one < high and other > low]
            fitting += bool(inside)
            low, high = min(inside, key=lambda each: each[0] - each[1], default=(low, high))
        if fitting >= 0.9 * len(spans) and low > 0 and not any(low <= factor <= high for _, factor in _FACTORS):
            middle = (low + high) / 2
            return next(Decimal(repr(near)) for n in range(18) if low <= (near := round(middle, n)) <= high)
    return None


def _digits(output: str) -> Iterable[str]:
    return dict.fromkeys(match[0] for match in chain(_WRITTEN.finditer(output), _DIGITS.finditer(output)))


def _numbers_in(value: Decimal, output: str, factor: Decimal | None) -> Iterator[Number]:
    size, more = abs(value), [] if factor is None else [(factor, float(factor))]
    scaled = [(scale, float(size) * times) for scale, times in [*_FACTORS, *more]] if size else [(_FACTORS[0][0], 0.0)]
    seen = set[Number]()
    for digits in _digits(output):
        for decimals, mark, group, read in _readings(digits):
            error = 0.51 * 0.1**decimals
            for scale in [scale for scale, near in scaled if abs(near - read) <= error]:
                for form in (Number(scale, None, mark, group), Number(scale, decimals, mark, group)):
                    if form not in seen and form.write(size) == digits:
                        seen.add(form)
                        yield form


@lru_cache(maxsize=20_000)
def _readings(digits: str) -> Sequence[tuple[int, str, str, float]]:
    """The decimals, the decimal mark, the mark between groups, and the value of digits with marks, as they may be read."""
    marks = re.sub(r"\d", "", digits)
    if len(digits) > _LONGEST_NUMBER:
        return []
    if not marks:
        return [(0, mark, group, float(digits)) for mark, group in ((".", ""), (",", ""), (".", ","), (",", "."))]
    found = []
    if len(marks) == 1 and marks in ".,":
        found.append((len(digits) - digits.index(marks) - 1, marks, "", float(digits.replace(",", "."))))
    if re.fullmatch(r"\d{1,3}(\D)\d{3}(?:\1\d{3})*(?:(?!\1)[.,]\d+)?", digits) is not None:
        mark = marks[-1] if len(set(marks)) > 1 else "." if marks[0] != "." else ","
        whole, _, rest = digits.partition(mark)
        found.append((len(rest), mark, marks[0], float(re.sub(r"\D", "", whole) + (f".{rest}" if rest else ""))))
    return found


def _lists_in(items: tuple[str, ...], output: str) -> Iterator[Joined]:
    """How the output joins the items; a list of one may be joined in any way, which other rows tell."""
    if len(items) < 2:
        return
    for case, change in _CASES.items():
        texts = [change(item) for item in items]
        start = output.find(texts[0])
        while start >= 0:
            at, gaps = start + len(texts[0]), list[str]()
            for text in texts[1:]:
                found = output.find(text, at, at + _FAR + len(text))
                if found < 0:
                    break
                gaps.append(output[at:found])
                at = found + len(text)
            if len(gaps) == len(texts) - 1 and len(set(gaps[:-1])) < 2 and all(gaps):
                if len(gaps) > 1:
                    yield Joined(gaps[0], gaps[-1], case)
                else:
                    yield from (Joined(between, gaps[0], case) for between in dict.fromkeys((gaps[0], ", ")))
                break
            start = output.find(texts[0], start + 1)
