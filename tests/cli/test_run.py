"""The whole way, with a tiny real model."""

import json
from pathlib import Path

import pytest

from ..conftest import write_project
from ..shared import unsealed


@pytest.mark.slow
def test_a_run_goes_from_pairs_to_a_report(command, project):
    done = command("run", project, "--json")
    assert done.code == 0, done.err
    assert "are learnt" in done.err  # the first example with its loss mask
    run = project / "runs" / next(p.name for p in (project / "runs").iterdir())
    for name in [
        "run.json", "curate/train.jsonl", "curate/validation.jsonl", "curate/test.jsonl", "curate/ledger.parquet",
        "curate/summary.json", "train/adapter/adapter_model.safetensors", "train/log.jsonl", "train/summary.json",
        "evaluate/outputs.jsonl", "results.json", "report.html", "report.md",
    ]:  # fmt: skip
        assert (run / name).is_file(), name
    results = json.loads((run / "results.json").read_text())
    assert set(results["quality"]) == {"plain", "prompted", "tuned"}
    assert results["quality"]["tuned"]["n"] == 6
    assert results["verdict"]["decision"] in {"fine-tune", "keep prompting", "cannot tell yet", "fix first"}
    assert done.json["verdict"] == results["verdict"]
    outputs = [json.loads(line) for line in (run / "evaluate/outputs.jsonl").read_text().splitlines()]
    assert len(outputs) == 18
    assert results["tokens"]["prompted"]["fixed"] > results["tokens"]["tuned"]["fixed"]
    assert results["provenance"]["test_set_used"] == 1
    roles = {entry["role"]: entry["path"] for entry in results["provenance"]["inputs"]}
    assert roles["project"] == "tuneworth.toml"
    assert {"pairs", "style"} <= set(roles)


@pytest.mark.smoke
@pytest.mark.slow
def test_a_run_that_goes_on_asks_for_nothing_twice(command, project):
    first = command("run", project, "--json")
    run = project / "runs" / next(p.name for p in (project / "runs").iterdir())
    made = (run / "evaluate/generated.jsonl").read_text()
    (run / "results.json").unlink()
    second = command("run", project, "--json", "--run", run.name)
    assert second.code == 0, second.err
    assert (run / "evaluate/generated.jsonl").read_text() == made
    assert second.json["quality"] == first.json["quality"]
    assert "training" not in second.err


@pytest.mark.slow
def test_the_stages_one_by_one_give_what_run_gives(command, project):
    whole = command("run", project, "--json").json
    for stage in ("curate", "train", "evaluate"):
        done = command(stage, project, "--json")
        assert done.code == 0, done.err
    assert done.json["quality"] == whole["quality"]
    adapters = [path.read_bytes() for path in project.glob("runs/*/train/adapter/adapter_model.safetensors")]
    assert len(adapters) == 2
    assert len(set(adapters)) == 1  # the same seed
    # The same test set was used a second time, and the results say so.
    assert done.json["provenance"]["test_set_used"] == 2


@pytest.mark.slow
def test_a_seed_goes_for_the_whole_run_and_is_kept_when_it_goes_on(command, project):
    adapters = {}
    for seed in ("0", "7"):
        done = command("run", project, "--json", "--seed", seed)
        assert done.code == 0, done.err
        run = project / "runs" / max(p.name for p in (project / "runs").iterdir())
        adapters[seed] = (run / "train/adapter/adapter_model.safetensors").read_bytes()
    assert adapters["0"] != adapters["7"]
    # As after a kill: the fit is made again, without the seed being stated again.
    (unsealed(run) / "train/summary.json").unlink()
    again = command("run", project, "--json", "--run", run.name)
    assert (run / "train/adapter/adapter_model.safetensors").read_bytes() == adapters["7"]
    assert again.json["quality"] == done.json["quality"]
    assert json.loads((run / "results.json").read_text())["provenance"]["seed"] == 7


@pytest.mark.smoke
@pytest.mark.model
def test_the_embedded_model_is_fitted_and_judged(command, tmp_path):
    settings = write_project(tmp_path, Path("smollm2-135m")) / "tuneworth.toml"
    settings.write_text(settings.read_text().replace("[evaluate]", '[evaluate]\nvariants = ["prompted", "tuned"]'))
    done = command("run", tmp_path, "--json")
    assert done.code == 0, done.err
    assert set(done.json["quality"]) == {"prompted", "tuned"}
    assert done.json["verdict"]["decision"] in {"fine-tune", "keep prompting", "cannot tell yet", "fix first"}
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "train/adapter/adapter_model.safetensors").stat().st_size > 100_000
    assert done.json["verdict"]["sentence"] in (run / "report.md").read_text(encoding="utf-8")
