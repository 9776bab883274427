"""Constrained decoding: outputs of a model with random weights that fit the style's schema or pattern by construction."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from tuneworth.core import ConfigError, ModelError
from tuneworth.evaluate import EvaluateSettings, Variant, VariantSettings, check_room, plan_variants, race
from tuneworth.evaluate.outputs.requests import plan_requests
from tuneworth.evaluate.rivals.baselines import constrained_rival, left_out_by_settings, plan_baselines
from tuneworth.evaluate.rivals.constraint import Constraint, TokenGuide, check_constraint, constraint_of
from tuneworth.style import StyleSchema, check_outputs, parse_style

from .endpoint_server import EndpointServer, Step, completion, error
from .remote_plans import a_variant, asked_for, the_plans
from .remote_plans import race as race_remote

PROMPTED = Variant("prompted", "base model", guide="Write it.")
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 40}, "ok": {"type": "boolean"}},
     "required": ["n", "ok"], "additionalProperties": False},
    {"type": "array", "items": {"enum": ["red", "green", 7, None]}, "minItems": 1, "maxItems": 3},
    {"type": "object", "properties": {"host": {"type": "string", "format": "ipv4"}}, "required": ["host"],
     "additionalProperties": False},
    {"anyOf": [{"type": "string", "pattern": "^[a-c]{2,4}$"}, {"$ref": "#/$defs/pair"}],
     "$defs": {"pair": {"type": "array", "prefixItems": [{"const": 1}, {"type": "boolean"}], "items": False,
                        "minItems": 2}}},
]  # fmt: skip


def json_style(schema: Any, **more: Any) -> StyleSchema:
    return parse_style(json.dumps({"checks": [{"kind": "json", "id": "form", "schema": schema, **more}]}))


def pattern_style(*regexes: str, **more: Any) -> StyleSchema:
    checks = [{"kind": "pattern", "id": f"form{n}", "regex": r, "whole": True, **more} for n, r in enumerate(regexes)]
    return parse_style(json.dumps({"checks": checks}))


def the_constraint(style: StyleSchema) -> Constraint:
    constraint = constraint_of(style)
    assert constraint is not None
    return constraint


def pairs_of(count: int) -> pl.DataFrame:
    rows = [{"id": f"p{n}", "input": "part " + "x " * n, "system": None} for n in range(count)]
    return pl.DataFrame(rows, schema=dict.fromkeys(("id", "input", "system"), pl.String))


def raced(
    variant: Variant, loaded: Any, store: Path, *, pairs: pl.DataFrame | None = None, **more: Any
) -> pl.DataFrame:
    limit = more.pop("max_new_tokens", 150)
    settings = EvaluateSettings(**{"temperature": 1.5, "samples": 3, **more})
    pairs = pairs_of(5) if pairs is None else pairs
    return race(variant, pairs, loaded=loaded, settings=settings, max_new_tokens=limit, store=store).outputs


@pytest.mark.slow
@pytest.mark.parametrize("schema", SCHEMAS, ids=["object", "array", "format", "either"])
def test_every_complete_output_of_a_random_model_fits_the_schema(schema: Any, tiny_model: Any, tmp_path: Path) -> None:
    table = raced(constrained_rival(PROMPTED, json_style(schema)), tiny_model, tmp_path / "store")
    whole = table.filter(pl.col("finish_reason") == "stop")["output"]
    assert len(whole) >= 12
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["ipv4"]))
    for text in whole:
        checker.validate(json.loads(text))
    free = raced(PROMPTED, tiny_model, tmp_path / "store", samples=1)
    assert not any(_fits(checker, text) for text in free["output"])


def _fits(checker: Any, text: str) -> bool:
    try:
        return checker.is_valid(json.loads(text))
    except ValueError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("regex", "more"),
    [(r"[A-Z]{2}-\d{1,3}", {}), (r"(red|blue){1,3}", {"ignore_case": True}), ("^é[^a-z\n]?(ü|x)$", {}), ("a?", {})],
    ids=["code", "case", "anchors", "empty"],
)  # fmt: skip
def test_every_complete_output_keeps_the_pattern(regex: str, more: Any, tiny_model: Any, tmp_path: Path) -> None:
    style = pattern_style(regex, **more)
    table = raced(constrained_rival(PROMPTED, style), tiny_model, tmp_path / "store")
    assert set(table["finish_reason"]) == {"stop"}
    pairs = pl.DataFrame({"output": table["output"], "input": table["id"], "fields": [None] * len(table)},
                         schema_overrides={"fields": pl.String})  # fmt: skip
    assert not len(check_outputs(pairs, style).violations)
    assert table["output"].n_unique() > 1


def test_an_output_cut_at_the_limit_is_the_beginning_of_an_allowed_one(tiny_model: Any, tmp_path: Path) -> None:
    style = pattern_style("(ab){9}")
    table = raced(constrained_rival(PROMPTED, style), tiny_model, tmp_path / "store", max_new_tokens=7)
    assert set(table["output"]) == {"abababa"}
    assert set(table["finish_reason"]) == {"length"}


@pytest.mark.slow
def test_rows_of_a_batch_do_not_affect_each_other(tiny_model: Any, tmp_path: Path) -> None:
    variant, pairs = constrained_rival(PROMPTED, json_style(SCHEMAS[1])), pairs_of(6)
    together = raced(variant, tiny_model, tmp_path / "together", pairs=pairs, samples=2)
    for row in range(len(pairs)):
        alone = raced(variant, tiny_model, tmp_path / f"{row}", pairs=pairs[row : row + 1], samples=2)
        assert alone["output"].to_list() == together.filter(pl.col("id") == f"p{row}")["output"].to_list()


@pytest.mark.slow
def test_free_and_constrained_outputs_have_different_keys(tiny_model: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for variant in (PROMPTED, *(constrained_rival(PROMPTED, pattern_style(r)) for r in ("a+b", "[xy]{3}"))):
        first = raced(variant, tiny_model, store)
        size = store.stat().st_size
        assert raced(variant, tiny_model, store).equals(first)
        assert store.stat().st_size == size
    assert len({json.loads(line)["key"] for line in store.read_bytes().splitlines()}) == 3


def test_stop_tokens_are_allowed_only_where_the_text_is_complete(tiny_model: Any) -> None:
    import torch

    tokenizer = tiny_model.tokenizer
    stops = {tokenizer.eos_token_id, tokenizer.pad_token_id}
    guide = TokenGuide(the_constraint(pattern_style("ab?")), tokenizer, stops=stops, vocabulary=264)
    guide.begin(1)
    seen = []
    for letter in "ab":
        allowed = guide.allow(torch.zeros(1, 264), [0], done=lambda row: False)[0].isfinite()
        seen.append({i for i in range(264) if allowed[i]})
        guide.take(0, tokenizer.convert_tokens_to_ids(letter))
    a, b = (tokenizer.convert_tokens_to_ids(letter) for letter in "ab")
    assert seen == [{a}, {b, *stops}]


# Like the templates of models that always think: the prompt opens the thoughts, and an answer in the chat has none.
THINKING = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' %}<think></think>{% endif %}{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n<think>{% endif %}"
)


def test_models_that_open_thoughts_in_the_prompt_are_refused(tiny_model: Any, tmp_path: Path) -> None:
    tiny_model.tokenizer.chat_template = THINKING
    with pytest.raises(ModelError, match="thinks before it answers"):
        raced(constrained_rival(PROMPTED, pattern_style("a")), tiny_model, tmp_path / "store")
    with pytest.raises(ModelError, match="thinks before it answers"):
        check_room(constrained_rival(PROMPTED, pattern_style("a")), pairs_of(1), loaded=tiny_model, max_new_tokens=9)


@pytest.mark.parametrize(
    ("style", "reason"),
    [
        (pattern_style(r"\bab"), "lookarounds not supported"),
        (json_style({"type": "array", "uniqueItems": True}), "uniqueItems"),
        (json_style({"oneOf": [{"type": "integer"}, {"type": "number"}]}), "oneOf"),
        (pattern_style("{colour} box"), "depends on the fields"),
        (pattern_style("a", level="should"), "no must rule"),
        (pattern_style("a", when={"colour": ["red"]}), "no must rule"),
        (pattern_style("a", each="line"), "no must rule"),
        (parse_style("checks: [{kind: pattern, regex: a}]"), "no must rule"),
    ],
)
def test_what_cannot_be_constrained_has_a_reason(style: StyleSchema, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        constrained_rival(PROMPTED, style)


def test_counts_in_a_pattern_are_no_fields() -> None:
    assert the_constraint(pattern_style(r"\p{Lu}[0-9]{2,3}")).text == r"\p{Lu}[0-9]{2,3}"


def test_a_schema_comes_before_a_pattern_and_the_first_pattern_without_fields_counts() -> None:
    checks = [{"kind": "pattern", "regex": "{a}x", "whole": True}, {"kind": "pattern", "regex": "b", "whole": True}]
    assert the_constraint(parse_style(json.dumps({"checks": checks}))).text == "b"
    both = parse_style(json.dumps({"checks": [*checks, {"kind": "json", "id": "j"}]}))
    assert (the_constraint(both).kind, the_constraint(both).check) == ("json", "j")


def test_existing_outputs_and_constrained_variants_have_no_constrained_rival() -> None:
    with pytest.raises(ConfigError, match="existing outputs"):
        constrained_rival(Variant("a", "outputs"), pattern_style("a"))
    rival = constrained_rival(PROMPTED, pattern_style("a"))
    assert (rival.name, rival.way, rival.of) == ("prompted + constrained", "constrained", ("prompted",))
    with pytest.raises(ConfigError, match="already"):
        constrained_rival(rival, pattern_style("a"))


def planned(style: StyleSchema, folder: Path, **stated: Any) -> Variant:
    settings = EvaluateSettings(named={"prompted": VariantSettings(constrained=True, few_shot=0, **stated)})
    train = pl.DataFrame(schema=dict.fromkeys(("id", "group", "input", "output", "system"), pl.String))
    return plan_variants(settings, folder=folder, style=style, train=train, adapter=folder)[1]


def test_the_setting_constrains_a_variant(tmp_path: Path) -> None:
    assert planned(pattern_style("a"), tmp_path).constraint == the_constraint(pattern_style("a"))
    with pytest.raises(ConfigError, match='variant "prompted": constrained = true is not possible: the style has no'):
        planned(parse_style("checks: [{kind: grounded}]"), tmp_path)
    # An endpoint has a library of its own.
    beyond = planned(pattern_style(r"\bab"), tmp_path, endpoint="http://127.0.0.1:9/v1", model="m")
    assert beyond.constraint is not None


# --- endpoints ------------------------------------------------------------------------------------------------------


CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("style", "sent"),
    [
        (json_style(CLOSED), {"response_format": {"type": "json_schema", "json_schema": {
            "name": "output", "schema": CLOSED, "strict": True}}}),
        (json_style({"properties": {"a": {}}}), {"response_format": {"type": "json_schema", "json_schema": {
            "name": "output", "schema": {"properties": {"a": {}}}, "strict": False}}}),
        (json_style({}), {"response_format": {"type": "json_object"}}),
        (pattern_style("a{2}"), {"structured_outputs": {"regex": "a{2}"}}),
    ],
    ids=["strict", "open", "any", "pattern"],
)  # fmt: skip
def test_endpoints_get_the_constraint_with_every_request(style: StyleSchema, sent: Any, tmp_path: Path) -> None:
    with EndpointServer(lambda asked: Step(body=completion("{}"))) as server:
        race_remote(the_plans(constrained_rival(a_variant(server.url), style)), tmp_path / "answers")
        assert all(sent.items() <= asked.body.items() for asked in server.requests)
        assert len(server.requests) >= 5
        free = the_plans(a_variant(server.url))
        race_remote(free, tmp_path / "answers")  # the answers under the constraint are not those without it
        assert any("response_format" not in a.body and "structured_outputs" not in a.body for a in server.requests)


def test_an_endpoint_that_refuses_the_constraint_is_reported_as_for_other_settings(tmp_path: Path) -> None:
    def refuse(asked: Any) -> Step:
        if "response_format" in asked.body:
            return error(400, "Invalid schema for response_format 'output'", param="response_format")
        return Step(body=completion(asked.text.upper()))

    warnings: list[str] = []
    with EndpointServer(refuse) as server:
        plans = the_plans(constrained_rival(a_variant(server.url), json_style(CLOSED)))
        (found,) = race_remote(plans, tmp_path / "answers", warn=warnings.append)
        assert len(asked_for(server)) >= 5
    assert found.refused == ("response_format",)
    assert any('rejects "response_format"' in text for text in warnings)


def test_a_stated_parameter_overrides_the_constraint(tmp_path: Path) -> None:
    stated = {"response_format": {"type": "text"}}
    with EndpointServer(lambda asked: Step(body=completion("x"))) as server:
        variant = constrained_rival(a_variant(server.url, parameters=stated), json_style(CLOSED))
        race_remote(the_plans(variant), tmp_path / "answers")
        assert {json.dumps(asked.body["response_format"]) for asked in server.requests} == {'{"type": "text"}'}


# --- the library ----------------------------------------------------------------------------------------------------


def test_the_reason_is_one_short_line() -> None:
    with pytest.raises(ConfigError) as refused:
        check_constraint(the_constraint(pattern_style(r"x\b" + "y" * 300)))
    text = str(refused.value)
    assert "\n" not in text
    assert len(text) < 300
    assert re.match(r'the check "form0" cannot guide a model: ', text)


def test_requests_without_a_constraint_have_none(tiny_model: Any) -> None:
    assert plan_requests(tiny_model, [[{"role": "user", "content": "x"}]], max_new_tokens=3).constraint is None


# --- the rival among the baselines -----------------------------------------------------------------------------------------


def rung_of(style: StyleSchema, tmp_path: Path, base: Variant = PROMPTED, **settings: Any) -> tuple[Any, str | None]:
    """The constrained rival among all rivals, and why it is left out."""
    stated = EvaluateSettings(**settings)
    train = pl.DataFrame(schema=dict.fromkeys(("id", "group", "input", "output", "system"), pl.String))
    baselines = plan_baselines(stated, [base], style=style, train=train, folder=tmp_path)
    found = next((baseline for baseline in baselines if baseline.variant.way == "constrained"), None)
    return found, None if found is None else left_out_by_settings(found, stated, None)


def test_the_ladder_has_the_constrained_prompt_where_the_style_limits_the_whole_output(tmp_path: Path) -> None:
    found, why = rung_of(pattern_style("a"), tmp_path)
    assert (found.name, found.base, why) == ("prompted + constrained", PROMPTED, None)
    assert found.variant.constraint == the_constraint(pattern_style("a"))
    assert rung_of(parse_style("checks: [{kind: grounded}]"), tmp_path)[0] is None
    assert rung_of(pattern_style("a"), tmp_path, found.variant)[0] is None


def test_a_rival_that_cannot_be_constrained_is_left_out_with_the_reason(tmp_path: Path) -> None:
    for rivals in ("auto", "all", ("prompted + constrained",)):
        found, why = rung_of(pattern_style(r"\bab"), tmp_path, rivals=rivals)
        assert found.variant.constraint is None
        assert why is not None
        assert "lookarounds not supported" in why
    assert "depends on the fields" in (rung_of(pattern_style("{x}"), tmp_path)[1] or "")
    assert "stated rivals" in (rung_of(pattern_style("{x}"), tmp_path, rivals=("template",))[1] or "")


def test_without_the_library_the_reason_says_how_to_install_it(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tuneworth.evaluate.rivals.constraint.find_spec", lambda name: None)
    _, why = rung_of(pattern_style("a"), tmp_path)
    assert why == "constrained decoding needs llguidance; Install with: pip install 'tuneworth[constrained]'"
    # An endpoint needs no library here, but its requests may be paid.
    far = Variant("prompted", "endpoint", model="m", endpoint="https://api.example.com/v1")
    assert "are paid" in (rung_of(pattern_style("a"), tmp_path, far)[1] or "")
    assert rung_of(pattern_style("a"), tmp_path, far, rivals="all")[1] is None
