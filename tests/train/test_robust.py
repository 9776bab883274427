"""What a hostile day does to a fit: odd pairs, no room on the disk, damaged checkpoints, callbacks that raise."""

import doctest
import json
import math
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tuneworth.core import ConfigError, DataError, RunBroken
from tuneworth.train import StepReport, TrainResult, TrainSettings, fit

fitting = import_module("tuneworth.train.fit")

QUICK = TrainSettings(rank=4, alpha=8, max_steps=6, batch_size=4, learning_rate=1e-2, checkpoint_steps=0)
PAIRS = [{"id": f"p{i}", "input": f"lamp {i}", "output": f"yes, {i}"} for i in range(10)]
A = {"input": "a", "output": "b"}


class Killed(BaseException):
    pass


def at(step: int, act: Callable[[], Any]) -> Callable[[StepReport], None]:
    return lambda told: act() if told.step == step else None


def kill() -> None:
    raise Killed


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def same_adapter(one: Path, other: Path) -> bool:
    return (one / "adapter/adapter_model.safetensors").read_bytes() == (
        other / "adapter/adapter_model.safetensors"
    ).read_bytes()


# --- pairs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "no train pairs"),
        (pl.DataFrame(), "no train pairs"),
        ([{"input": "a"}], "train pairs: the pairs lack output; expected columns input, output"),
        (pl.DataFrame({"text": ["a"]}), "lack input and output"),
        ([A, {**A, "output": None}, {"id": "x", "input": "c"}], r"2 pairs \(2, x\) without an output"),
        ([{**A, "output": ""}], r"1 pair \(1\) without an output"),
        ([{**A, "output": " \n"}], r"1 pair \(1\) without an output"),
        ([{**A, "output": math.nan}], r"1 pair \(1\) whose output is of type float; expected text"),
        ([{**A, "input": {"name": "lamp"}}], r"1 pair \(1\) whose input is an object; expected text"),
        ([{**A, "system": 3}], r"1 pair \(1\) whose system is of type int"),
        ([{**A, "input": "\ud800"}], "half a character"),
        ([A, {**A, "input": 1, "output": None}], r"(?s)2 problems.*without an output|of type int"),
        (["a pair"], "record 1 is not an object"),
        ([{**A, "input": "a" * 300}], "longer than the model's context"),
    ],
)
def test_unfit_pairs_are_named(tiny_model: Any, tmp_path: Path, pairs: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit(pairs, model=tiny_model, settings=QUICK, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_validation_pairs_are_looked_at_as_well(tiny_model: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"validation pairs: 1 pair \(1\) without an output"):
        fit(PAIRS, [{**A, "output": None}], model=tiny_model, settings=QUICK, out=tmp_path)


@pytest.mark.parametrize("table", [A, "pairs.jsonl", None, 3])
def test_what_is_no_table_is_a_programmers_error(tiny_model: Any, tmp_path: Path, table: Any) -> None:
    with pytest.raises(TypeError, match="expected a"):
        fit(table, model=tiny_model, settings=QUICK, out=tmp_path)


@pytest.mark.slow
def test_every_kind_of_table_gives_the_same_adapter(tiny_model: Any, tmp_path: Path) -> None:
    import pandas as pd

    tables = {"list": PAIRS, "polars": pl.DataFrame(PAIRS), "pandas": pd.DataFrame(PAIRS)}
    for name, table in tables.items():
        fit(table, model=tiny_model, settings=replace(QUICK, max_steps=2), out=tmp_path / name)
        assert same_adapter(tmp_path / name, tmp_path / "list")
        assert read(tmp_path / name / "pair_losses.jsonl") == read(tmp_path / "list" / "pair_losses.jsonl")


@pytest.mark.slow
def test_a_dataset_of_hugging_face_is_a_table_too(tiny_model: Any, tmp_path: Path) -> None:
    from datasets import Dataset

    for name, table in {"list": PAIRS, "dataset": Dataset.from_list(PAIRS)}.items():
        fit(table, model=tiny_model, settings=QUICK, out=tmp_path / name)
    assert same_adapter(tmp_path / "dataset", tmp_path / "list")


def test_ids_are_texts_each_once(tiny_model: Any, tmp_path: Path) -> None:
    ids = [1, "1", None, 2.5, "x", "x", "x", "\ud800"]
    pairs = [{"id": id, "input": f"{i}", "output": "b"} for i, id in enumerate(ids)]
    result = fit(pairs, model=tiny_model, settings=QUICK, out=tmp_path)
    lines = read(tmp_path / "pair_losses.jsonl")
    assert [line["id"] for line in lines] == ["1", "1#2", "3", "2.5", "x", "x#2", "x#3", "\\ud800"]
    assert any("3 rows repeat an id" in notice for notice in result.notices)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3, 4, 64])
