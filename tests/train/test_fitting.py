import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from tuneworth.core import ConfigError, DataError, RunBroken
from tuneworth.train import StepReport, TrainSettings, fit

QUICK = TrainSettings(rank=4, alpha=8, epochs=2, batch_size=4, learning_rate=1e-2, checkpoint_steps=0)


def pairs(count: int, *, prefix: str = "p", answer: str = "yes, {}") -> pl.DataFrame:
    words = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
    return pl.DataFrame(
        {
            "id": [f"{prefix}{i}" for i in range(count)],
            "input": [f"{words[i % 8]} {i}" for i in range(count)],
            "output": [answer.format(words[i % 8]) for i in range(count)],
        }
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


def equal(a: Path, b: Path) -> bool:
    one, two = weights(a), weights(b)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_same_seed_same_adapter_and_another_seed_another(tiny_model: Any, tmp_path: Path) -> None:
    for name, seed in [("a", 0), ("b", 0), ("c", 1)]:
        torch.manual_seed(seed + len(name) * 7)  # the caller's own chance must not matter
        fit(pairs(10), pairs(3), model=tiny_model, settings=replace(QUICK, seed=seed), out=tmp_path / name)
    assert equal(tmp_path / "a", tmp_path / "b")
    assert not equal(tmp_path / "a", tmp_path / "c")


@pytest.mark.slow
def test_a_small_set_is_learnt_by_heart(tiny_model: Any, tmp_path: Path) -> None:
    settings = replace(QUICK, rank=8, alpha=16, epochs=80, batch_size=8, learning_rate=2e-2)
    result = fit(pairs(8), pairs(0), model=tiny_model, settings=settings, out=tmp_path)
    assert result.log[0]["train_loss"] > 4
    assert result.train_loss < 1.5
    assert result.best_step == result.steps == 80
    assert "no validation pairs" in " ".join(result.notices)


def test_what_it_leaves_behind(tiny_model: Any, tmp_path: Path) -> None:
    seen: list[StepReport] = []
    result = fit(pairs(10), pairs(3), model=tiny_model, settings=QUICK, out=tmp_path, callbacks=[seen.append])
    summary = json.loads((tmp_path / "summary.json").read_text())
    wanted = {"tokens_per_second", "steps", "seconds", "train_loss", "validation_loss", "best_step"}
    assert wanted | {"trainable_parameters", "peak_memory_bytes", "stopped_early"} <= summary.keys()
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log == list(result.log)
    assert [told.step for told in seen] == [1, 2, 3, 4, 5, 6] == [line["step"] for line in log]
    assert sum(line["validation_loss"] is not None for line in log) == 5
    assert seen[-1].seconds_left == 0.0
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "adapter", "log.jsonl", "pair_losses.jsonl", "summary.json", "trainer_state.json"
    ]  # fmt: skip
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"} <= {
        p.name for p in (tmp_path / "adapter").iterdir()
    }
    assert tiny_model.sha256 in (tmp_path / "adapter" / "README.md").read_text()


