"""The probes of a run, with a tiny real model."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tuneworth.curate import read_split
from tuneworth.evaluate import general_prompts
from tuneworth.project import Run, read_project
from tuneworth.project.gather.gathering import probe, spread, write_probes
from tuneworth.project.gather.output_plan import variants_of
from tuneworth.project.gather.sources import LocalModel


@pytest.fixture
def tuned(trained: Path):
    """A project with a run that is curated and trained, the run, and its tuned variant."""
    run = next((trained / "runs").iterdir())
    found = read_project(trained)
    variants = variants_of(Run(run, project=found), adapter=run / "train" / "adapter")
    return found, run, next(variant for variant in variants if variant.name == "tuned")


def asked(tuned, tiny_model, *, tested=6, **settings):
    project, run, variant = tuned
    project = replace(project, evaluate=replace(project.evaluate, **settings))
    return probe(variant, LocalModel(Run(run, project=project), tiny_model), tested=tested)


@pytest.mark.slow
def test_probes_ask_train_pairs_and_general_prompts_and_ask_nothing_twice(tuned, tiny_model):
    _, run, _ = tuned
    found = asked(tuned, tiny_model)
    assert len(found.on_train.acceptable) == len(found.on_train.groups) == 6
    assert set(np.unique(found.on_train.acceptable)) <= {0.0, 1.0}
    write_probes(found, run)
    # A random model passes nothing, so nothing can be forgotten.
    assert found.forgetting.n == 100
    assert found.forgetting.status == "not checked"
    lines = [json.loads(line) for line in (run / "evaluate" / "probes.jsonl").read_text().splitlines()]
    assert lines == found.general.to_dicts()
    prompts = {prompt.id: prompt for prompt in general_prompts()}
    assert all(row["prompt"] == prompts[row["id"]].prompt and row["tuned"] is not None for row in lines)
    assert any(row["base"] != row["tuned"] for row in lines)
    made = (run / "evaluate" / "generated.jsonl").read_bytes()
    again = asked(tuned, tiny_model)
    assert (run / "evaluate" / "generated.jsonl").read_bytes() == made
    assert again.general.equals(found.general)
    assert np.array_equal(again.on_train.acceptable, found.on_train.acceptable)


@pytest.mark.slow
def test_train_pairs_are_those_that_were_trained_on(tuned, tiny_model):
    project, run, variant = tuned
    train = read_split(run, "train")
    gone = train["id"].to_list()[:-3]
    (run / "train" / "dropped.jsonl").write_text(
        "".join(json.dumps({"id": id}) + "\n" for id in gone), encoding="utf-8"
    )
    assert len(asked(tuned, tiny_model).on_train.acceptable) == 3
    shown = replace(variant, examples=((train["input"][-1], train["output"][-1]),))
    assert len(asked((project, run, shown), tiny_model).on_train.acceptable) == 2


@pytest.mark.slow
def test_no_train_sample_and_no_room_leave_a_probe_out(tuned, tiny_model):
    assert asked(tuned, tiny_model, train_sample=0).on_train is None
    assert asked(tuned, tiny_model, max_new_tokens=250).on_train is None


@pytest.mark.slow
def test_of_an_adapter_from_elsewhere_no_train_pairs_are_known(tuned, tiny_model, tmp_path):
    project, run, variant = tuned
    copied = Path(shutil.copytree(variant.adapter, tmp_path / "elsewhere"))
    found = asked((project, run, replace(variant, adapter=copied)), tiny_model)
    assert found.on_train is None
    assert found.forgetting is not None


def test_a_sample_goes_evenly_through_the_groups_whatever_the_order_of_the_rows():
    pairs = pl.DataFrame({"id": [f"p{n}" for n in range(400)], "group": [f"g{n // 40}" for n in range(400)]})
    found = spread(pairs, 100, seed=3)
    assert found["id"].n_unique() == 100
    assert set(found["group"].value_counts()["count"]) <= {9, 10, 11}
    shuffled = spread(pairs.sample(fraction=1, shuffle=True, seed=1), 100, seed=3)
    assert shuffled["id"].to_list() == found["id"].to_list()
    assert spread(pairs, 100, seed=4)["id"].to_list() != found["id"].to_list()
    assert len(spread(pairs, 400, seed=3)) == len(spread(pairs, 1000, seed=3)) == 400
    assert len(spread(pairs.with_columns(group=pl.lit(None, dtype=pl.String)), 7, seed=0)) == 7


@pytest.mark.slow
def test_every_pair_is_as_likely_to_be_drawn():
    pairs = pl.DataFrame({"id": [f"p{n}" for n in range(30)], "group": ["big"] * 20 + [f"g{n}" for n in range(10)]})
    drawn = [set(spread(pairs, 10, seed=seed)["group"]).__contains__("g3") for seed in range(600)]
    assert np.mean(drawn) == pytest.approx(1 / 3, abs=0.07)
