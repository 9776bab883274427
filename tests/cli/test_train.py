"""`tuneworth train`: what it says before and after, and what it does in a run that is already trained."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tuneworth.project import Run, Training, plan_text, train_text
from tuneworth.train.model import hardware
from tuneworth.train.model.hardware import MemoryAtHand

from ..shared import unsealed

planning = import_module("tuneworth.train.preflight")


def run_of(project: Path) -> Path:
    return next((project / "runs").iterdir())


def change(project: Path, old: str, new: str) -> None:
    file = project / "tuneworth.toml"
    file.write_text(file.read_text().replace(old, new))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


# --- before -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_dry_run_says_everything_and_writes_nothing(command, curated):
    before = contents(run_of(curated))
    done = command("train", curated, "--dry-run")
    assert done.code == 0, done.err
    for words in ["tokens per pair", "learning rate", "by the rule", "4 of 4 pairs", "time", "memory", "disk", "yes ("]:
        assert words in done.out
    assert "<|turn|>user" in done.out
    assert max(len(line) for line in done.out.splitlines() if "/" not in line) <= 80
    assert contents(run_of(curated)) == before


@pytest.mark.slow
def test_a_dry_run_as_data(command, curated):
    plan = command("train", curated, "--dry-run", "--json").json
    assert plan["steps"] == 4
    assert {"tokens", "time", "memory", "disk", "checks", "settings", "stated", "preview"} <= set(plan)
    assert all(check["ok"] for check in plan["checks"])


@pytest.mark.slow
def test_a_dry_run_without_torch_says_what_to_install_and_what_is_known(command, curated, monkeypatch):
    change(curated, "max_steps = 4\n", "")
    whole, before = command("train", curated, "--dry-run", "--json").json, contents(run_of(curated))
    for package in ("torch", "transformers", "peft"):
        monkeypatch.setitem(sys.modules, package, None)  # as Python finds it where it is not installed
    done = command("train", curated, "--dry-run")
    assert done.code == 2
    assert done.err.startswith("tuneworth: training needs torch, transformers, peft\nInstall with: ")
    assert max(map(len, done.out.splitlines())) <= 80
    partial = command("train", curated, "--dry-run", "--json").json
    same = ("pairs", "validation_pairs", "steps", "stated")
    assert {key: partial[key] for key in same} == {key: whole[key] for key in same}
    assert partial["epochs"] == whole["settings"]["epochs"]
    assert partial["tokens"] is None
    train = [json.loads(line) for line in (run_of(curated) / "curate" / "train.jsonl").read_text().splitlines()]
    assert partial["characters"]["total"] == sum(len(row["input"]) + len(row["output"]) for row in train)
    assert contents(run_of(curated)) == before


@pytest.mark.slow
def test_bfloat16_where_it_is_slower_is_a_notice(command, curated, monkeypatch):
    monkeypatch.setattr(hardware, "bf16_ratio", lambda: 0.25)
    change(curated, '"float32"', '"bfloat16"')
    done = command("train", curated, "--dry-run", "--json")
    assert "warning: bfloat16 is 4.0 times as slow" in done.err
    assert any(hardware.AUTO in notice for notice in done.json["notices"])


@pytest.mark.slow
def test_pairs_that_are_too_long_are_named_and_left_out_by_request(command, pairs_file, project):
    rows = [json.loads(line) for line in pairs_file.read_text().splitlines()]
    for row in rows[:20]:
        row["input"]["more"] = " ".join(f"{row['id']}-{n}" for n in range(90))
    pairs_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert command("curate", project, "--quiet").code == 0
    refused = command("train", project)
    assert refused.code == 2
    assert "longer than the model's context of 256 tokens" in refused.err
    assert not (run_of(project) / "train").exists()
    done = command("train", project, "--drop-long", "--json")
    assert done.code == 0, done.err
    dropped = [json.loads(line) for line in (run_of(project) / "train/dropped.jsonl").read_text().splitlines()]
    assert done.json["dropped_pairs"] == len(dropped) > 5
    assert {row["split"] for row in dropped} <= {"train", "validation"}
    assert all(row["tokens"] > 256 for row in dropped)
    assert done.json["train_pairs"] + done.json["validation_pairs"] + len(dropped) == sum(
        len((run_of(project) / f"curate/{split}.jsonl").read_text().splitlines()) for split in ("train", "validation")
    )
    assert f"{dropped[0]['id']}" in done.err


@pytest.mark.slow
def test_what_cannot_fit_is_refused_before_anything_is_written(command, curated, monkeypatch):
    monkeypatch.setattr(planning, "memory_at_hand", lambda device: MemoryAtHand(50_000, "container"))
    done = command("train", curated)
    assert done.code == 2
    assert "50 kB are available (container)" in done.err
    assert "To make it fit" in done.err
    assert not (run_of(curated) / "train").exists()


@pytest.mark.slow
def test_parts_are_made_smaller_where_memory_is_short(command, curated, monkeypatch):
    wanted = command("train", curated, "--dry-run", "--json").json["memory"]
    short = int(0.6 * (wanted["peak_bytes"] - wanted["now_bytes"]))
    monkeypatch.setattr(planning, "memory_at_hand", lambda device: MemoryAtHand(short, "container"))
    done = command("train", curated, "--json")
    assert done.code == 0, done.err
    assert "in memory at once, not 4" in done.err
    assert done.json["settings"]["micro_batch"] in (1, 2)


LIMITED = """
import resource, sys
import psutil
import polars, torch
from tuneworth.cli import main
from tuneworth.train import fit, preflight, load_model
resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**20, resource.RLIM_INFINITY))
try:
    main(["train", sys.argv[1]])
