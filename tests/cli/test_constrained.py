"""The rival `prompted + constrained` in a run: with the model here, and from an endpoint that may refuse."""

import json
from pathlib import Path
from typing import Any

import pytest

from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion, error
from ..reports.described import assert_described

SHAPE = '  - {kind: pattern, regex: "Box with a [a-z]{1,8} [a-z ]{1,30}, [0-9]{1,3} kg", whole: true, id: shape}\n'
NAME = "prompted + constrained"


def with_shape(project: Path, rivals: str) -> Path:
    """The project with a pattern of the whole output, and these rivals."""
    style, settings = project / "style.yaml", project / "tuneworth.toml"
    style.write_text(style.read_text() + SHAPE)
    text = settings.read_text().replace('rivals = "none"', f"rivals = {rivals}")
    settings.write_text(text.replace("max_new_tokens = 8", "max_new_tokens = 80"))
    return project


def results_of(project: Path) -> dict[str, Any]:
    return json.loads((sorted((project / "runs").iterdir())[-1] / "results.json").read_text())


@pytest.mark.slow
def test_the_model_here_keeps_the_shape_as_a_rival(command, trained):
    done = command("evaluate", with_shape(trained, f'["{NAME}"]'), "--json")
    assert done.code == 0, done.err
    results = results_of(trained)
    assert_described(results)
    broken = {name: one["checks"]["shape"]["share"] for name, one in results["quality"].items()}
    assert (broken[NAME], broken["prompted"]) == (0, 1)
    row = next(row for row in results["rivals"] if row["name"] == NAME)
    assert (row["way"], row["of"], row["measured"]) == ("constrained", ["prompted"], True)
    store = next((trained / "runs").iterdir()) / "evaluate" / "generated.jsonl"
    before = store.read_bytes()
    assert command("evaluate", trained, "--json").json["quality"] == results["quality"]
    assert store.read_bytes() == before


PROJECT = """
[data]
path = "pairs.jsonl"
group = "family"
[evaluate]
variants = ["prompted", "tuned"]
rivals = ["prompted + constrained"]
[evaluate.prompted]
endpoint = "URL"
model = "base"
guide = "guide.txt"
few_shot = 1
[evaluate.tuned]
endpoint = "URL"
model = "ft:base:labels"
"""


@pytest.mark.slow
@pytest.mark.parametrize("accepts", [True, False])
def test_an_endpoint_is_measured_or_named_with_its_refusal(
    command, tmp_path, pairs_file, style_file, accepts
):  # fmt: skip
    def behave(asked: Asked) -> Step:
        if "structured_outputs" not in asked.body:
            return Step(body=completion("Box with words"))
        if not accepts:
            return error(400, "Unrecognized request argument supplied: structured_outputs", param="structured_outputs")
        return Step(body=completion("Box with a red lamp, 3 kg"))

    style_file.write_text(style_file.read_text() + SHAPE)
    (tmp_path / "guide.txt").write_text("Write a label.")
    with EndpointServer(behave) as server:
        (tmp_path / "tuneworth.toml").write_text(PROJECT.replace("URL", server.url))
        done = command("run", tmp_path, "--json")
        assert done.code == 0, done.err
    row = next(row for row in results_of(tmp_path)["rivals"] if row["name"] == NAME)
    assert row["measured"] is accepts
    if accepts:
        assert results_of(tmp_path)["quality"][NAME]["checks"]["shape"]["share"] == 0
    else:
        assert row["why"] == 'the endpoint rejects "structured_outputs", so its outputs were not constrained'
        assert 'rejects "structured_outputs"; continuing without it' in done.err
