"""Fields that may name the item: said where they are not stated, for no row would repeat another."""

import polars as pl
import pytest

from tuneworth.curate import curate, identifier_like, read_frame


def rows(n: int = 40) -> list[dict]:
    """Pairs of one part each, in five colours."""
    return [
        {
            "input": {"part": f"LM{n}A", "colour": ["red", "green", "blue", "black", "white"][n % 5]},
            "output": f"A thing of colour {n % 5}, made well",
        }
        for n in range(n)
    ]


def codes(pairs: list[dict], **options) -> list[str]:
    return [warning["code"] for warning in curate(pairs, **options).summary["warnings"]]


def test_a_field_that_differs_in_every_row_is_named():
    assert identifier_like(read_frame(rows()).pairs) == ["part"]
    done = curate(rows())
    (text,) = [w["text"] for w in done.summary["warnings"] if w["code"] == "identifier_like"]
    assert 'identifiers = ["part"]' in text
    assert done.summary["outcomes"]["duplicate"] == 0


def test_a_stated_identifier_is_not_named_again():
    assert "identifier_like" not in codes(rows(), identifiers=["part"])
    assert curate(rows(), identifiers=["part"]).summary["outcomes"]["duplicate"] == 35


@pytest.mark.parametrize(
    "pairs",
    [
        [{"input": f"plain text {n}", "output": "x y"} for n in range(40)],
        rows(12),
        [
            {"input": {"text": f"a description that says much about item {n} " * 3, "kind": "a"}, "output": "b"}
            for n in range(40)
        ],
        [{"input": {"part": f"P{n}"}, "output": "b"} for n in range(40)],
        [{"input": {"price": n, "kind": "a"}, "output": "b"} for n in range(40)],
        [
            {"input": {"name": f"{kind} jacket {colour} {n}", "size": "L"}, "output": "b"}
            for n, (kind, colour) in enumerate(
                (k, c) for k in ("Alpine", "River", "Polar", "City") for c in "abcdefghij"
            )
        ],
    ],
    ids=["plain", "few", "long", "alone", "numbers", "variants"],
)
def test_texts_that_say_something_are_no_identifiers(pairs):
    assert identifier_like(read_frame(pl.DataFrame(pairs)).pairs) == []


def test_a_word_before_every_number_makes_no_description_of_it():
    pairs = [{"input": {"name": f"Item {n}", "kind": "a"}, "output": "b"} for n in range(40)]
    assert identifier_like(read_frame(pl.DataFrame(pairs)).pairs) == ["name"]