finally:  # what torch does when Python ends is not ours to word
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.slow
def test_a_real_limit_on_memory_ends_in_words(curated):
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(curated)], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode in (2, 3)
    said = [line for line in done.stderr.splitlines() if not line.startswith(("model:", "train:"))]
    assert 1 <= len(said) <= 3, done.stderr
    assert "Traceback" not in done.stderr


# --- after ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_answer_is_for_people(command, curated):
    done = command("train", curated)
    assert done.code == 0, done.err
    for words in [
        "steps             4",
        "tokens/s",
        "validation loss",
        "the adapter of step",
        "Pairs with the highest loss",
        "tuneworth why",
    ]:
        assert words in done.out
    run = run_of(curated)
    assert str(run / "train" / "adapter") in done.out
    assert done.out.splitlines()[-1].startswith("Next: tuneworth evaluate")
    summary = json.loads((run / "train/summary.json").read_text())
    assert summary["by_rule"] == ["learning_rate"]
    assert summary["dropped_pairs"] == 0
    assert json.loads((run / "train/preflight.json").read_text())["steps"] == 4


@pytest.mark.slow
def test_progress_is_a_line_at_each_look(command, curated):
    lines = [line for line in command("train", curated).err.splitlines() if line.startswith("train: step")]
    assert len(lines) == 4
    assert all("validation" in line and " left" in line for line in lines)


@pytest.mark.slow
def test_without_validation_pairs_there_is_progress_too(command, project):
    change(project, "[train]", "[curate]\nsplit = { train = 0.8, validation = 0.0, test = 0.2 }\n[train]")
    assert command("curate", project, "--quiet").code == 0
    done = command("train", project)
    assert done.code == 0, done.err
    assert sum(line.startswith("train: step") for line in done.err.splitlines()) == 4
    assert "no validation pairs" in done.out
    assert "validation loss" not in done.out


@pytest.mark.slow
def test_a_run_that_is_trained_is_not_trained_twice(command, curated):
    first = command("train", curated, "--json")
    before = contents(run_of(curated))
    second = command("train", curated, "--json")
    assert second.code == 0
    assert second.json == first.json
    assert "is already trained" in second.err
    assert contents(run_of(curated)) == before


