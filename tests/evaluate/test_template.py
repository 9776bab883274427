"""A template: what is learned from train pairs, and what it writes."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.evaluate.outputs.table import OUTPUT_SCHEMA
from tuneworth.evaluate.rivals.derived import Template, learn_template, template_table
from tuneworth.style import parse_style

COVERS = parse_style("checks: [{kind: covers, fields: [volts, package]}]")
ENDS = parse_style(
    'checks: [{kind: ends_with, any: ["{package}"]}, {kind: pattern, regex: ", "}, {kind: grounded, facts: [numbers]}]'
)


def table(rows) -> pl.DataFrame:
    """Pairs from (fields or text, output)."""
    return pl.DataFrame(
        [
            {
                "id": f"p{n}",
                "group": None,
                "input": text if isinstance(text, str) else "\n".join(f"{k}: {v}" for k, v in text.items()),
                "fields": None if isinstance(text, str) else json.dumps(text),
                "output": output,
                "system": None,
                "reference_ok": True,
            }
            for n, (text, output) in enumerate(rows)
        ],
        schema={
            "id": pl.String, "group": pl.String, "input": pl.String, "fields": pl.String, "output": pl.String,
            "system": pl.String, "reference_ok": pl.Boolean,
        },
    )  # fmt: skip


def parts(n=60):
    return [
        (
            {
                "package": f"SOIC-{n % 3 + 4}",
                "sku": f"x{n}y",
                "kind": f"{WORDS[n % 5]} amplifier",
                "volts": f"{n + 2} V",
            },
            f"{WORDS[n % 5]} amplifier, {n + 2} V, SOIC-{n % 3 + 4}",
        )
        for n in range(n)
    ]


WORDS = ["audio", "radio", "buffer", "servo", "video"]


def test_the_fields_come_in_the_order_in_which_outputs_mention_them() -> None:
    assert str(learn_template(table(parts()), ENDS)) == "{kind}, {volts}, {package}"


def test_what_it_writes_for_unseen_inputs_keeps_the_rules() -> None:
    template = learn_template(table(parts()), ENDS)
    assert template is not None
    assert template.fill({"kind": "new", "volts": "9 V", "package": "DIP-8"}) == "new, 9 V, DIP-8"


def test_an_empty_or_missing_field_leaves_no_separator() -> None:
    template = Template(("{a}", "{b}", "{c}"), ", ", ".")
    assert template.fill({"a": "x", "b": "", "c": None}) == "x."
    assert template.fill({"c": ["y", "z"]}) == "y, z."


def test_a_field_that_outputs_do_not_mention_comes_in_where_a_rule_asks_for_it() -> None:
    rows = [({"name": f"n{n}", "volts": f"{n} V", "package": "DIP"}, f"n{n}") for n in range(50)]
    learned = learn_template(table(rows), COVERS)
    assert learned is not None
    assert {"{volts}", "{package}"} <= set(learned.parts)


def test_a_text_without_fields_is_one_place() -> None:
    rows = [(f"take {n} apples", f"take {n} apples") for n in range(40)]
    assert str(learn_template(table(rows), ENDS)) == "{input}"


def test_json_outputs_give_a_json_template_with_the_usual_fields_and_constants() -> None:
    rows = [
        ({"colour": f"c{n}", "size": n}, json.dumps({"size": n, "colour": f"c{n}", "unit": "mm", "note": f"z{n}"}))
        for n in range(40)
    ]
    style = parse_style("checks: [{kind: json}]")
    template = learn_template(table(rows), style)
    assert template is not None
    assert json.loads(template.fill({"colour": "red", "size": 7})) | {"note": ""} == {
        "size": 7, "colour": "red", "unit": "mm", "note": "",
    }  # fmt: skip


def test_without_outputs_nothing_is_learned() -> None:
    assert learn_template(table([("a", ""), ("b", None)]), ENDS) is None
    assert learn_template(table([]), ENDS) is None


@pytest.mark.slow
@given(st.permutations(parts(24)))
def test_the_order_of_the_rows_changes_nothing(rows) -> None:
    first = table(parts(24)).with_columns(id=pl.col("input"))
    again = table(rows).with_columns(id=pl.col("input"))
    assert str(learn_template(first, ENDS, seed=3)) == str(learn_template(again, ENDS, seed=3))


@pytest.mark.parametrize("samples", [1, 3])
def test_its_outputs_are_a_table_of_outputs_without_tokens_or_time(samples) -> None:
    pairs = table(parts(4))
    outputs = template_table(Template(("{kind}",)), pairs, "template", samples)
    assert dict(outputs.schema) == OUTPUT_SCHEMA
    assert outputs["id"].to_list() == [id for id in pairs["id"] for _ in range(samples)]
    assert outputs.select("input_tokens", "output_tokens", "seconds").sum().row(0) == (0, 0, 0)
    assert outputs["finish_reason"].unique().to_list() == ["stop"]


def test_braces_in_values_are_taken_as_they_are() -> None:
    assert Template(("{a} {b}",)).fill({"a": "{b}", "b": "x"}) == "{b} x"
