import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from tuneworth.core import DataError, ModelError, RunBroken, say
from tuneworth.train import (
    LoadedModel,
    Preflight,
    TrainSettings,
    chat_messages,
    fit,
    load_model,
    preflight,
    render_prompt,
    token_lengths,
)
from tuneworth.train.examples import Example, to_examples
from tuneworth.train.loss import fast_paths
from tuneworth.train.model.hardware import MemoryAtHand
from tuneworth.train.model.kernels import attach_adapter, detach_adapter
from tuneworth.train.preview import data_checks, length_histogram, seed_check
from tuneworth.train.trial import FRAGMENTED, Trial

planning = import_module("tuneworth.train.preflight")

QUICK = TrainSettings(rank=4, alpha=8, epochs=2, batch_size=4, learning_rate=1e-2, dtype="float32")


def pairs(count: int, *, words: int = 1, prefix: str = "p") -> pl.DataFrame:
    names = ["resistor", "diode", "relay", "fuse", "lamp", "switch", "coil", "motor"]
    return pl.DataFrame(
        {
            "id": [f"{prefix}{i}" for i in range(count)],
            "input": [f"{names[i % 8]} {i} " * words for i in range(count)],
            "output": [f"yes, {names[i % 8]}" for i in range(count)],
        }
    )


