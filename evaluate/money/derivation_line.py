"""One line of a derivation: a sentence, a formula, the same with its numbers in, and a result that they give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

__all__ = ["Line", "comparison", "line", "shown", "signed"]

RESULT_DIGITS = 6  # as many as a reader compares; more is shown of the numbers that go in where the result needs it
WHOLE_DIGITS = 8  # what needs no more is not rounded; a figure from a line above looks as it did there
EXACT_DIGITS = 12  # so many for prices and token counts, which are shown as they were stated


@dataclass(frozen=True)
class Line:
    """`numbers` is plain arithmetic (+ - × ÷ ^, max, ceil, sqrt): a pocket calculator gives `result` from it.

    `value` is the exact figure; None where there is none, such as a payback of never. `inputs` are the keys of the
    lines above and of the assumptions that go in.
    """

    key: str
    words: str
    formula: str
    numbers: str
    result: str
    value: Decimal | None
    inputs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One entry of `money.derivation`."""
        return {
            "key": self.key,
            "words": self.words,
            "formula": self.formula,
            "numbers": self.numbers,
            "result": self.result,
            "value": self.value,
            "inputs": list(self.inputs),
        }


def line(
    key: str,
    words: str,
    formula: str,
    template: str,
    numbers: Sequence[Decimal],
    compute: Callable[..., Decimal],
    unit: str = "",
    *,
    exact: bool = False,
) -> Line:
    """A line whose numbers are shown with as many digits as its result needs to come out as shown.

    `template` holds {0}, {1}, ... for the numbers; `compute` does the same arithmetic. `exact` shows the numbers as
    they were stated.
    """
    with localcontext() as context:
        context.prec = 60
        value = compute(*numbers)
        result = shown(value, RESULT_DIGITS)
        text = ""
        for digits in range(RESULT_DIGITS, 40):
            parts = [shown(number, digits, whole=EXACT_DIGITS if exact else WHOLE_DIGITS) for number in numbers]
            text = template.format(*map(signed, parts))
            if shown(compute(*map(Decimal, parts)), RESULT_DIGITS) == result:
                break
    return Line(key, words, formula, text, f"{grouped(result)} {unit}".strip(), value)


def comparison(key: str, words: str, formula: str, template: str, numbers: Sequence[Decimal], result: str) -> Line:
    """A line whose numbers say why there is no figure: `-7.14 <= 0` for a payback of never."""
    text = template.format(*(signed(shown(number, RESULT_DIGITS)) for number in numbers))
    return Line(key, words, formula, text, result, None)


def shown(value: Decimal, digits: int, *, whole: int = RESULT_DIGITS) -> str:
    """A number without an exponent or trailing zeros, rounded to so many digits, and to cents at the coarsest.

    One that needs no more than `whole` digits is not rounded at all.
    """
    if value == 0:
        return "0"
    plain = value.normalize()
    if len(plain.as_tuple().digits) <= whole:
        return f"{plain:f}"
    places = max(digits - 1 - value.adjusted(), 2)
    text = f"{value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(text: str) -> str:
    """A number inside arithmetic: in brackets where it is negative, thousands apart."""
    return f"({grouped(text)})" if text.startswith("-") else grouped(text)


def grouped(text: str) -> str:
    """Thousands apart by commas: 5014.29 is 5,014.29."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.strip("-") not in ("", "0") else text
