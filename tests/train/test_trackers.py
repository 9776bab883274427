import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuneworth.core import ConfigError
from tuneworth.train import StepReport, TrainSettings, fit
from tuneworth.train.log import SCALARS, TensorBoard

PAIRS = [{"input": f"lamp {i}", "output": f"yes, {i}"} for i in range(10)]
QUICK = TrainSettings(rank=2, alpha=4, max_steps=5, batch_size=4, learning_rate=1e-2, checkpoint_steps=2)
TRACKED = replace(QUICK, trackers=("tensorboard",))


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself shows of the folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), purge_orphaned_data=True)
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.mark.slow
def test_tensorboard_shows_what_the_log_holds(tiny_model: Any, tmp_path: Path) -> None:
    result = fit(PAIRS[:8], PAIRS[8:], model=tiny_model, settings=TRACKED, out=tmp_path)
    shown = scalars(tmp_path / "tracking")
    for tag, name in SCALARS.items():
        if name != "tokens_per_second":
            expected = [(line["step"], line[name]) for line in result.log if line[name] is not None]
            assert shown[tag] == [(step, pytest.approx(value, rel=1e-6)) for step, value in expected]
    assert len(shown["train/tokens_per_second"]) == 5


@pytest.mark.slow
def test_tensorboard_shows_each_step_of_a_killed_fit_once(tiny_model: Any, tmp_path: Path) -> None:
    def stop(told: StepReport) -> None:
        if told.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(PAIRS, model=tiny_model, settings=TRACKED, out=tmp_path, callbacks=[stop])
    result = fit(PAIRS, model=tiny_model, settings=TRACKED, out=tmp_path, resume=True)
    assert len(list((tmp_path / "tracking").iterdir())) == 2
    shown = scalars(tmp_path / "tracking")["train/loss"]
    assert shown == [(line["step"], pytest.approx(line["train_loss"], rel=1e-6)) for line in result.log]


def test_a_tracker_that_is_missing_is_told_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # as where it is not installed
    with pytest.raises(ConfigError, match="pip install tensorboard"):
        fit(PAIRS, model="no such model", settings=TRACKED, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    report = StepReport(
        step=1, steps=2, epoch=0.5, train_loss=math.nan, validation_loss=None, learning_rate=1e-3, gradient_norm=math.inf,
        tokens_per_second=100.0, seconds_left=1.0,
    )  # fmt: skip
    tracker(report)
    tracker.close()
    assert scalars(tmp_path).keys() == {"train/epoch", "train/learning_rate", "train/tokens_per_second"}


def test_an_unknown_tracker_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'wandb'; known are tensorboard"):
        TrainSettings(trackers=("wandb",))


@pytest.mark.slow
def test_transformers_reads_the_state_that_a_fit_leaves(tiny_model: Any, tmp_path: Path) -> None:
    from transformers import TrainerState

    result = fit(PAIRS[:8], PAIRS[8:], model=tiny_model, settings=QUICK, out=tmp_path)
    state = TrainerState.load_from_json(str(tmp_path / "trainer_state.json"))
    assert (state.global_step, state.max_steps, state.epoch, state.num_train_epochs) == (5, 5, 2.5, 3)
    assert (state.best_metric, state.best_global_step) == (result.validation_loss, result.best_step)
    steps = [line for line in state.log_history if "loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5]
    assert [line["loss"] for line in steps] == [line["train_loss"] for line in result.log]
    assert all({"grad_norm", "learning_rate", "epoch"} <= line.keys() for line in steps)
    looks = [(line["step"], line["eval_loss"]) for line in state.log_history if "eval_loss" in line]
    assert looks == [
        (line["step"], line["validation_loss"]) for line in result.log if line["validation_loss"] is not None
    ]
    assert state.log_history[-1]["train_loss"] == result.train_loss
    assert "NaN" not in (tmp_path / "trainer_state.json").read_text()


def test_without_validation_pairs_the_state_has_no_best(tiny_model: Any, tmp_path: Path) -> None:
    fit(PAIRS, model=tiny_model, settings=QUICK, out=tmp_path)
    table = json.loads((tmp_path / "trainer_state.json").read_text())
    assert (table["best_metric"], table["best_global_step"], table["best_model_checkpoint"]) == (None, None, None)
    assert table["eval_steps"] == table["max_steps"]


@pytest.mark.slow
def test_training_without_a_tracker_imports_nothing_of_tensorboard(tiny_folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "import tuneworth.cli.train, tuneworth.project.training.train\n"
        "from tuneworth.train import TrainSettings, fit\n"
        f"fit([{{'input': 'a', 'output': 'b'}}], model={str(tiny_folder)!r}, out=Path({str(tmp_path)!r}),\n"
        "    settings=TrainSettings(rank=2, alpha=4, max_steps=1, dtype='float32'))\n"
        "print([name for name in sys.modules if 'tensorboard' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