def test_one_pair_and_one_validation_pair_are_enough(tiny_model: Any, tmp_path: Path, batch_size: int) -> None:
    settings = replace(QUICK, max_steps=1, batch_size=batch_size, patience=1)
    result = fit([A], [{**A, "input": "c"}], model=tiny_model, settings=settings, out=tmp_path)
    assert (result.steps, result.best_step, result.stopped_early) == (1, 1, False)
    assert result.validation_loss == result.log[0]["validation_loss"]


def test_without_a_word_about_steps_few_pairs_get_ten_epochs(tiny_model: Any, tmp_path: Path) -> None:
    settings = replace(QUICK, max_steps=None, learning_rate=None, batch_size=64)
    result = fit(PAIRS, model=tiny_model, settings=settings, out=tmp_path)
    assert (result.steps, result.settings.epochs, result.settings.learning_rate) == (10, 10, 1e-3)


@pytest.mark.slow
def test_a_thousand_epochs_end_when_the_validation_loss_has_turned(tiny_model: Any, tmp_path: Path) -> None:
    against = [{**pair, "output": pair["output"][::-1]} for pair in PAIRS[:4]]
    settings = replace(QUICK, max_steps=None, epochs=200, batch_size=8, learning_rate=3e-2, patience=1)
    result = fit(PAIRS[:8], against, model=tiny_model, settings=settings, out=tmp_path)
    assert result.stopped_early
    assert result.best_step < result.steps < 200


@pytest.mark.slow
def test_validation_pairs_that_are_train_pairs_are_told(tiny_model: Any, tmp_path: Path) -> None:
    result = fit(PAIRS, [*PAIRS[:3], {"input": "new", "output": "b"}], model=tiny_model, settings=QUICK, out=tmp_path)
    assert any(notice.startswith("3 validation pairs are also train pairs") for notice in result.notices)
    other = fit(PAIRS, [{"input": "new", "output": "b"}], model=tiny_model, settings=QUICK, out=tmp_path)
    assert not other.notices


@pytest.fixture
def poisoned_model(tiny_model: Any) -> Any:
    """The tiny model, for which the letter Q is no number."""
    (token,) = tiny_model.tokenizer("Q", add_special_tokens=False)["input_ids"]
    model = tiny_model.model
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone(), requires_grad=False)
    model.get_input_embeddings().weight.data[token] = math.nan
    return tiny_model


@pytest.mark.slow
def test_a_pair_whose_loss_is_no_number_costs_its_batches_only(poisoned_model: Any, tmp_path: Path) -> None:
    pairs = [*PAIRS, {"id": "bad", "input": "Q", "output": "b"}]
    settings = replace(QUICK, max_steps=18, batch_size=2)
    result = fit(pairs, model=poisoned_model, settings=settings, out=tmp_path)
    assert result.skipped_steps == 3
    assert "3 of 18 steps were skipped: their loss or gradient was not a finite number" in result.notices
    assert [line["id"] for line in read(tmp_path / "pair_losses.jsonl") if line["loss"] is None] == ["bad"]
    assert math.isfinite(result.train_loss)
    assert all(p.isfinite().all() for p in tensors(tmp_path / "adapter/adapter_model.safetensors").values())


def test_a_validation_loss_that_is_no_number_is_told(poisoned_model: Any, tmp_path: Path) -> None:
    result = fit(PAIRS, [{"input": "Q", "output": "b"}], model=poisoned_model, settings=QUICK, out=tmp_path)
    assert (result.validation_loss, result.best_step, result.steps) == (None, 3, 3)  # three looks, and patience ends
    assert any("was never a finite number" in notice for notice in result.notices)
    assert json.loads((tmp_path / "summary.json").read_text())["validation_loss"] is None


# --- disk -------------------------------------------------------------------------------------------------------


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes while the block lasts: the disk is full, as far as the fit can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


ENDLESS = resource.getrlimit(resource.RLIMIT_FSIZE)[0]


