"""Plans of variants, few-shot examples, and outputs from elsewhere."""

import tomllib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, DataError
from tuneworth.evaluate import EvaluateSettings, VariantSettings, plan_variants, read_evaluate, read_outputs, read_roi
from tuneworth.evaluate.variants import OWN, WRITTEN, choose_examples
from tuneworth.style import parse_style

STYLE = parse_style("name: S\nchecks: [{kind: clean}]")


def train(n: int, groups: int) -> pl.DataFrame:
    rows = [{"id": f"p{i}", "group": f"g{i % groups}", "input": f"in {i}", "output": f"out {i}"} for i in range(n)]
    return pl.DataFrame(rows, schema={"id": pl.String, "group": pl.String, "input": pl.String, "output": pl.String})


def plan(settings: EvaluateSettings, folder: Path = Path(), **more):
    return plan_variants(settings, folder=folder, style=STYLE, train=train(9, 3), **({"adapter": Path("a")} | more))


def test_only_the_prompted_variant_has_a_guide_and_examples():
    plain, prompted, tuned = plan(EvaluateSettings())
    assert (plain.guide, plain.examples, tuned.guide, tuned.examples) == (None, (), None, ())
    assert prompted.guide_origin == WRITTEN
    assert len(prompted.examples) == 3
    assert tuned.source == "adapter"


def test_a_guide_in_the_data_is_the_teams_own():
    assert plan(EvaluateSettings(), data_guide="Be brief.")[1].guide_origin == OWN


def test_a_guide_file_is_read_and_a_missing_one_rejected(tmp_path):
    (tmp_path / "guide.md").write_text("Write well.\n")
    named = {"prompted": VariantSettings(guide="guide.md")}
    found = plan(EvaluateSettings(named=named), tmp_path)[1]
    assert (found.guide, found.guide_origin) == ("Write well.", OWN)
    with pytest.raises(ConfigError, match=r"no guide at .*none"):
        plan(EvaluateSettings(named={"prompted": VariantSettings(guide="none.md")}), tmp_path)


def test_a_tuned_variant_without_an_adapter_is_an_error_with_the_first_step():
    with pytest.raises(ConfigError, match="needs an adapter"):
        plan(EvaluateSettings(), adapter=None)


def test_variants_may_have_different_models_and_adapters(tmp_path):
    (tmp_path / "big").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "adapter_config.json").write_text("{}")
    named = {
        "prompted": VariantSettings(model="big"),
        "guided": VariantSettings(adapter="run", guide="style.yaml"),
        "elsewhere": VariantSettings(adapter="other", model="hub/name"),
        "hosted": VariantSettings(endpoint="http://127.0.0.1:1/v1", model="m-1", tuned=True),
    }
    settings = EvaluateSettings(variants=("prompted", "tuned", "guided", "elsewhere", "hosted"), named=named)
    prompted, tuned, guided, elsewhere, hosted = plan(settings, tmp_path)
    assert (prompted.model, prompted.source, prompted.tuned) == (str(tmp_path / "big"), "base model", False)
    assert tuned.adapter == guided.adapter == Path("a")
    assert (elsewhere.adapter, elsewhere.model) == (tmp_path / "other", "hub/name")
    assert (hosted.source, hosted.model, hosted.local, hosted.tuned) == ("endpoint", "m-1", False, True)
    assert settings.contenders == ("prompted",)


def test_a_missing_adapter_or_one_of_another_model_is_rejected(tmp_path):
    for own, said in (
        (VariantSettings(adapter="gone"), "no adapter at"),
        (VariantSettings(model="x"), "fits the model"),
    ):
        with pytest.raises(ConfigError, match=said):
            plan(EvaluateSettings(named={"tuned": own}), tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ("prompted",)),
        ({"variants": ("plain", "tuned")}, ("plain",)),
        ({"variants": ("plain", "prompted", "short", "tuned")}, ("plain", "prompted", "short")),
        ({"variants": ("plain", "prompted", "short", "tuned"), "baseline": "short"}, ("short",)),
        ({"variants": ("prompted", "short", "tuned"), "candidate": "short"}, ("prompted",)),
    ],
)
def test_only_variants_without_training_may_be_the_baseline(settings, expected):
    named = {"short": VariantSettings(guide="short.md")} if "short" in settings.get("variants", ()) else {}
    assert EvaluateSettings(**settings, named=named).contenders == expected