def test_a_training_killed_before_its_last_record_is_recorded_by_the_next_command(command, trained):
    record = unsealed(run_of(trained)) / "run.json"
    facts = json.loads(record.read_text())
    took = facts["seconds"].pop("train")
    record.write_text(json.dumps(facts))
    done = command("train", trained)
    assert "is already trained" in done.err
    recorded = json.loads(record.read_text())["seconds"]["train"]
    assert 0 < recorded <= took  # of the fit, without what was prepared for it


@pytest.mark.slow
def test_a_result_of_python_prints_as_the_command_does_and_is_a_table_in_a_notebook(trained):
    run = Run(trained)
    done = Training(run, json.loads((run.folder / "train" / "summary.json").read_text()))
    assert repr(done).startswith("Trained on 42 pairs\n\nsteps             4")
    page = done._repr_html_()
    assert "<strong>Trained on 42 pairs</strong>" in page
    for name in ("steps", "time", "training loss", "validation loss", "kept", "memory", "adapter"):
        assert f">{name}</th>" in page
    assert str(done.adapter) in page
    assert "pairs with the highest loss" in page


def test_other_settings_do_not_overwrite_what_was_trained(command, trained):
    before = contents(run_of(trained))
    change(trained, "rank = 2", "rank = 3")
    for words in (["train"], ["train", "--merge"], ["run", "--run", run_of(trained).name]):
        refused = command(words[0], trained, *words[1:])
        assert refused.code == 2
        assert "rank was 2, now 3" in refused.err
        assert "--again" in refused.err
    assert contents(run_of(trained)) == before


@pytest.mark.slow
def test_again_trains_anew_and_keeps_the_earlier_one(command, trained):
    run = run_of(trained)
    before = contents(run / "train")
    change(trained, "rank = 2", "rank = 3")
    done = command("train", trained, "--again")
    assert done.code == 0, done.err
    assert contents(run / "train-1") == before
    assert json.loads((run / "train/summary.json").read_text())["settings"]["rank"] == 3
    assert str(run / "train-1") in done.err


@pytest.mark.slow
def test_the_next_step_can_be_typed_as_it_stands(command, curated):
    place = curated.rename(curated.with_name("it's a project"))
    run = run_of(place).name
    done = command("train", place, "--run", run, "--dry-run", "--drop-long", "--seed", "3", "--merge")
    words = shlex.split(done.out.splitlines()[-1].removeprefix("Next: "))
    assert words == ["tuneworth", "train", str(place), "--run", run, "--drop-long", "--merge", "--seed", "3"]
    done = command("train", place, "--run", run)
    assert shlex.split(done.out.splitlines()[-1].removeprefix("Next: "))[1:] == ["evaluate", str(place), "--run", run]
    change(place, "rank = 2", "rank = 3")
    refused = " ".join(command("train", place).err.split())
    assert f"`tuneworth train {shlex.quote(str(place))} --run {run} --again`" in refused


def test_again_costs_the_earlier_training_nothing_where_it_is_refused(command, trained, monkeypatch):
    before = contents(run_of(trained))
    monkeypatch.setattr(planning, "memory_at_hand", lambda device: MemoryAtHand(1000, "container"))
    assert command("train", trained, "--again").code == 2
    monkeypatch.undo()
    monkeypatch.setattr("tuneworth.train.log.find_spec", lambda name: None)
    change(trained, "[train]", '[train]\ntrackers = ["tensorboard"]')
    refused = command("train", trained, "--again")
    assert refused.code == 2
    assert "pip install tensorboard" in refused.err
    assert contents(run_of(trained)) == before


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_named_before_the_model_is_loaded(command, curated):
    place = run_of(curated) / "train"
    place.write_text("a note")
    for words in ([], ["--dry-run"], ["--again"]):
        refused = command("train", curated, *words)
        assert refused.code == 2
        assert f"{place}: cannot write there" in refused.err
    assert place.read_text() == "a note"