@pytest.mark.slow
def test_a_disk_that_is_full_at_a_checkpoint_costs_the_checkpoint_only(tiny_model: Any, tmp_path: Path) -> None:
    settings = replace(QUICK, checkpoint_steps=2)
    whole = fit(PAIRS, model=tiny_model, settings=settings, out=tmp_path / "whole")
    events = [at(3, lambda: limit(8_000)), at(5, lambda: limit(ENDLESS))]
    with room(ENDLESS):
        result = fit(PAIRS, model=tiny_model, settings=settings, out=tmp_path / "full", callbacks=events)
    assert same_adapter(tmp_path / "full", tmp_path / "whole")
    told = set(result.notices) - set(whole.notices)
    assert len(told) == 1
    assert "the checkpoint of step 4 could not be written (File too large)" in told.pop()


@pytest.mark.slow
def test_a_disk_that_is_full_at_the_end_loses_nothing(tiny_model: Any, tmp_path: Path) -> None:
    settings = replace(QUICK, checkpoint_steps=2)
    fit(PAIRS, model=tiny_model, settings=settings, out=tmp_path / "whole")
    full = tmp_path / "full"
    with room(ENDLESS), pytest.raises(RunBroken, match=r"(?s)File too large.*resumes from the last checkpoint"):
        fit(PAIRS, model=tiny_model, settings=settings, out=full, callbacks=[at(5, lambda: limit(8_000))])
    assert not (full / "adapter").exists()
    assert (full / "checkpoint.safetensors").exists()
    assert not list(full.rglob("*.part"))
    fit(PAIRS, model=tiny_model, settings=settings, out=full, resume=True)
    assert same_adapter(full, tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("again", [5, 6])  # with one more line to come, and after the last one
def test_a_log_line_that_cannot_be_written_costs_no_fit(tiny_model: Any, tmp_path: Path, again: int) -> None:
    whole = fit(PAIRS, model=tiny_model, settings=QUICK, out=tmp_path / "whole")
    events = [at(2, lambda: limit(500)), at(again, lambda: limit(ENDLESS))]
    with room(ENDLESS):
        result = fit(PAIRS, model=tiny_model, settings=QUICK, out=tmp_path / "full", callbacks=events)
    assert (tmp_path / "full/log.jsonl").read_bytes() == (tmp_path / "whole/log.jsonl").read_bytes()
    told = set(result.notices) - set(whole.notices)
    assert told == {"log.jsonl could not always be written from step 4 on (File too large)"}


def test_a_disk_without_room_for_the_adapter_is_told_before_training(tiny_model: Any, tmp_path: Path) -> None:
    steps: list[StepReport] = []
    with (
        room(8_000),
        pytest.raises(RunBroken, match=r"cannot write there: File too large; the adapter takes [\d.]+ kB"),
    ):
        fit(PAIRS, model=tiny_model, settings=QUICK, out=tmp_path / "x", callbacks=[steps.append])
    assert not steps


@pytest.mark.slow
def test_event_files_that_cannot_be_written_cost_no_fit(tiny_model: Any, tmp_path: Path) -> None:
    settings = replace(QUICK, trackers=("tensorboard",))
    events = [at(2, lambda: limit(400)), at(5, lambda: limit(ENDLESS))]
    with room(ENDLESS):
        full = fit(PAIRS, model=tiny_model, settings=settings, out=tmp_path / "full", callbacks=events)
    (tmp_path / "tracking").write_text("in the way")
    barred = fit(PAIRS, model=tiny_model, settings=settings, out=tmp_path)
    for result, step in [(full, 4), (barred, 1)]:  # the bytes that fit of step 3 were still written
        assert result.steps == 6
        assert f"TensorBoard's files could not be written from step {step} on" in " ".join(result.notices)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_had_is_told_before_the_model_is_loaded(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="expected a folder"):
        fit(PAIRS, model="no such model", settings=QUICK, out=tmp_path / place)


# --- checkpoints ------------------------------------------------------------------------------------------------


@pytest.fixture
def cut(tiny_model: Any, tmp_path: Path) -> Path:
    """The folder of a fit that was killed at step 5 of 6, with the checkpoint of step 4."""
    with pytest.raises(Killed):
        fit(PAIRS, model=tiny_model, settings=CHECKED, out=tmp_path / "cut", callbacks=[at(5, kill)])
    return tmp_path / "cut"


CHECKED = replace(QUICK, checkpoint_steps=2)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_checkpoint_that_is_cut_off_is_named(tiny_model: Any, cut: Path, share: float) -> None:
    path = cut / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ConfigError, match=r"(?s)checkpoint.*cannot be read.*Delete it to start over"):
        fit(PAIRS, model=tiny_model, settings=CHECKED, out=cut, resume=True)
    path.unlink()
    assert fit(PAIRS, model=tiny_model, settings=CHECKED, out=cut, resume=True).steps == 6


