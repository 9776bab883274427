"""Numbers, dates and codes as they stand in a text: what each may mean, and where it stands."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.style import stated_numbers
from tuneworth.style.facts.number_words import as_digits, word_keys, words_in
from tuneworth.style.facts.numbers import (
    column_quotes_apart,
    facts_in,
    numbers_in,
    same_number,
    span_facts,
    without_leading_word,
)
from tuneworth.style.facts.quantities import read_unit
from tuneworth.style.facts.values import DATE, Date, ratio, ratio_of, read_date, times, values_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Diode, 30V, 2 A, SOT-23", ["30V", "2 A", "SOT-23"]),
        ("2.7-5.5V and 3..24Vin", ["2.7", "5.5V", "3", "24Vin"]),
        ("2N7002, 1N4148W, LM317A-5.0", ["2N7002", "1N4148W", "LM317A-5.0"]),
        ("on 25 November 2026 at 2:30 pm", ["25 November 2026", "2:30 pm"]),
        ("v1.2.3, H.264, USB 3.0", ["v1.2.3", "H.264", "3.0"]),
        ("€5.00, EUR 4.2m, -3 %", ["€5.00", "EUR 4.2m", "-3 %"]),
        ('2"x1" and 2.5 x 2.0mm', ['2"', '1"', "2.5", "2.0mm"]),
        ("the 67th minute, 10^6, 1½ cups", ["67th", "10^6", "1½ cups"]),
        ("no digits here: one, two", []),
        ("细胞理论于1839年首次提出。第5步:", ["1839", "5"]),
        ("使用BC547晶体管和GPT-4模型", ["BC547", "GPT-4"]),
        ("2024년 5월, BC547을 100개", ["2024", "5", "BC547", "100"]),
        ("100年200人 ราคา100บาท", ["100", "200", "100"]),
        ("5The kit, the5 parts, The5, 5of5", ["5", "5", "5", "5", "5"]),
        ("since2019 and until2020, 3to4, from5V, with10%", ["2019", "2020", "3", "4", "5V", "10%"]),
        ("5V, M3x10, SOT-23, 3D, 4K", ["5V", "M3", "10", "SOT-23", "3D", "4K"]),
        (
            "AT90, to220, IN4148, as5600, OF5, theta5, in2p3",
            ["AT90", "to220", "IN4148", "as5600", "OF5", "theta5", "in2p3"],
        ),
    ],
)
def test_facts_stand_in_the_order_of_the_text(text, found):
    facts = facts_in(text)
    assert [fact.text for fact in facts] == found
    assert all(text[fact.start : fact.end] == fact.text for fact in facts)


@pytest.mark.parametrize(
    ("digits", "values", "parts"),
    [
        ("1000", [1000], []),
        ("1,000", [1, 1000], [1, 0]),
        ("1.000", [1, 1000], []),
        ("0.125", ["0.125"], []),
        ("1,250,000", [1250000], [1, 250, 0]),
        ("1.299,00", [1299], []),
        ("1 299,50", ["1299.5"], [1, "299.5"]),
        ("3,5", ["3.5"], [3, 5]),
    ],
)
def test_marks_between_digits_are_read_in_every_way_that_fits(digits, values, parts):
    whole, apart = values_of(digits)
    assert sorted(whole) == sorted(map(ratio_of, values))
    assert set(apart) == set(map(ratio_of, parts))


@pytest.mark.parametrize(
    ("one", "other"),
    [("kV", "V"), ("mOhm", "Ω"), ("mcg", "g"), ("km/h", "m/s"), ("MiB", "B"), ("min", "s"), ("Volts", "V")],
)
def test_units_of_one_dimension_differ_by_a_factor(one, other):
    assert {dimension for _, dimension in read_unit(one)} == {dimension for _, dimension in read_unit(other)}


@pytest.mark.parametrize("text", ["ADJ", "stars", "x", "", "V/stars", "pin"])
def test_other_words_are_no_units(text):
    assert read_unit(text) == ()


def test_a_day_may_be_written_in_two_orders():
    def days(text: str) -> list[Date]:
        match = DATE.search(text)
        return read_date(match) if match else []

    assert days("03/04/2026") == [Date(2026, 4, 3), Date(2026, 3, 4)]
    assert days("25/11/26") == [Date(2026, 11, 25), Date(1926, 11, 25)]
    assert days("2026-13-45") == []


def test_numbers_are_the_same_by_value_and_unit():
    def same(one: str, other: str) -> bool:
        return same_number(numbers_in(one)[0], numbers_in(other)[0])

    assert [same("30 V", other) for other in ("0.03kV", "30", "30 A", "3.0 V")] == [True, True, False, False]
    assert same("30", "30 V")


@given(st.integers(-50, 50), st.integers(1, 50), st.integers(-50, 50), st.integers(1, 50))
def test_ratios_multiply_as_fractions_do(a, b, c, d):
    from fractions import Fraction

    assert Fraction(*times(ratio(a, b), ratio(c, d))) == Fraction(a, b) * Fraction(c, d)


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_read(text):
    assert all(text[fact.start : fact.end] == fact.text for fact in facts_in(text))


@pytest.mark.parametrize(("text", "found"), [
    ("Three rooms, twenty-one beds and forty two chairs", [(3, "Three"), (21, "twenty-one"), (42, "forty two")]),
    ("one, two, both, first, dual, a dozen", []),
    ("three-piece, the Seven Sisters, seventy-six-year-old, threefold", []),
    ("five hundred seats", [(500, "five hundred")]),
])  # fmt: skip
def test_words_that_state_a_number_by_themselves(text, found):
    assert [(value, text[start:end]) for value, start, end in stated_numbers(text)] == found


@given(st.integers(0, 99))
def test_a_number_word_gives_what_its_digits_need(number):
    units = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    teens = [*units, "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
    tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    word = teens[number] if number < 20 else tens[number // 10] + (f"-{units[number % 10]}" if number % 10 else "")
    assert as_digits(word) == str(number)
    [fact] = facts_in(str(number))
    assert not fact.needs.isdisjoint(word_keys(words_in(f"the {word} rooms")))


@given(
    st.sampled_from(["Revision", "ISO", "The", "X", "May", "EUR", "Sept", "A"]),
    st.sampled_from(
        ["5V", "9001", "2026", "1.2.3", "5 to 10 V", "12:30", "SOT-23", "x5", "5th", "3 May", "-3 V", "M3x10"]
    ),
)
def test_a_word_before_a_number_moves_its_facts_and_changes_no_key_that_they_need(word: str, rest: str):
    with_word, alone = span_facts(f"{word} {rest}"), span_facts(rest)
    if without_leading_word(f"{word} {rest}") == rest:
        assert [(fact.text, fact.needs) for fact in with_word] == [(fact.text, fact.needs) for fact in alone]
        assert [fact.start for fact in with_word] == [fact.start + len(word) + 1 for fact in alone]
        assert all(fact.gives >= other.gives for fact, other in zip(with_word, alone, strict=True))


@pytest.mark.parametrize(("span", "rest"), [("May 5", "May 5"), ("EUR 5", "EUR 5"), ("Rev 5", "5"), ("5 V", "5 V")])
def test_months_and_currencies_belong_to_their_number(span: str, rest: str):
    assert without_leading_word(span) == rest


def test_a_name_and_its_number_also_give_a_code():
    assert ("c", "iso", "9001") in span_facts("ISO 9001")[0].gives
    assert ("c", "may", "50") in span_facts("May 50")[0].gives


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('a 7" display, 2" x 4", 3.5"', ['7"', '2"', '4"', '3.5"']),
        ('"7 at 12 PM"', ["7", "12 PM"]),
        ('He said "I am 30".', ["30"]),
        ("He said “I am 30” and “40”.", ["30", "40"]),
        ('"a 7" display" and "7" and "8"', ['7"', "7", "8"]),
        ('{"size": "7", "width": "a 3"}', ["7", "3"]),
        ("WHERE a = '7' AND b = 'from 8'", ["7", "8"]),
        ("a 6' board for the '90s, don't say 'at 12'", ["6'", "90s", "12"]),
        ('Say "5"\nand then 7" wide', ["5", '7"']),
        ('He is 6\'2" tall and said "no 5"', ["6'", '2"', "5"]),
    ],
)
def test_the_mark_that_ends_a_quotation_is_no_unit(text, found):
    assert [fact.text for fact in facts_in(text)] == found
    assert all(text[fact.start : fact.end] == fact.text for fact in facts_in(text))


@given(st.text("ab 79\"'“”„‘.,\n", max_size=30))
def test_quotations_are_read_without_moving_anything(text):
    (apart,) = column_quotes_apart(pl.Series([text]))
    assert len(apart) == len(text)
    changed = [(one, other) for one, other in zip(text, apart, strict=True) if one != other]
    assert all(one in "\"'“”„‘" and other in "„“" for one, other in changed)
    assert all(fact.text == text[fact.start : fact.end] for fact in facts_in(text))
