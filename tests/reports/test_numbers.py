import pytest

from tuneworth.evaluate import wording
from tuneworth.reports import numbers as say


def spaced(text: str) -> str:
    return text.replace("\xa0", " ")


@pytest.mark.parametrize(("share", "text"), [
    (0.8166667, "81.7 %"), (1.0, "100 %"), (0.0, "0 %"), (0.7, "70 %"), (None, "not measured"),
])  # fmt: skip
def test_a_share_is_a_percentage(share: float | None, text: str) -> None:
    assert spaced(say.percent(share)) == text


@pytest.mark.parametrize(("low", "high", "text"), [
    (0.7156, 0.8889, "72 to 89 %"), (0.981, 0.989, "98.1 to 98.9 %"), (None, None, "not measured"),
])  # fmt: skip
def test_a_range_of_shares_has_no_more_digits_than_it_needs(low: float, high: float, text: str) -> None:
    assert spaced(say.percent_range(low, high)) == text


@pytest.mark.parametrize(("value", "text"), [
    (0.6, "+60 points"), (-0.015, "−1.5 points"), (0.01, "+1 point"), (0.0, "0 points"), (None, "not measured"),
])  # fmt: skip
def test_a_difference_carries_its_sign(value: float | None, text: str) -> None:
    assert spaced(say.points(value)) == text


@pytest.mark.parametrize(("value", "text"), [
    (0.0071428571, "0.00714 EUR"), (14.285714, "14.29 EUR"), (200, "200 EUR"), (12400.4, "12,400 EUR"),
    (-5, "−5 EUR"), (0, "0 EUR"), (1.23e-7, "0.000000123 EUR"), (0.09998, "0.100 EUR"), (0.9999, "1.00 EUR"),
    (None, "not measured"),
])  # fmt: skip
def test_money_has_the_digits_that_it_needs(value: float | None, text: str) -> None:
    assert spaced(say.amount(value, "EUR")) == text


@pytest.mark.parametrize(("column", "texts"), [
    ((5467.43, 28708.2), ["5,467 EUR", "28,708 EUR"]), ((0.00714, 5467.43, 28708.2), ["0.00714 EUR", "5,467 EUR", "28,708 EUR"]),
    ((42.3, 28708.2, -1560), ["42.30 EUR", "28,708.20 EUR", "−1,560.00 EUR"]), ((200, 5000), ["200 EUR", "5,000 EUR"]),
    ((200, 5467.43), ["200.00 EUR", "5,467.43 EUR"]), ((0.5, None, 0), ["0.500 EUR", "not measured", "0 EUR"]),
])  # fmt: skip
def test_the_sums_of_a_column_share_their_decimals(column: tuple[float | None, ...], texts: list[str]) -> None:
    decimals = say.shared_decimals(column)
    assert [spaced(say.amount(value, "EUR", decimals=decimals)) for value in column] == texts


def test_a_range_in_a_column_has_the_decimals_of_its_column() -> None:
    assert spaced(say.amount_range(5876.2, 28716.85, "EUR", decimals=2)) == "5,876.20 to 28,716.85 EUR"
    assert spaced(say.amount_range(5876.2, 28716.85, "EUR", decimals=0)) == "5,876 to 28,717 EUR"


@pytest.mark.parametrize(("value", "text"), [
    (14.0, "14 days"), (1.49, "1.5 days"), (1.0, "1 day"), (443, "443 days"), (900, "2.5 years"), (None, "never"),
    (40e6, "more than 100 years"),
])  # fmt: skip
def test_a_payback_is_in_days_or_never(value: float | None, text: str) -> None:
    assert spaced(say.days(value)) == text


@pytest.mark.parametrize(("low", "high", "text"), [
    (8.9, 25.2, "9 to 25 days"), (1.2, 3.4, "1.2 to 3.4 days"), (9.0, None, "9 days to never"),
    (300, 1000, "300 days to 2.7 years"), (None, None, "never"),
])  # fmt: skip
def test_a_range_of_days_names_its_unit_once(low: float | None, high: float | None, text: str) -> None:
    assert spaced(say.days_range(low, high)) == text


@pytest.mark.parametrize(("seconds", "text"), [
    (0.42, "0.42 s"), (45, "45 s"), (305, "5 min 5 s"), (7500, "2 h 5 min"), (59.7, "1 min 0 s"), (None, "not measured"),
])  # fmt: skip
def test_a_time_is_in_its_natural_unit(seconds: float | None, text: str) -> None:
    assert spaced(say.duration(seconds)) == text


@pytest.mark.parametrize(("value", "text"), [
    (5000, "5,000"), (5000.0, "5,000"), (0.97, "0.97"), (5.714285714, "5.71429"), (-20, "−20"), (0.000012, "0.000012"),
    (None, "–"), ("a", "a"), (True, "True"),
])  # fmt: skip
def test_a_stated_value_stays_as_it_was_stated(value: object, text: str) -> None:
    assert say.plain(value) == text


@pytest.mark.parametrize(("share", "digits", "text"), [
    (0.997, 0, "99.7 %"), (0.004, 0, "0.4 %"), (0.0003, 1, "0.03 %"), (-0.0003, 1, "−0.03 %"), (0.99996, 1, "99.996 %"),
    (1.0, 0, "100 %"), (1 - 1e-15, 1, "100 %"), (0.0, 0, "0 %"),
])  # fmt: skip
def test_what_is_neither_none_nor_all_never_reads_so(share: float, digits: int, text: str) -> None:
    assert spaced(say.percent(share, digits=digits)) == text


@pytest.mark.parametrize("share", [0.125, 0.625, 0.145, 0.285, 1 / 3, 0.5, 0.005 * 17])
def test_a_half_is_rounded_as_in_the_verdict_s_sentences(share: float) -> None:
    assert spaced(say.percent(share, digits=0)) == wording.percent(share)


def test_a_sum_of_money_is_the_same_with_the_noise_of_floats() -> None:
    assert say.amount(412.495, "EUR") == say.amount(412.49499999999995, "EUR") == "412.50\u00a0EUR"


@pytest.mark.parametrize(("low", "high", "text"), [
    (0.0974, 0.1018, "0.097 to 0.102 EUR"), (0.0761, 0.0924, "0.076 to 0.092 EUR"), (-0.0974, 0.1018, "−0.097 to 0.102 EUR"),
    (0.0068, 0.018, "0.0068 to 0.0180 EUR"), (0, 0.5, "0 to 0.50 EUR"),
])  # fmt: skip
def test_a_range_of_money_holds_what_stands_beside_it(low: float, high: float, text: str) -> None:
    assert spaced(say.amount_range(low, high, "EUR")) == text
