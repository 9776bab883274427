from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tuneworth.core import ConfigError, ModelError, install_command
from tuneworth.train import TrainSettings, fit, load_model
from tuneworth.train.model.load import four_bits

SETTINGS = TrainSettings(rank=2, max_steps=1, checkpoint_steps=0, quantised=True)
PAIRS = [{"input": "lamp", "output": "yes"}]


def test_without_a_gpu_all_that_is_missing_is_said_at_once_before_any_work(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("tuneworth.train.model.load.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"an NVIDIA GPU \(torch sees none\) and bitsandbytes") as error:
        load_model(str(tiny_folder), quantised=True)
    assert install_command("qlora") in str(error.value)
    with pytest.raises(ModelError, match="quantised = true needs"):
        fit(PAIRS, model=str(tiny_folder), settings=SETTINGS, out=tmp_path)


def test_a_model_that_was_loaded_in_full_is_not_fitted_as_a_quantised_one(tiny_model: Any, tmp_path: Path) -> None:
    assert not tiny_model.quantised
    with pytest.raises(ConfigError, match="was loaded in float32"):
        fit(PAIRS, model=tiny_model, settings=SETTINGS, out=tmp_path)
    assert fit(PAIRS, model=tiny_model, settings=replace(SETTINGS, quantised=False), out=tmp_path).steps == 1


def test_four_bits_are_nf4_with_doubly_quantised_scales() -> None:
    told = four_bits(torch.bfloat16).to_dict()
    assert (told["load_in_4bit"], told["bnb_4bit_quant_type"], told["bnb_4bit_use_double_quant"]) == (True, "nf4", True)
    assert four_bits(torch.bfloat16).bnb_4bit_compute_dtype == torch.bfloat16