def without(name: str) -> Callable[[dict[str, torch.Tensor], dict[str, Any]], None]:
    def change(held: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        for key in [key for key in held if key.startswith(name)]:
            del held[key]

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        without("pairs/first"),
        without("adapter/"),
        without("optimizer/0/"),
        without("optimizer/0/exp_avg_sq"),
        lambda held, state: held.update({"new_part/x": torch.zeros(1)}),
        lambda held, state: held.update({"bare": torch.zeros(1)}),
        lambda held, state: state.update(a_field_of_tomorrow=1),
        lambda held, state: state.pop("step"),
        lambda held, state: state.pop("log"),
    ],
)
def test_a_checkpoint_of_another_version_is_told(tiny_model: Any, cut: Path, change: Any) -> None:
    path = cut / "checkpoint.safetensors"
    with safe_open(path, framework="pt") as file:
        told = file.metadata()
    held, state = tensors(path), json.loads(told["state"])
    change(held, state)
    save_file(held, path, metadata={**told, "state": json.dumps(state)})
    with pytest.raises(ConfigError, match=r"(?s)checkpoint.*another version.*Delete it to start over"):
        fit(PAIRS, model=tiny_model, settings=CHECKED, out=cut, resume=True)


def test_a_torn_last_line_of_the_log_is_mended(tiny_model: Any, cut: Path, tmp_path: Path) -> None:
    with (cut / "log.jsonl").open("a") as log:
        log.write('{"step": 6, "tr')
    result = fit(PAIRS, model=tiny_model, settings=CHECKED, out=cut, resume=True)
    assert read(cut / "log.jsonl") == list(result.log)
    assert [line["step"] for line in result.log] == [1, 2, 3, 4, 5, 6]


# --- use from Python --------------------------------------------------------------------------------------------


def test_the_example_in_the_documentation_runs(tiny_model: Any) -> None:
    names = {"fit": fit, "TrainSettings": TrainSettings, "model": tiny_model}
    (example,) = [test for test in doctest.DocTestFinder().find(fitting.fit, "fit", globs=names) if test.examples]
    assert doctest.DocTestRunner().run(example) == doctest.TestResults(0, 3)


def test_a_callback_gets_each_step_and_the_result_cannot_be_changed(tiny_model: Any, tmp_path: Path) -> None:
    seen: list[StepReport] = []
    result = fit(PAIRS, PAIRS[:2], model=tiny_model, settings=QUICK, out=tmp_path, callbacks=[seen.append])
    assert isinstance(result, TrainResult)
    assert [(told.step, told.steps) for told in seen] == [(i, 6) for i in range(1, 7)]
    assert [told.train_loss for told in seen] == [line["train_loss"] for line in result.log]
    assert all(told.tokens_per_second > 0 and told.seconds_left >= 0 for told in seen)
    for told, name in [(result, "steps"), (seen[0], "step")]:
        with pytest.raises(FrozenInstanceError):
            setattr(told, name, 0)


@pytest.mark.slow
def test_what_a_callback_raises_passes_through_and_the_fit_can_go_on(tiny_model: Any, tmp_path: Path) -> None:
    ids = torch.arange(20)[None]
    before = tiny_model.model(input_ids=ids).logits
    whole = fit(PAIRS, model=tiny_model, settings=CHECKED, out=tmp_path / "whole")
    with pytest.raises(ZeroDivisionError):
        fit(PAIRS, model=tiny_model, settings=CHECKED, out=tmp_path / "cut", callbacks=[at(3, lambda: 1 / 0)])
    assert torch.equal(tiny_model.model(input_ids=ids).logits, before)
    resumed = fit(PAIRS, model=tiny_model, settings=CHECKED, out=tmp_path / "cut", resume=True)
    assert resumed.log == whole.log
    assert same_adapter(tmp_path / "cut", tmp_path / "whole")
