"""evaluate/results.schema.json is true of real runs of every kind, and describes every key that they have."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from tuneworth.examples import example_path

from .described import SCHEMA, assert_described, undescribed
from .first_screen_kinds import KINDS
from .real_run import ROI

OWN_MACHINE = ROI.replace(
    "[roi.tuned]\nprice_input = 1.20\nprice_output = 4.80", "[roi.tuned]\nhourly = 1.2\nrequests_per_second = 3"
)


def empty(line: dict[str, Any]) -> None:
    line["output"] = ""


def untold(line: dict[str, Any]) -> None:
    for key in ("input_tokens", "output_tokens", "seconds", "model"):
        del line[key]


# Beside the runs that the first screen is tested with, which are judged once for both.
REAL: dict[str, dict[str, Any]] = {
    "one variant without prices": {"variants": ("tuned",), "roi": None},
    "nothing told": {"roi": None, "change": untold},
    "own machine": {"roi": OWN_MACHINE},
    "retry": {"roi": ROI.replace('"repair"', '"retry"\ntries = 2')},
    "empty outputs": {"change": empty},
    "gates": {"options": ("--gate", "quality.tuned.n >= 1", "--gate", "verdict.decision == fine-tune")},
}
VALID = jsonschema_rs.Draft202012Validator(SCHEMA)
ENOUGH = {"n": 420, "roi": None, "variants": ("prompted", "tuned")}  # for the two-sample test


@pytest.mark.slow
def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == "tuneworth/results/1"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        *(pytest.param(options, id=kind) for kind, (options, _) in KINDS.items()),
        *(pytest.param(options, id=kind) for kind, options in REAL.items()),
        pytest.param(ENOUGH, id="enough for the two-sample test"),
    ],
)
def test_a_run_of_every_kind_keeps_the_schema(evaluated_run: Callable[..., Path], options: dict[str, Any]):
    assert_described(json.loads((evaluated_run(**options) / "results.json").read_text(encoding="utf-8")))


@pytest.mark.slow
def test_several_samples_and_another_number_of_them_keep_the_schema(evaluated_run: Callable[..., Path], tmp_path: Path):
    pairs = (example_path("components") / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [{**json.loads(pair), "sample": sample} for pair in pairs for sample in (0, 1)]
    asked = [json.loads(pair)["id"] for pair in pairs[:: len(pairs) // 42][:42]]
    lines = [json.dumps({key: row[key] for key in ("id", "output", "sample")}) for row in rows if row["id"] in asked]
    (tmp_path / "twice.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = ("--outputs", f"twice={tmp_path / 'twice.jsonl'}", "--candidate", "twice")
    run = evaluated_run(n=42, variants=("prompted",), roi=None, options=options)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    assert results["quality"]["twice"]["samples"] == 2
    assert_described(results)


def test_the_invented_run_lacks_keys_but_has_none_that_the_schema_forbids(make_run: Callable[..., Path]):
    results = json.loads((make_run() / "results.json").read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(results)
    assert [error.message for error in errors if not only_lacks(error)] == []


def only_lacks(error: jsonschema.ValidationError) -> bool:
    """Whether a required key is all that is wrong, of several schemas with one of them."""
    choices: dict[Any, list[jsonschema.ValidationError]] = {}
    for inner in error.context or ():
        choices.setdefault(inner.schema_path[0], []).append(inner)
    return error.validator == "required" or any(all(map(only_lacks, inner)) for inner in choices.values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict", "decision"), "maybe"),
        (("quality", "tuned", "acceptable", "share"), 86),
        (("quality", "tuned", "n"), -1),
        (("risks", 0, "status"), "fine"),
        (("money", "assumptions", 0, "source"), "guessed"),
        (("comparison", "p_value"), "small"),
        (("schema",), "tuneworth/results/2"),
    ],
)
def test_what_the_contract_forbids_the_schema_refuses(evaluated_run: Callable[..., Path], path: tuple[Any, ...], value):
    results = json.loads((evaluated_run(n=42) / "results.json").read_text())
    assert VALID.is_valid(results)
    place = results
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert not VALID.is_valid(results)


def test_a_key_that_is_not_described_is_found(evaluated_run: Callable[..., Path]):
    results = json.loads((evaluated_run(n=42) / "results.json").read_text())
    results["money"]["derivation"][0]["new"] = 1
    results["quality"]["tuned"]["checks"]["clean"]["new"] = 1
    assert set(undescribed(results, SCHEMA)) == {".money.derivation[].new", ".quality.tuned.checks.clean.new"}
