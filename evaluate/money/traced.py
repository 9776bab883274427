"""Numbers that record their arithmetic, so that a derivation can show it; and operations on any numbers.

A figure's function is evaluated with Decimals, with arrays of draws, or with `Traced` numbers. The operations here, which
have no operator in Python, work for all three as + and × do.
"""

import operator
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, localcontext
from functools import reduce
from typing import Any

import numpy as np

RESULT_DIGITS = 6  # digits that a reader compares; inputs show more if the result needs it
WHOLE_DIGITS = 8  # shorter numbers are not rounded, so a figure from a line above looks the same
EXACT_DIGITS = 12  # digits of prices and token counts, which are shown as stated
LITERAL = "literal"


def _whole(number: Decimal) -> Decimal:
    return number.to_integral_value(rounding=ROUND_CEILING)


OPERATIONS: dict[str, Callable[..., Decimal]] = {
    "+": operator.add, "-": operator.sub, "×": operator.mul, "÷": operator.truediv, "^": operator.pow,
    "max": max, "ceil": _whole, "sqrt": Decimal.sqrt, "exp": Decimal.exp,
}  # fmt: skip
BINDING = {"+": 1, "-": 1, "×": 2, "÷": 2, "^": 3}  # tighter-binding operations need no brackets


class Traced:
    """A number: an input (no `sign`), a constant of a formula, or an operation `sign` on its parts."""

    __slots__ = ("parts", "sign", "value")

    def __init__(self, value: Decimal, sign: str = "", parts: tuple["Traced", ...] = ()) -> None:
        self.value, self.sign, self.parts = value, sign, parts

    @classmethod
    def made(cls, sign: str, *numbers: Any) -> "Traced":
        """The operation `sign` on these numbers; plain numbers among them are constants."""
        parts = tuple(number if isinstance(number, Traced) else cls(Decimal(number), LITERAL) for number in numbers)
        return cls(OPERATIONS[sign](*(part.value for part in parts)), sign, parts)

    def text(self, number: Callable[[Decimal], str]) -> str:
        """The arithmetic as typed into a pocket calculator, each input formatted by `number`."""
        if not self.parts:
            return grouped(f"{self.value:f}") if self.sign == LITERAL else signed(number(self.value))
        if self.sign not in BINDING:
            return f"{self.sign}({', '.join(part.text(number) for part in self.parts)})"
        left, right = (part.text(number) for part in self.parts)
        binding, inner = BINDING[self.sign], [BINDING.get(part.sign, 9) for part in self.parts]
        left, right = (f"({left})" if inner[0] < binding else left), (f"({right})" if inner[1] <= binding else right)
        return f"{left} {self.sign} {right}"

    def again(self, number: Callable[[Decimal], Decimal]) -> Decimal:
        """The same arithmetic with each input replaced."""
        if not self.parts:
            return self.value if self.sign == LITERAL else number(self.value)
        return OPERATIONS[self.sign](*(part.again(number) for part in self.parts))

    def __bool__(self) -> bool:
        return self.value != 0

    def __add__(self, other: Any) -> "Traced":
        return Traced.made("+", self, other)

    def __radd__(self, other: Any) -> "Traced":
        return Traced.made("+", other, self)

    def __sub__(self, other: Any) -> "Traced":
        return Traced.made("-", self, other)

    def __rsub__(self, other: Any) -> "Traced":
        return Traced.made("-", other, self)

    def __mul__(self, other: Any) -> "Traced":
        return Traced.made("×", self, other)

    def __rmul__(self, other: Any) -> "Traced":
        return Traced.made("×", other, self)

    def __truediv__(self, other: Any) -> "Traced":
        return Traced.made("÷", self, other)

    def __rtruediv__(self, other: Any) -> "Traced":
        return Traced.made("÷", other, self)

    def __pow__(self, other: Any) -> "Traced":
        return Traced.made("^", self, other)

    def __lt__(self, other: Any) -> "Relation":
        return Relation(self, "<", other)

    def __le__(self, other: Any) -> "Relation":
        return Relation(self, "<=", other)

    def __gt__(self, other: Any) -> "Relation":
        return Relation(self, ">", other)

    def __ge__(self, other: Any) -> "Relation":
        return Relation(self, ">=", other)

    def __eq__(self, other: Any) -> "Relation":  # type: ignore[override]
        return Relation(self, "=", other)

    __hash__ = None  # type: ignore[assignment]