@pytest.mark.slow
def test_the_adapter_loads_with_plain_peft_and_gives_the_validation_loss(
    tiny_model: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from tuneworth.train.examples import to_examples
    from tuneworth.train.loss import LossPath, summed_loss

    result = fit(pairs(10), pairs(3), model=tiny_model, settings=QUICK, out=tmp_path)
    examples = to_examples(pairs(3), model=tiny_model)
    plain = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(plain, str(result.adapter)).get_base_model()
    total, labels = summed_loss(LossPath(adapted), examples, size=1)
    assert total / labels == pytest.approx(result.validation_loss, rel=1e-5)


def test_the_model_in_memory_is_afterwards_as_before(tiny_model: Any, tmp_path: Path) -> None:
    ids = torch.arange(20)[None]
    before = tiny_model.model(input_ids=ids).logits
    fit(pairs(4), pairs(1), model=tiny_model, settings=QUICK, out=tmp_path)
    assert torch.equal(tiny_model.model(input_ids=ids).logits, before)


@pytest.mark.slow
def test_training_stops_when_the_validation_loss_has_turned_and_keeps_the_best(tiny_model: Any, tmp_path: Path) -> None:
    against = pairs(8, answer="no: {}").with_columns(output=pl.col("output").str.reverse())
    settings = replace(QUICK, epochs=50, learning_rate=5e-2, patience=1)
    result = fit(pairs(8), against, model=tiny_model, settings=settings, out=tmp_path)
    losses = {line["step"]: line["validation_loss"] for line in result.log if line["validation_loss"] is not None}
    assert result.stopped_early
    assert result.steps < 100
    assert result.best_step == min(losses, key=lambda step: losses[step]) < result.steps
    assert result.validation_loss == min(losses.values())


@pytest.mark.parametrize("at", [pytest.param(2, marks=pytest.mark.slow), 3, pytest.param(5, marks=pytest.mark.slow)])
def test_a_fit_that_was_killed_ends_like_one_that_was_not(tiny_model: Any, tmp_path: Path, at: int) -> None:
    class Killed(BaseException):
        pass

    def kill(told: StepReport) -> None:
        if told.step == at:
            raise Killed

    settings = replace(QUICK, checkpoint_steps=2)
    whole = fit(pairs(10), pairs(3), model=tiny_model, settings=settings, out=tmp_path / "whole")
    with pytest.raises(Killed):
        fit(pairs(10), pairs(3), model=tiny_model, settings=settings, out=tmp_path / "cut", callbacks=[kill])
    resumed = fit(pairs(10), pairs(3), model=tiny_model, settings=settings, out=tmp_path / "cut", resume=True)
    assert equal(tmp_path / "whole", tmp_path / "cut")
    assert resumed.log == whole.log
    assert (tmp_path / "cut" / "log.jsonl").read_text() == (tmp_path / "whole" / "log.jsonl").read_text()
    assert not (tmp_path / "cut" / "checkpoint.safetensors").exists()


def test_a_checkpoint_of_other_pairs_is_refused(tiny_model: Any, tmp_path: Path) -> None:
    def stop(told: StepReport) -> None:
        if told.step == 3:
            raise KeyboardInterrupt

    settings = replace(QUICK, checkpoint_steps=2)
    with pytest.raises(KeyboardInterrupt):
        fit(pairs(10), pairs(3), model=tiny_model, settings=settings, out=tmp_path, callbacks=[stop])
    with pytest.raises(ConfigError, match="other pairs"):
        fit(pairs(9), pairs(3), model=tiny_model, settings=settings, out=tmp_path, resume=True)


def test_one_pair_is_enough_and_none_is_an_error(tiny_model: Any, tmp_path: Path) -> None:
    result = fit(pairs(1), pairs(0), model=tiny_model, settings=replace(QUICK, max_steps=3), out=tmp_path)
    assert result.steps == 3
    with pytest.raises(DataError, match="no train pairs"):
        fit(pairs(0), pairs(1), model=tiny_model, settings=QUICK, out=tmp_path)


def test_a_loss_that_is_no_number_stops_the_run_and_says_what_to_change(tiny_model: Any, tmp_path: Path) -> None:
    tiny_model.model.model.norm.weight.data.fill_(float("nan"))
    with pytest.raises(RunBroken, match="weights are damaged"):
        fit(pairs(4), pairs(0), model=tiny_model, settings=QUICK, out=tmp_path)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"learning_rate": 0.0}, {"max_steps": 0}, {"seed": -1}, {"model": " "}])
def test_a_setting_out_of_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TrainSettings(**wrong)


@pytest.mark.slow
def test_a_resumed_fit_keeps_its_parts_of_a_batch_whatever_the_settings_say_now(
    tiny_model: Any, tmp_path: Path
) -> None:
    def stop(told: StepReport) -> None:
        if told.step == 3:
            raise KeyboardInterrupt

    small = replace(QUICK, checkpoint_steps=2, micro_batch=2)
    whole = fit(pairs(10), pairs(3), model=tiny_model, settings=small, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(pairs(10), pairs(3), model=tiny_model, settings=small, out=tmp_path / "cut", callbacks=[stop])
    more = replace(small, micro_batch=None)  # as a preflight may find on a machine that is empty again
    resumed = fit(pairs(10), pairs(3), model=tiny_model, settings=more, out=tmp_path / "cut", resume=True)
    assert equal(tmp_path / "whole", tmp_path / "cut")
    assert resumed.log == whole.log
    assert resumed.threads == torch.get_num_threads()


@pytest.mark.slow
def test_parts_of_a_batch_change_the_result_by_rounding_alone(tiny_model: Any, tmp_path: Path) -> None:
    one = fit(pairs(10), pairs(3), model=tiny_model, settings=QUICK, out=tmp_path / "one")
    parts = fit(pairs(10), pairs(3), model=tiny_model, settings=replace(QUICK, micro_batch=1), out=tmp_path / "parts")
    assert [line["train_loss"] for line in parts.log] == pytest.approx(
        [line["train_loss"] for line in one.log], rel=1e-4
    )
    assert parts.validation_loss == pytest.approx(one.validation_loss, rel=1e-4)


def test_pairs_that_are_too_long_are_left_out_where_that_is_wished_and_said(tiny_model: Any, tmp_path: Path) -> None:
    long = pairs(1, prefix="long").with_columns(input=pl.lit("relay " * 2000))
    settings = replace(QUICK, max_steps=1, drop_long=True)
    result = fit(pl.concat([pairs(4), long]), model=tiny_model, settings=settings, out=tmp_path)
    assert result.train_pairs == 4
    assert "train pairs: 1 longer than the context" in " ".join(result.notices)
    with pytest.raises(DataError, match="All 1 of them are longer than the model's context"):
        fit(long, model=tiny_model, settings=settings, out=tmp_path)
