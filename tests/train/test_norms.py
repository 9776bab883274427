from typing import Any

import pytest
import torch
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from tuneworth.train import fast_norms
from tuneworth.train.model.kernels import FastNorm


@pytest.mark.parametrize("shape", [(1, 5, 32), (7, 32), (2, 3, 4, 16)])
def test_a_fast_norm_gives_the_output_and_gradient_of_the_library(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    stock = LlamaRMSNorm(shape[-1], eps=1e-5).requires_grad_(False)
    stock.weight.normal_(1, 0.2)
    x, above = torch.randn(shape, requires_grad=True), torch.randn(shape)
    wanted = stock(x)
    (wanted_grad,) = torch.autograd.grad(wanted, x, above)
    found = FastNorm.apply(x, stock.weight, 1e-5)
    assert isinstance(found, torch.Tensor)
    (found_grad,) = torch.autograd.grad(found, x, above)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(found_grad, wanted_grad, rtol=1e-4, atol=1e-5)


def test_in_bf16_it_is_as_near_to_fp32_as_the_library() -> None:
    torch.manual_seed(0)
    stock = LlamaRMSNorm(64, eps=1e-5).requires_grad_(False)
    stock.weight.normal_(1, 0.2)
    x, above = torch.randn(200, 64), torch.randn(200, 64)

    def gradient(norm: Any, dtype: torch.dtype) -> torch.Tensor:
        at = x.to(dtype).requires_grad_()
        (grad,) = torch.autograd.grad(norm(at), at, above.to(dtype))
        return grad.float()

    exact = gradient(stock, torch.float32)
    stock.to(torch.bfloat16)
    theirs = (gradient(stock, torch.bfloat16) - exact).norm()
    ours = (gradient(lambda at: FastNorm.apply(at, stock.weight, 1e-5), torch.bfloat16) - exact).norm()
    assert ours < 2 * theirs
    assert ours < 0.01 * exact.norm()


def test_norms_are_replaced_while_the_block_lasts_and_those_of_another_kind_are_not() -> None:
    model = torch.nn.Sequential(LlamaRMSNorm(8), GemmaRMSNorm(8), torch.nn.LayerNorm(8)).requires_grad_(False)
    torch.nn.init.normal_(model[1].weight)
    before = model(torch.ones(2, 8))
    with fast_norms(model) as replaced:
        assert replaced == 1
        torch.testing.assert_close(model(torch.ones(2, 8)), before)
    assert "forward" not in vars(model[0])


def test_a_norm_that_is_trained_keeps_its_own_forward() -> None:
    with fast_norms(torch.nn.Sequential(LlamaRMSNorm(8))) as replaced:
        assert replaced == 0