HOSTED = {"endpoint": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize(
    ("name", "own", "tuned"),
    [
        ("hosted", {**HOSTED, "model": "ft:small:shop::a1"}, True),
        ("hosted", {**HOSTED, "model": "small"}, False),
        ("hosted", {**HOSTED, "model": "small", "tuned": True}, True),
        ("hosted", {**HOSTED, "model": "software-4-ft", "tuned": False}, False),
        ("tuned-2", {"model": "x"}, True),
        ("large", {"model": "../models/shop-tuned"}, True),
        ("large", {"model": "../models/large", "guide": "style.yaml"}, False),
    ],
)
def test_a_variant_named_tuned_is_never_the_baseline(name, own, tuned):
    settings = EvaluateSettings(variants=("prompted", name, "tuned"), named={name: VariantSettings(**own)})
    assert settings.is_tuned(name) is tuned
    assert settings.contenders == (("prompted",) if tuned else ("prompted", name))


@given(st.integers(0, 12), st.integers(1, 5), st.integers(0, 3))
def test_examples_come_from_different_groups_in_any_order_of_rows(count, groups, seed):
    table = train(9, groups)
    chosen = choose_examples(table, count, seed=seed)
    assert chosen == choose_examples(table.reverse(), count, seed=seed)
    assert len(chosen) == min(count, 9)
    assert len(set(chosen)) == len(chosen)
    first = {int(text.removeprefix("in ")) % groups for text, _ in chosen[:groups]}
    assert len(first) == min(count, groups)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"variants": ["plain", "prompted"]}, '"candidate" is "tuned", which is not among the variants'),
        ({"baseline": "tuned"}, 'both "tuned"'),
        ({"margin": 3}, '"margin" is 3.0'),
        ({"samples": 4}, "repeats the same output"),
        ({"samples": 0}, '"samples" is 0'),
        ({"max_cost": 0}, '"max_cost" is 0'),
        ({"variants": ["tuned", "big"], "big": {"adapter": "run"}}, "no variant can be the baseline"),
        ({"prompted": {"endpoint": "http://127.0.0.1/v1"}}, '"endpoint" needs "model"'),
        ({"prompted": {"endpoint": " ", "model": "m"}}, '"endpoint" is empty'),
        ({"prompted": {"key_env": "KEY"}}, '"key_env" is for an endpoint'),
        ({"prompted": {"most_seconds": 60}}, '"most_seconds" is for an endpoint'),
        ({"prompted": {"endpoint": "http://127.0.0.1/v1", "model": "m", "most_seconds": 0}}, '"most_seconds" is 0'),
        (
            {"prompted": {"model": "m", "endpoint": "http://127.0.0.1/v1", "adapter": "a"}},
            "for a model on this machine",
        ),
        ({"variants": ["prompted", "tuned", "gpt"]}, "needs a table [evaluate.gpt]"),
        ({"promted": {"few_shot": 1}}, 'did you mean "prompted"'),
        ({"prompted": {"outputs": "a.jsonl", "few_shot": 2}}, "already collected"),
    ],
)
def test_invalid_settings_are_rejected(table, said):
    problems: list[str] = []
    assert read_evaluate(table, where="evaluate", problems=problems) is None
    assert said in " ".join(problems)


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_outputs_are_read_from_every_kind_of_file(tmp_path, kind):
    table = pl.DataFrame({"id": ["b", "a"], "output": ["out b", "out a"], "output_tokens": [2, 1], "other": ["x", "y"]})
    file = tmp_path / f"o.{kind}"
    write = {
        "jsonl": table.write_ndjson,
        "json": table.write_json,
        "csv": table.write_csv,
        "parquet": table.write_parquet,
    }
    write["tsv"] = lambda path: table.write_csv(path, separator="\t")
    write[kind](file)
    read = read_outputs(file, variant="v", ids=["a", "b", "c"])
    assert read.select("id", "output", "output_tokens").rows() == [
        ("a", "out a", 1),
        ("b", "out b", 2),
        ("c", None, None),
    ]


def test_a_broken_line_of_outputs_is_named(tmp_path):
    file = tmp_path / "o.jsonl"
    file.write_text('{"id": "a", "output": "x"}\n{"id": \n')
    with pytest.raises(DataError, match="line 2 is not JSON"):
        read_outputs(file, variant="v", ids=["a"])


@pytest.mark.parametrize(
    ("heading", "named"),
    [
        ("evaluate.prompted", "evaluate.prompted"),
        ('evaluate."gpt 4.1"', 'evaluate."gpt 4.1"'),
        ("evaluate.'gpt-4.1'", 'evaluate."gpt-4.1"'),
    ],
)
def test_a_table_is_named_as_the_file_names_it(heading, named):
    problems: list[str] = []
    table = tomllib.loads(f'variants = ["a"]\n[{heading}]\nfew_shot = "x"\nretry = {{tries = 0}}\nmodle = 1')[
        "evaluate"
    ]
    assert read_evaluate(table, where="evaluate", problems=problems) is None
    assert [problem.partition(":")[0] for problem in problems] == [named, f"{named}.few_shot", f"{named}.retry"]


def test_a_name_that_its_dot_divided_is_said_to_need_quotes():
    problems: list[str] = []
    table = tomllib.loads('[evaluate]\nvariants = ["gpt-4.1", "tuned"]\n[evaluate.gpt-4.1]\nguide = "x"')["evaluate"]
    assert read_evaluate(table, where="evaluate", problems=problems) is None
    assert len(problems) == 1
    assert '[evaluate."gpt-4.1"]' in problems[0]
    with pytest.raises(ConfigError, match=r'write \[roi\."gpt-4\.1"\]'):
        read_roi(tomllib.loads("[roi.gpt-4.1]\nprice_input = 1\nprice_output = 2")["roi"])