def at_hand(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setattr(planning, "memory_at_hand", lambda device: MemoryAtHand(int(count), "container"))


def found(model: LoadedModel, count: int = 10, *, held_out: int = 3, words: int = 1, **changes: Any) -> Preflight:
    return preflight(pairs(count, words=words), pairs(held_out), model=model, settings=replace(QUICK, **changes))


# --- what it says -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_leaves_no_trace(tiny_model: LoadedModel, tmp_path: Path) -> None:
    ids = torch.arange(20)[None]
    before, state = tiny_model.model(input_ids=ids).logits, torch.get_rng_state()
    fit(pairs(10), pairs(3), model=tiny_model, settings=QUICK, out=tmp_path / "without")
    preflight(pairs(10), pairs(3), model=tiny_model, settings=QUICK, out=tmp_path / "nothing")
    fit(pairs(10), pairs(3), model=tiny_model, settings=QUICK, out=tmp_path / "with")
    one, two = (load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in ("without", "with"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert torch.equal(tiny_model.model(input_ids=ids).logits, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.slow
def test_what_it_counts_is_what_the_fit_does(tiny_model: LoadedModel, tmp_path: Path) -> None:
    said = found(tiny_model, 11, epochs=None, learning_rate=None)
    result = fit(pairs(11), pairs(3), model=tiny_model, settings=said.settings, out=tmp_path)
    assert said.steps == result.steps == 30
    assert said.evaluations == sum(line["validation_loss"] is not None for line in result.log)
    assert said.trainable_parameters == result.trainable_parameters
    assert said.settings == result.settings
    assert set(said.rules) == {"epochs", "learning_rate"}
    assert said.tokens.longest == result.longest_tokens


@pytest.mark.slow
def test_its_tokens_add_up(tiny_model: LoadedModel) -> None:
    tokens, lengths = found(tiny_model).tokens, token_lengths(pairs(10), tiny_model)
    assert tokens.prompt == lengths["prompt_tokens"].sum()
    assert tokens.answer == lengths["answer_tokens"].sum()
    assert tokens.total == tokens.prompt + tokens.answer
    assert sum(count for *_, count in tokens.histogram) == 10
    assert tokens.computed < tokens.total  # the template's own words stand at the beginning of each pair


def test_longer_pairs_take_more_than_their_tokens(tiny_model: LoadedModel) -> None:
    adapted = attach_adapter(tiny_model.model, rank=2, alpha=4, seed=0, name="tiny")
    short, long = (to_examples(pairs(1, words=words), model=tiny_model) for words in (1, 11))
    with fast_paths(adapted, [*short, *long]) as (path, _):
        trial = Trial(adapted, path, QUICK, 1, 0, MemoryAtHand(10**9, "machine"))
        works = [trial.work(some) for some in (short, long)]
        per_token = [trial.operations(work) / work.computed for work in works]
        assert [work.attended for work in works] == [len(e.ids) ** 2 for e in (*short, *long)]
    detach_adapter(tiny_model.model)
    assert per_token[1] > 1.1 * per_token[0]


def test_its_times_add_up_and_its_data_is_json(tiny_model: LoadedModel) -> None:
    said = found(tiny_model)
    time = said.time
    assert time.seconds == pytest.approx(time.training_seconds + time.evaluation_seconds + time.checkpoint_seconds)
    assert time.training_seconds == pytest.approx(time.seconds_per_step * said.steps)
    assert min(time.training_seconds, time.evaluation_seconds, time.tokens_per_second) > 0
    assert time.steps_timed >= 3
    data = json.loads(json.dumps(said.data()))
    assert data["pairs"] == 10
    assert data["time"]["seconds"] == time.seconds
    assert "examples" not in data


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=300))
@settings(max_examples=150, deadline=None)
def test_each_length_is_in_one_bin(lengths: list[int]) -> None:
    bins = length_histogram(pl.Series(lengths))
    for start, end, count in bins:
        assert count == sum(start <= length < (end or 10**9) for length in lengths)
    assert sum(count for *_, count in bins) == len(lengths)
    assert len(bins) <= 12
    assert [end for _, end, _ in bins[:-1]] == [start for start, *_ in bins[1:]]


def test_one_pair_and_nothing_to_validate(tiny_model: LoadedModel) -> None:
    said = preflight(pairs(1), model=tiny_model, settings=replace(QUICK, max_steps=3))
    assert (said.pairs, said.validation_pairs, said.steps, said.evaluations) == (1, 0, 3, 0)
    assert said.time.evaluation_seconds == 0


@pytest.mark.slow
def test_a_model_that_states_no_context_takes_any_length(tiny_model: LoadedModel) -> None:
    tiny_model.model.config.max_position_embeddings = 0
    assert found(tiny_model, words=40).context is None


def test_no_pairs_are_an_error(tiny_model: LoadedModel) -> None:
    with pytest.raises(DataError, match="no train pairs"):
        preflight(pairs(0), model=tiny_model, settings=QUICK)


# --- pairs that are too long ------------------------------------------------------------------------------------


def mixed() -> pl.DataFrame:
    return pl.concat([pairs(6), pairs(2, words=40, prefix="long")])


def test_long_pairs_are_an_error_that_names_them(tiny_model: LoadedModel) -> None:
    with pytest.raises(DataError, match="long0, long1"):
        preflight(mixed(), model=tiny_model, settings=QUICK)


def test_long_pairs_are_left_out_where_that_is_wished(tiny_model: LoadedModel) -> None:
    said = preflight(mixed(), mixed(), model=tiny_model, settings=replace(QUICK, drop_long=True))
    assert said.pairs == said.validation_pairs == 6
    assert [(row["id"], row["split"]) for row in said.dropped] == [
        ("long0", "train"), ("long1", "train"), ("long0", "validation"), ("long1", "validation"),
    ]  # fmt: skip
    assert all(row["tokens"] > tiny_model.context for row in said.dropped)
    with pytest.raises(DataError, match="All 2 of them are longer"):
        preflight(pairs(2, words=40), model=tiny_model, settings=replace(QUICK, drop_long=True))


# --- memory and disk --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fewer_pairs_at_once_where_memory_is_short(
    tiny_model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = found(tiny_model, 16, batch_size=8).memory.wanted_bytes
    at_hand(monkeypatch, 0.5 * wanted)
    said = found(tiny_model, 16, batch_size=8)
    assert said.settings.micro_batch in (1, 2, 4)
    assert said.memory.fits
    assert said.memory.limit == "container"
    assert "not 8" in said.adjusted["micro_batch"]
    result = fit(pairs(16), pairs(3), model=tiny_model, settings=said.settings, out=tmp_path)
    assert result.settings.micro_batch == said.settings.micro_batch


@pytest.mark.slow
def test_no_part_is_tried_that_the_forecast_finds_too_large(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system would end the process, and nobody would read why."""
    whole = found(tiny_model, 16, batch_size=8).memory
    tried, step = [], Trial.step

    def noted(trial: Trial, examples: list[Example], *, as_fitted: bool = True) -> bool:
        tried.append(trial.work(examples).computed)
        return step(trial, examples, as_fitted=as_fitted)

    monkeypatch.setattr(Trial, "step", noted)
    at_hand(monkeypatch, 0.5 * whole.wanted_bytes)
    found(tiny_model, 16, batch_size=8)
    assert max(tried) < 0.7 * whole.longest_part


@pytest.mark.slow
def test_fewer_pairs_go_by_the_steps_of_an_earlier_preflight(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found(tiny_model, 24)

    def run(*_: Any, **__: Any) -> None:
        raise AssertionError("the model ran again")

    for name in ("_step", "measure_forward"):
        monkeypatch.setattr(Trial, name, run)
    again = preflight(pairs(12), pairs(3), model=tiny_model, settings=QUICK, earlier=first)
    assert (again.pairs, again.steps) == (12, 6)
    assert again.measured.steps == first.measured.steps
    assert [check.line() for check in again.checks[-2:]] == [check.line() for check in first.checks[-2:]]
    assert again.time.training_seconds < first.time.training_seconds


@pytest.mark.slow
def test_heavier_pairs_and_another_adapter_are_measured(tiny_model: LoadedModel) -> None:
    first = found(tiny_model, 8)
    heavier = preflight(pairs(8, words=9), pairs(3), model=tiny_model, settings=QUICK, earlier=first)
    assert heavier.measured.steps[: len(first.measured.steps)] == first.measured.steps
    assert len(heavier.measured.steps) > len(first.measured.steps)
    other = preflight(pairs(8), pairs(3), model=tiny_model, settings=replace(QUICK, rank=2), earlier=first)
    assert not set(other.measured.steps) & set(first.measured.steps)


@pytest.mark.slow
def test_a_stated_part_that_fits_is_left_as_it_is(tiny_model: LoadedModel) -> None:
    assert found(tiny_model, micro_batch=2).settings.micro_batch == 2
    assert found(tiny_model).settings.micro_batch is None


@pytest.mark.slow
def test_what_cannot_fit_is_refused_with_numbers_and_a_way_out(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = found(tiny_model, words=9, micro_batch=1).memory.wanted_bytes
    at_hand(monkeypatch, 0.8 * one)
    with pytest.raises(ModelError) as refused:
        found(tiny_model, words=9)
    text = str(refused.value)
    assert len(text.splitlines()) == 2
    assert f"{say.size(0.8 * one)} are available (container)" in text
    limit = int(text.split("pairs of at most ")[1].split(" ")[0])
    longest = max(token_lengths(pairs(10, words=9), tiny_model)["prompt_tokens"]) + 30
    assert 0 < limit < longest
    said = found(tiny_model, words=2)  # short enough, as it said
    assert said.tokens.longest <= limit
    assert said.memory.fits


def test_nothing_fits_into_nothing(tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    at_hand(monkeypatch, 1000)
    with pytest.raises(ModelError, match=r"a smaller model or more memory\.$"):
        found(tiny_model)


@pytest.mark.slow
def test_a_lower_rank_is_proposed_where_that_is_enough(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = found(tiny_model, rank=512, micro_batch=1).memory
    at_hand(monkeypatch, memory.wanted_bytes)
    with pytest.raises(ModelError, match="rank = 256"):
        found(tiny_model, rank=512)


@pytest.mark.slow
def test_activations_that_are_computed_again_take_less(tiny_model: LoadedModel) -> None:
    kept, again = (found(tiny_model, gradient_checkpointing=wanted).memory for wanted in (False, True))
    assert again.activation_bytes < 0.8 * kept.activation_bytes


def test_a_full_disk_is_refused_with_numbers(
    tiny_model: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=10_000))
    with pytest.raises(RunBroken, match=r"writes up to [\d.]+ MB, but only 10 kB is free"):
        preflight(pairs(4), model=tiny_model, settings=QUICK, out=tmp_path / "not" / "yet")


# --- traps ------------------------------------------------------------------------------------------------------


def test_every_trap_is_looked_at(tiny_model: LoadedModel) -> None:
    checks = found(tiny_model).checks
    assert all(check.ok for check in checks)
    text = "\n".join(check.line() for check in checks)
    assert "the end-of-answer token <|end|> is learnt: yes (last label of 10 of 10 pairs)" in text
    for words in (
        "begin-of-text",
        "same as in generation",
        "something to learn",
        "template is saved",
        "seed determines",
    ):
        assert words in text
    for words in ("without padding", "stock transformers", "divides by the number of its learnt tokens"):
        assert words in text


@pytest.mark.slow
def test_the_traps_hold_for_every_family(family: Any, family_model: LoadedModel) -> None:
    said = preflight(pairs(5), pairs(2), model=family_model, settings=QUICK)
    assert all(check.ok for check in said.checks)
    assert family.end in said.checks[0].name
    assert said.memory.peak_bytes > said.memory.now_bytes
    assert said.time.seconds > 0


def test_a_pair_that_would_not_learn_to_stop_is_seen(tiny_model: LoadedModel) -> None:
    good = to_examples(pairs(3), model=tiny_model)
    prompts = [render_prompt(tiny_model.tokenizer, chat_messages(text)) for text in pairs(3)["input"]]
    cut = [*good[:2], replace(good[2], ids=good[2].ids[:-1])]
    assert all(check.ok for check in data_checks(good, model=tiny_model, prompts=prompts))
    bad = {check.name: check for check in data_checks(cut, model=tiny_model, prompts=[*prompts[:2], [1, 2]])}
    assert [name for name, check in bad.items() if not check.ok] == [
        "the end-of-answer token <|end|> is learnt", "the prompt is the same as in generation",
    ]  # fmt: skip
    nothing = Example("x", good[0].ids, len(good[0].ids) - 1)
    assert not data_checks([nothing], model=tiny_model, prompts=[])[1].ok


def test_adapters_drawn_apart_are_seen() -> None:
    one, other = [torch.ones(2, 2)], [torch.zeros(2, 2)]
    assert seed_check(one, one, seed=3).line().endswith("yes (seed 3, 1 layers initialised twice)")
    assert "NO" in seed_check(one, other, seed=3).line()


def test_a_fast_path_with_another_loss_stops_before_the_start(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "stock_loss", lambda base, example: 1.0)  # as if the library said otherwise
    with pytest.raises(ModelError, match=r"would not learn .* stock transformers: NO"):
        found(tiny_model)
    assert not hasattr(tiny_model.model, "peft_config")  # and the model is as it was


# --- against what is measured -----------------------------------------------------------------------------------

CASES = {"kept": ("float32", False), "kept, bf16": ("bfloat16", False), "computed again": ("float32", True)}
LONG = [{"id": str(i), "input": f"{i:04d}" + "ab " * (80 + i % 8), "output": "c" * 60} for i in range(16)]


def as_chosen(dtype: str, again: bool) -> TrainSettings:
    return TrainSettings(
        rank=8, batch_size=8, max_steps=2, gradient_checkpointing=again, learning_rate=1e-3, dtype=dtype
    )


# Starting Python with torch takes seconds, so one process gets ready, and each fit is a fork of it.
GROWN = """
import json, os, sys
import torch

torch.set_num_threads(1)
from tuneworth.train import TrainSettings, fit, load_model
from tuneworth.train.model.hardware import memory_in_use, peak_memory_bytes

name, pairs, cases = json.loads(sys.argv[1])
load_model(name, dtype="float32")
for settings in cases:
    child = os.fork()
    if not child:
        model = load_model(name, dtype=settings["dtype"])
        # Everything is imported:
        fit(pairs[:1], model=model, settings=TrainSettings(rank=1, max_steps=1, learning_rate=1e-3))
        before = memory_in_use()
        fit(pairs, model=model, settings=TrainSettings(**settings))
        print(peak_memory_bytes() - before, flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""


@pytest.fixture(scope="module")
def middling_folder(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A random model whose activations are a hundred megabytes, so that they stand out from the program's own."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "middling"
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    config = LlamaConfig(
        vocab_size=264, hidden_size=128, intermediate_size=352, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def grown(middling_folder: Path) -> dict[str, int]:
    """The bytes by which a fit of each case made its process grow."""
    told = json.dumps([str(middling_folder), LONG, [asdict(as_chosen(*case)) for case in CASES.values()]])
    # Tensors straight from the system and back: what else the allocator keeps differs by 40% from run to run.
    exact = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}
    done = subprocess.run([sys.executable, "-c", GROWN, told], capture_output=True, text=True, check=False, env=exact)
    assert done.returncode == 0, done.stderr
    return dict(zip(CASES, map(int, done.stdout.split()), strict=True))


@pytest.mark.slow(12)
@pytest.mark.parametrize("case", CASES)
def test_the_memory_forecast_is_within_a_third_of_what_a_fit_takes(
    middling_folder: Path, grown: dict[str, int], case: str
) -> None:
    settings = as_chosen(*CASES[case])
    said = preflight(LONG, model=load_model(str(middling_folder), dtype=settings.dtype), settings=settings).memory
    assert grown[case] == pytest.approx(said.wanted_bytes / FRAGMENTED["cpu"], rel=0.3), said
