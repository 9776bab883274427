"""The number format for the processor at hand; bfloat16 trains and generates with and without instructions for it.

Run by itself, this file trains and generates and prints what came of it.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tuneworth.evaluate.outputs.generate import generate
from tuneworth.train import TrainSettings, chat_messages, fit, format_notices, load_model, preflight
from tuneworth.train.model import hardware
from tuneworth.train.model.hardware import AUTO, WORTH_IT, fastest_dtype, product_rate

LIMITED = {"ONEDNN_MAX_CPU_ISA": "AVX2"}  # oneDNN's own switch: the operations fail as on a processor with AVX2 alone


@pytest.mark.parametrize(("ratio", "slow"), [(0.25, True), (0.99, True), (1.0, False), (2.2, False)])
def test_a_notice_says_when_bfloat16_is_the_slower_format(monkeypatch: Any, ratio: float, slow: bool) -> None:
    monkeypatch.setattr(hardware, "bf16_ratio", lambda: ratio)
    notices = format_notices(torch.bfloat16, device="cpu")
    assert bool(notices) == slow == any(AUTO in notice for notice in notices)
    assert format_notices(torch.float32, device="cpu") == format_notices(torch.bfloat16, device="cuda") == ()


def train_and_generate(folder: Path, out: Path) -> dict[str, Any]:
    """What a short fit in bfloat16 says, its loss, and how many texts were generated with its adapter."""
    pairs = [{"id": str(n), "input": f"part {n}", "output": f"number {n}"} for n in range(8)]
    settings = TrainSettings(rank=4, alpha=8, max_steps=3, batch_size=4, learning_rate=1e-2, dtype="bfloat16")
    model = load_model(str(folder), dtype="bfloat16")
    planned = preflight(pairs, pairs[:2], model=model, settings=settings)
    result = fit(pairs, pairs[:2], model=model, settings=settings, out=out)
    texts = generate(model, [chat_messages("part 1")], adapter=result.adapter, max_new_tokens=8)
    return {"plan": planned.notices, "fit": result.notices, "loss": result.train_loss, "texts": len(texts)}


@pytest.mark.slow(10)
def test_either_kind_of_processor_trains_and_generates_in_bfloat16(tiny_folder: Path, tmp_path: Path) -> None:
    here = train_and_generate(tiny_folder, tmp_path / "here")
    words = [sys.executable, __file__, str(tiny_folder), str(tmp_path / "limited")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **LIMITED})
    assert done.returncode == 0, done.stderr
    limited = json.loads(done.stdout)
    if platform.machine() == "x86_64":  # oneDNN obeys the limit nowhere else
        for notices in (limited["plan"], limited["fit"]):
            assert any(AUTO in notice for notice in notices)
    assert limited["loss"] == pytest.approx(here["loss"], rel=0.03)
    assert here["texts"] == limited["texts"] == 1


@pytest.mark.slow
def test_the_number_format_follows_the_measurement() -> None:
    ratio = product_rate(torch.bfloat16) / product_rate(torch.float32)
    if ratio > 1.5 * WORTH_IT:
        assert fastest_dtype("cpu") == torch.bfloat16
    elif ratio < WORTH_IT / 1.5:
        assert fastest_dtype("cpu") == torch.float32
    assert fastest_dtype("cpu") in (torch.bfloat16, torch.float32)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(train_and_generate(Path(sys.argv[1]), Path(sys.argv[2]))))