def test_what_changes_no_adapter_may_be_changed(command, trained):
    change(trained, "[train]", "[train]\ncheckpoint_steps = 7\nmicro_batch = 1")
    done = command("train", trained)
    assert done.code == 0, done.err
    assert "is already trained" in done.err


@pytest.mark.slow
def test_a_fit_that_was_stopped_waits_for_its_own_settings(command, trained):
    (run_of(trained) / "train/checkpoint.safetensors").write_bytes(b"")
    before = contents(run_of(trained))
    change(trained, "rank = 2", "rank = 3")
    for words in ([], ["--dry-run"]):
        refused = command("train", trained, *words)
        assert refused.code == 2
        assert "interrupted training with other settings: rank was 2, now 3" in refused.err
    assert contents(run_of(trained)) == before
    assert command("train", trained, "--again", "--quiet").code == 0


@pytest.mark.slow
def test_a_summary_of_another_training_is_no_training(command, trained):
    summary = run_of(trained) / "train/summary.json"
    whole = json.loads(summary.read_text())
    summary.write_text('{"steps": 3}')
    assert loss_of(command("train", trained, "--json")) == whole["train_loss"]


@pytest.mark.slow
def test_a_damaged_summary_is_named_and_made_again_by_training(command, trained):
    summary = run_of(trained) / "train/summary.json"
    whole = json.loads(summary.read_text())
    summary.write_text("{")
    done = command("train", trained, "--json")
    assert done.code == 2
    assert f"Remove it, then make it again: tuneworth train {trained} --run {run_of(trained).name}" in done.err
    summary.unlink()
    assert loss_of(command("train", trained, "--json")) == whole["train_loss"]


def loss_of(done):
    """The training loss that a command printed."""
    assert done.code == 0, done.err
    return done.json["train_loss"]


@pytest.mark.slow
def test_merging_needs_no_second_training(command, trained):
    done = command("train", trained, "--merge", "--json")
    assert done.code == 0, done.err
    assert "is already trained" in done.err
    assert (run_of(trained) / "train/merged/model.safetensors").is_file()
    assert done.json["merged"]


def test_a_dry_run_without_a_run_says_what_to_do(command, project):
    done = command("train", project, "--dry-run")
    assert done.code == 2
    assert "tuneworth curate" in done.err


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_hostile_ids_and_missing_numbers_stay_in_their_lines(command, curated):
    plan = command("train", curated, "--dry-run", "--json").json
    hostile = "evil\x1b[2J\n" + "x" * 500
    plan |= {"dropped": [{"id": hostile, "split": "train", "tokens": 9}], "dtype_ratio": None, "threads": None}
    plan["disk"]["free_bytes"] = None
    text = plan_text(plan)
    assert max(len(line) for line in text.splitlines() if plan["model"] not in line) <= 80
    summary = command("train", curated, "--json").json
    summary |= {
        "highest_losses": [{"id": hostile, "loss": 9.9, "first_loss": 9.9, "tokens": 3}],
        "validation_loss": None,
    }
    said = train_text(summary, [], run="runs/x")
    assert max(map(len, said.splitlines())) <= 80
    shutil.rmtree(run_of(curated) / "train")


@pytest.mark.slow
def test_two_trainings_in_one_run_are_refused_and_a_lock_left_by_a_killed_one_holds_nothing(command, curated):
    from filelock import FileLock

    lock = run_of(curated) / ".run.lock"
    with FileLock(lock):
        done = command("train", curated)
        assert done.code == 2
        assert "another command is working in this run" in done.err
        assert not (run_of(curated) / "train").exists()
    lock.touch()  # the file stays where its holder was killed
    assert command("train", curated, "--quiet").code == 0
