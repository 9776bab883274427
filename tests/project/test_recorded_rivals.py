"""Rivals whose outputs were recorded elsewhere: stated by the names that Tuneworth gives, measured without a model."""

import json
from pathlib import Path

import pytest

import tuneworth as tw
from tuneworth.evaluate import EvaluateSettings, VariantSettings, plan_variants
from tuneworth.project.load import NO_PAIRS
from tuneworth.style import StyleSchema

from ..conftest import pair

TEST = range(48, 60)
RIVALS = {"nearest": range(48, 51), "prompted + retry": range(48, 54), "tuned + retry": TEST}
MONEY = """
[roi]
requests_per_day = 100
[roi.prompted]
price_input = 1
price_output = 2
input_tokens = 100
output_tokens = 10
[roi.tuned]
price_input = 1
price_output = 2
input_tokens = 10
output_tokens = 10
"""


def record(labels: Path, name: str, good: range) -> str:
    """Write the outputs of a rival, and return its table."""
    rows = [{"id": f"p{n}", "output": pair(n)["output"] + ("" if n in good else ".")} for n in TEST]
    (labels / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return f'[evaluate."{name}"]\noutputs = "{name}.jsonl"\n'


@pytest.mark.slow
def test_recorded_rivals_are_measured_beside_the_variants(labels: Path) -> None:
    project = labels / "tuneworth.toml"
    tables = "".join(record(labels, name, good) for name, good in RIVALS.items())
    project.write_text(project.read_text(encoding="utf-8") + tables + MONEY, encoding="utf-8")
    tw.curate_project(labels)
    run = tw.evaluate_run(labels)
    shares = {name: run.results.quality[name].acceptable.share for name in RIVALS}
    assert shares == {name: len(good) / len(TEST) for name, good in RIVALS.items()}
    rows = {row.name: row for row in run.results.rivals}
    assert {name: row.measured for name, row in rows.items() if name in RIVALS} == dict.fromkeys(
        rows & RIVALS.keys(), True
    )
    assert {"nearest", "prompted + retry"} <= rows.keys()
    assert "tuned + retry" not in rows  # a rival needs no training
    variants = run.results.variants
    assert {name: (variants[name].way, variants[name].of) for name in RIVALS} == {
        "nearest": ("nearest", ["prompted"]),
        "prompted + retry": ("retry", ["prompted"]),
        "tuned + retry": ("retry", ["tuned"]),
    }
    again = tw.Run(labels)
    tw.report_run(again)  # judged again by the project
    assert again.results.quality["nearest"] == run.results.quality["nearest"]


def test_a_rival_of_the_candidate_is_tuned_whatever_the_candidate_is_called(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("", encoding="utf-8")
    names = ("prompted", "mine", "prompted + retry", "mine + retry")
    named = dict.fromkeys(names, VariantSettings(outputs="a.jsonl"))
    settings = EvaluateSettings(variants=names[:2], candidate="mine", named=named)
    planned = plan_variants(settings, folder=tmp_path, style=StyleSchema("none", ()), train=NO_PAIRS)
    assert [(one.name, one.tuned) for one in planned] == list(zip(names, (False, True, False, True), strict=True))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[evaluate."prompted + retry"]\nfew_shot = 2\n', 'only "outputs" and "repair" can be stated'),
        ('[evaluate."promted + retry"]\noutputs = "a.jsonl"\n', "promted"),
        ('[evaluate.nearest]\noutputs = "a.jsonl"\n', r"a\.jsonl"),
    ],
)
def test_what_is_no_recorded_rival_is_refused(labels: Path, table: str, words: str) -> None:
    project = labels / "tuneworth.toml"
    project.write_text(project.read_text(encoding="utf-8") + table, encoding="utf-8")
    with pytest.raises(tw.ConfigError, match=words):
        tw.run_project(labels)
