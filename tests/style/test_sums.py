"""The check that shares which are listed together add up."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError
from tuneworth.style import check_outputs, explain, infer_style, parse_style, write_guide


def found(output: str, check: str = "{kind: sums}") -> tuple[str, list[str]]:
    results = check_outputs(pl.DataFrame({"output": [output], "input": [""]}), parse_style(f"checks: [{check}]"))
    for text, start, end in results.violations.select("found", "start", "end").iter_rows():
        assert output[start:end] == text
    return results.status.item(), results.violations["found"].to_list()


CASES = [
    ("Made of 60% cotton, 40% polyester.", "pass", []),
    ("Made of 60% cotton, 30% polyester.", "fail", ["60% cotton, 30% polyester"]),
    ("60 % Baumwolle, 35 % Polyester und 5 % Elasthan", "pass", []),
    ("33% silk, 33% wool, 33% linen", "pass", []),
    ("33,3 % silk, 66,7 % organic merino wool", "pass", []),
    ("Cotton: 60%, polyester: 30%", "fail", ["Cotton: 60%, polyester: 30%"]),
    ("Cotton (60%), polyester (40%)", "pass", []),
    ("70% wool/20% silk/20% linen", "fail", ["70% wool/20% silk/20% linen"]),
    ("- 70% wool\n- 20% silk", "fail", ["70% wool\n- 20% silk"]),
    ("Shell: 100% cotton, lining: 60% polyester, 40% viscose", "pass", []),
    ("100% cotton, 60% polyester, 40% viscose", "pass", []),
    ("100% cotton, 60% polyester, 30% viscose", "fail", ["100% cotton, 60% polyester, 30% viscose"]),
    ("80% of guests came, 30% of them early", "not applicable", []),
    ("20% off, 30% off today", "not applicable", []),
    ("30% more power, 20% less noise", "not applicable", []),
    ("Wages rose 5%, prices 3%", "not applicable", []),
    ("It is 100% cotton.", "not applicable", []),
    ("From 5% to 10%", "not applicable", []),
    ("96.7% stocks, 1.8% sector funds (XLE+XLF), 1.5% others", "pass", []),
    ("98.4% accuracy, 91.1% recall", "not applicable", []),
    ("40-50% calories from carbs, 20% protein, 30-40% fat", "not applicable", []),
    ("70% wool, 20% silk, ~10% others", "not applicable", []),
    ("70% wool, 20% silk. Save 5% now", "fail", ["70% wool, 20% silk"]),
    ("100% cotton, 5% shrinkage", "not applicable", []),
    ("80% cotton, 19% polyester, 11% elastane", "fail", ["80% cotton, 19% polyester, 11% elastane"]),
    ("Accuracy 0.1%, 5 V", "not applicable", []),
    ("", "not applicable", []),
]


@pytest.mark.parametrize(("output", "status", "expected"), CASES)
def test_lists_of_shares_add_up(output, status, expected):
    assert found(output) == (status, expected)


def test_parts_in_another_unit_add_up_to_the_stated_total():
    check = "{kind: sums, unit: g, total: 500, tolerance: 0}"
    assert found("300 g flour, 200 g sugar", check) == ("pass", [])
    assert found("300 g flour and 199 g sugar", check) == ("fail", ["300 g flour and 199 g sugar"])
    assert found("300 g flour, 200 g sugar", "{kind: sums, unit: g, total: 510, tolerance: 10}") == ("pass", [])


def are_wholes(shares: list[int]) -> bool:
    """Whether the shares can be cut into wholes."""
    if not shares:
        return True
    return any(99 <= sum(shares[:n]) <= 101 and are_wholes(shares[n:]) for n in range(1, len(shares) + 1))


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6))
def test_shares_pass_exactly_where_they_are_wholes(shares):
    status = found(", ".join(f"{share}% wool" for share in shares))[0]
    assert (status == "pass") == are_wholes(shares)
    if not are_wholes(shares) and 50 <= sum(shares) <= 98:
        assert status == "fail"


def test_a_violation_says_the_sum_and_the_guide_the_rule():
    style = parse_style("checks: [{kind: sums}]")
    [row] = check_outputs(pl.DataFrame({"output": ["60% a, 30.5% b"], "input": [""]}), style).violations.rows(
        named=True
    )
    assert explain(style.checks[0], row["found"], row["expected"]) == (
        'sums: "60% a, 30.5% b" adds up to 90.5, expected 100%'
    )
    assert "- Where you list percentages of a whole, make them add up to 100%." in write_guide(style)


@pytest.mark.parametrize(("entry", "problem"), [
    ("unit: ' '", '"unit" is empty'), ("total: 0", "must be above 0"), ("tolerance: 100", 'from 0 to below "total"'),
])  # fmt: skip
def test_a_wrong_parameter_is_refused(entry, problem):
    with pytest.raises(ConfigError, match=problem):
        parse_style(f"checks: [{{kind: sums, {entry}}}]")


def test_infer_proposes_it_where_nearly_all_lists_add_up():
    outputs = [f"Shirt {n}, {n}% cotton, {100 - n}% linen" for n in range(1, 60)] + ["Hat, 40% wool, 50% silk"]
    inferred = infer_style(pl.DataFrame({"output": outputs, "input": [str(n) for n in range(60)]}))
    [rule] = [one for one in inferred.evidence if one.check.kind == "sums"]
    assert (rule.entry, rule.check.level) == ({"kind": "sums", "unit": "%"}, "should")
    one = pl.DataFrame({"output": ["Shirt, 40% cotton, 60% linen", *["Shirt"] * 59], "input": ["x"] * 60})
    assert [rule for rule in infer_style(one).evidence if rule.check.kind == "sums"] == []


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["5% a, ", "5% a ", "a: 5%", "5%", "a ", "a b c d 5% ", "5% a\n- "])
def test_a_million_characters_are_read_to_the_end(piece):
    assert found(piece * (1_000_000 // len(piece)))[0] in ("pass", "fail", "not applicable")
