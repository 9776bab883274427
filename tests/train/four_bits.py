"""A base model in 4 bits, for real: where bitsandbytes is installed, `pytest tests/train/four_bits.py`.

bitsandbytes also computes on CPUs, slowly, so no GPU is needed to see that the adapter learns, is kept, and loads. Not
collected by `pytest` alone: with bitsandbytes installed, peft imports it everywhere.
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from tuneworth.core import ModelError
from tuneworth.train import LoadedModel, TrainSettings, fit, load_model, merge, merged_adapter

SETTINGS = TrainSettings(
    rank=8, alpha=16, epochs=6, batch_size=4, learning_rate=2e-2, quantised=True, checkpoint_steps=0
)
PAIRS = [{"input": f"lamp {i}", "output": f"yes, lamp {i}"} for i in range(8)]


@pytest.fixture(scope="module")
def folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the tiny model, but wide enough for blocks of 64 weights that share a scale."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    place = tmp_path_factory.mktemp("wide")
    config = LlamaConfig.from_pretrained(tiny_folder)
    config.hidden_size, config.intermediate_size, config.head_dim = 64, 128, 16
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(place)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(place)
    return place


@pytest.fixture(params=["float32", "bfloat16"])
def model(folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LoadedModel:
    monkeypatch.setattr("tuneworth.train.model.load.check_quantised", lambda: None)  # it asks for a GPU
    # On CPUs with AVX-512 bf16 the first answer packs the weights for good, and then they give no gradients.
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: False)
    return load_model(str(folder), dtype=request.param, quantised=True)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.arange(40)[None]).logits.float()


def test_an_adapter_on_four_bits_learns_is_kept_and_loads(model: LoadedModel, tmp_path: Path) -> None:
    from bitsandbytes.nn import Linear4bit
    from peft import PeftModel

    four_bit = [layer for layer in model.model.modules() if isinstance(layer, Linear4bit)]
    assert len(four_bit) == 14
    assert model.quantised
    before = logits(model.model)
    result = fit(PAIRS, PAIRS[:2], model=model, settings=SETTINGS, out=tmp_path)
    assert result.log[-1]["train_loss"] < 0.9 * result.log[0]["train_loss"]
    assert torch.equal(logits(model.model), before)  # the model in memory is afterwards as before
    with merged_adapter(model, result.adapter) as tuned:
        beside = logits(tuned)
    assert not torch.equal(beside, before)
    assert torch.equal(logits(model.model), before)
    theirs = logits(PeftModel.from_pretrained(model.model, str(result.adapter)))
    assert torch.allclose(beside, theirs, atol=1e-5)


def test_gradient_checkpointing_changes_nothing(model: LoadedModel, tmp_path: Path) -> None:
    from dataclasses import replace

    losses = []
    for again in (False, True):
        settings = replace(SETTINGS, epochs=2, gradient_checkpointing=again)
        losses.append(
            [line["train_loss"] for line in fit(PAIRS, model=model, settings=settings, out=tmp_path / str(again)).log]
        )
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_nothing_is_merged_into_four_bits_but_into_the_model_read_in_full(
    model: LoadedModel, folder: Path, tmp_path: Path
) -> None:
    adapter = fit(PAIRS, model=model, settings=SETTINGS, out=tmp_path / "fit").adapter
    with pytest.raises(ModelError, match="quantised"):
        merge(model, adapter, tmp_path / "merged")
    full = load_model(str(folder), dtype="float32")
    assert (merge(full, adapter, tmp_path / "merged").folder / "model.safetensors").is_file()
