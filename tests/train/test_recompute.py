"""Ways of computing that GPUs take, run on the CPU: the same loss, the same gradients."""

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from tuneworth.core import ConfigError
from tuneworth.train import load_model
from tuneworth.train.examples import Example
from tuneworth.train.loss import fast_paths
from tuneworth.train.model import attention
from tuneworth.train.model.kernels import attach_adapter, detach_adapter, recomputed


@pytest.fixture(params=["float32", "bfloat16"])
def model(tiny_folder: Path, request: pytest.FixtureRequest) -> Any:
    return load_model(str(tiny_folder), dtype=request.param)


def examples() -> list[Example]:
    """Three rows with a common beginning, of unlike length."""
    common = list(range(40, 60))
    return [Example(f"p{n}", (*common, *range(n, n + 5 + 3 * n)), prompt_tokens=22) for n in range(1, 4)]


def loss_and_gradients(model: Any, *, again: bool = False) -> tuple[float, list[torch.Tensor], int]:
    """Loss and gradients of a batch through the fast paths, and how often the first attention was computed."""
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    with ExitStack() as stack:
        adapted = attach_adapter(model.model, rank=4, alpha=8, seed=0, name="tiny")
        stack.callback(detach_adapter, model.model)
        generator = torch.Generator().manual_seed(1)
        for name, parameter in adapted.named_parameters():  # at B = 0 the gradients of A are nothing
            if "lora_B" in name:
                parameter.data.normal_(std=0.1, generator=generator)
        stack.enter_context(recomputed(model.model) if again else nullcontext())
        stack.callback(model.model.model.layers[0].self_attn.register_forward_hook(count).remove)
        adapted.train()
        path, _ = stack.enter_context(fast_paths(adapted, examples()))
        assert path.use is not None  # the batch lies in one sequence
        calls = 0
        total = path.loss(path.batch(examples())).total
        total.backward()
        gradients = [p.grad for p in adapted.parameters() if p.grad is not None]
    return total.item(), gradients, calls


@pytest.mark.slow
def test_activations_computed_again_give_the_same_loss_and_gradients(model: Any) -> None:
    loss, gradients, once = loss_and_gradients(model)
    loss_again, gradients_again, twice = loss_and_gradients(model, again=True)
    assert (once, twice) == (1, 2)
    assert loss == loss_again
    assert len(gradients) == 28
    assert all(torch.equal(a, b) for a, b in zip(gradients, gradients_again, strict=True))


@pytest.mark.slow
def test_the_fused_attention_of_torch_gives_the_same_loss_and_gradients(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, gradients, _ = loss_and_gradients(model)
    monkeypatch.setattr(attention, "LONGEST", 0)
    fused_loss, fused, _ = loss_and_gradients(model)
    near = 1e-5 if model.dtype == "float32" else 8e-2  # bf16 rounds by 0.4%, at every product
    assert fused_loss == pytest.approx(loss, rel=near)
    apart = [float((a - b).norm() / a.norm()) for a, b in zip(gradients, fused, strict=True)]
    assert max(apart) < near


def test_afterwards_nothing_is_computed_again(model: Any) -> None:
    with recomputed(model.model):
        assert model.model.is_gradient_checkpointing
    assert not model.model.is_gradient_checkpointing
    assert not model.model.get_input_embeddings()._forward_hooks
    assert loss_and_gradients(model)[2] == 1


def test_a_model_that_cannot_is_refused(model: Any) -> None:
    model.model.supports_gradient_checkpointing = False
    with pytest.raises(ConfigError, match="gradient_checkpointing = false"), recomputed(model.model):
        raise AssertionError