class Relation:
    """A relation between two numbers, such as a day's saving being at most 0."""

    SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq}  # noqa: RUF012

    def __init__(self, left: Traced, sign: str, right: Any) -> None:
        self.left, self.sign = left, sign
        self.right = right if isinstance(right, Traced) else Traced(Decimal(right), LITERAL)

    def __bool__(self) -> bool:
        return self.SIGNS[self.sign](self.left.value, self.right.value)


def arithmetic(number: Traced, *, exact: bool = False) -> tuple[str, str, Decimal]:
    """The arithmetic of a number, its result and its value, with as many digits as give the result that is shown.

    `exact` shows the inputs as stated.
    """
    whole = EXACT_DIGITS if exact else WHOLE_DIGITS
    with localcontext() as context:
        context.prec = 60
        value = number.again(lambda each: each)
        result, text = shown(value, RESULT_DIGITS), ""
        for digits in range(RESULT_DIGITS, 40):

            def rounded(each: Decimal, digits: int = digits) -> str:
                return shown(each, digits, whole=whole)

            text = number.text(rounded)
            if shown(number.again(lambda each, rounded=rounded: Decimal(rounded(each))), RESULT_DIGITS) == result:
                break
    return text, grouped(result), value


def relation(comparison: Relation) -> str:
    """A relation with its numbers: `(-7.14) <= 0`."""
    left, right = (side.text(lambda each: shown(each, RESULT_DIGITS)) for side in (comparison.left, comparison.right))
    return f"{left} {comparison.sign} {right}"


def shown(value: Decimal, digits: int, *, whole: int = RESULT_DIGITS) -> str:
    """A number without an exponent or trailing zeros, rounded to this many digits, but to cents at the coarsest.

    A number with no more than `whole` digits is not rounded.
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
    """A number inside arithmetic: with thousands separators, in brackets if it is negative."""
    return f"({grouped(text)})" if text.startswith("-") else grouped(text)


def grouped(text: str) -> str:
    """The number with thousands separators: 5014.29 is 5,014.29."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole.strip("-") not in ("", "0") else text


def leaf(number: Any) -> Any:
    """A number that a derivation shows as a value, without the arithmetic behind it."""
    return Traced(number.value) if isinstance(number, Traced) else number


def value_of(number: Any) -> Any:
    """A number without the arithmetic behind it."""
    return number.value if isinstance(number, Traced) else number


def nonzero(number: Any) -> bool:
    """Whether a number may be nonzero: for draws, whether they vary or are not 0."""
    return bool(number.size > 1 or number[0]) if isinstance(number, np.ndarray) else bool(number)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, `no` elsewhere."""
    if isinstance(condition, np.ndarray) and condition.size > 1:
        return np.where(condition, yes, no)
    return yes if condition else no


def maximum(one: Any, other: Any) -> Any:
    """The larger of two numbers."""
    if isinstance(one, np.ndarray):
        return np.maximum(one, other)
    return Traced.made("max", one, other) if isinstance(one, Traced) else max(one, other)


def ceiling(number: Any) -> Any:
    """The number rounded up to a whole one; float rounding errors are ignored, so that draws agree with Decimals."""
    if isinstance(number, np.ndarray):
        return np.ceil(number - 1e-9)
    return Traced.made("ceil", number) if isinstance(number, Traced) else _whole(number)


def square_root(number: Any) -> Any:
    """The square root."""
    if isinstance(number, np.ndarray):
        return np.sqrt(number)
    return Traced.made("sqrt", number) if isinstance(number, Traced) else number.sqrt()


def exponential(number: Any) -> Any:
    """e to the power of the number."""
    if isinstance(number, np.ndarray):
        return np.exp(number)
    return Traced.made("exp", number) if isinstance(number, Traced) else number.exp()


def total(numbers: Iterable[Any]) -> Any:
    """The sum, from left to right."""
    return reduce(operator.add, numbers)
