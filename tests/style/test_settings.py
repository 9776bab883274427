"""Settings from parsed tables: types, nearest keys, everything at once."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import pytest

from tuneworth.core import build_settings


@dataclass(frozen=True)
class Inner:
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    path: str
    rank: int = 16
    rate: float = 1e-3
    mode: Literal["auto", "exact"] = "auto"
    sizes: tuple[int, ...] = ()
    limit: int | Literal["auto"] = "auto"
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError("rank must be 1 or more")


def test_values_of_the_right_type_are_taken_and_numbers_widen():
    problems: list[str] = []
    built = build_settings(
        Outer,
        {"path": "x", "rate": Decimal("0.01"), "sizes": [1, 2], "inner": {"share": 1}},
        where="t",
        problems=problems,
    )
    assert problems == []
    assert built == Outer("x", rate=0.01, sizes=(1, 2), inner=Inner(1.0))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, '"path" is missing'),
        ({"path": 1}, "expected a text, found 1"),
        ({"path": "x", "rank": "16"}, 'expected a whole number, found "16"'),
        ({"path": "x", "rank": True}, "expected a whole number, found true"),
        ({"path": "x", "rank": 0}, "rank must be 1 or more"),
        ({"path": "x", "rnk": 3}, 'unknown key "rnk"; did you mean "rank"?'),
        ({"path": "x", "mode": "fast"}, '"auto" or "exact"'),
        ({"path": "x", "sizes": [1, "b"]}, "t.sizes[1]"),
        ({"path": "x", "limit": "many"}, "a whole number or"),
        ({"path": "x", "inner": {"shr": 1}}, "t.inner"),
        ({"path": "x", "inner": 3}, "a table"),
    ],
)
def test_a_wrong_value_says_where_and_what(table, said):
    problems: list[str] = []
    assert build_settings(Outer, table, where="t", problems=problems) is None
    assert said in " ".join(problems)


@pytest.mark.parametrize(("value", "told"), [(Decimal("1.5"), "found 1.5"), (True, "found true")])
def test_what_was_found_is_said_as_the_file_has_it(value, told):
    problems: list[str] = []
    build_settings(Outer, {"path": "x", "rank": value}, where="t", problems=problems)
    assert problems == [f"t.rank: expected a whole number, {told}"]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_whole_number_beyond_all_floats_is_infinite(sign):
    built = build_settings(Inner, {"share": sign * 10**400}, where="t", problems=[])
    assert built == Inner(sign * float("inf"))
