from typing import Any

import pytest
import torch
from peft.tuners.lora import Linear as LoraLinear

from tuneworth.core import ModelError
from tuneworth.train.batches import Batch, collate, learning_rate
from tuneworth.train.examples import Example
from tuneworth.train.loss import CHUNK, LossPath, fast_paths, label_loss, split_head, summed_loss
from tuneworth.train.model.attention import sequence_attention
from tuneworth.train.model.kernels import (
    attach_adapter,
    detach_adapter,
    lora_layers,
    replace_forward,
    restore_forward,
)


def random_examples(rows: int = 3, *, shared: int = 0) -> list[Example]:
    torch.manual_seed(1)
    draw = lambda n: tuple(torch.randint(0, 256, (n,)).tolist())  # noqa: E731
    front = draw(shared)
    return [Example(str(i), front + draw(20 + 5 * i), shared + 8) for i in range(rows)]


def random_batch(rows: int = 3) -> Batch:
    return collate(random_examples(rows), device="cpu")


def with_adapter(model: Any) -> Any:
    """An adapter whose B is not zero, as after some steps."""
    adapted = attach_adapter(model, rank=4, alpha=8, seed=5, name="tiny")
    torch.manual_seed(2)
    for layer in lora_layers(adapted):
        torch.nn.init.normal_(layer.lora_B["default"].weight, std=0.1)
    return adapted


def loss_and_gradients(adapted: Any, examples: list[Example], use: Any = None) -> tuple[float, dict[str, torch.Tensor]]:
    base = adapted.get_base_model()
    path = LossPath(base, (base.base_model, base.get_output_embeddings()), use)
    loss = path.loss(path.batch(examples)).total
    adapted.zero_grad()
    loss.backward()
    return loss.item(), {n: p.grad.clone() for n, p in adapted.named_parameters() if p.requires_grad}


@pytest.mark.parametrize(("rows", "shared"), [(3, 0), (3, 7), (1, 0), (5, 40)])
def test_the_fast_path_gives_the_loss_and_gradients_of_peft(tiny_model: Any, rows: int, shared: int) -> None:
    adapted, examples = with_adapter(tiny_model.model), random_examples(rows, shared=shared)
    stock_loss, stock = loss_and_gradients(adapted, examples)
    assert replace_forward(adapted) == 0
    with sequence_attention(adapted.get_base_model(), longest=100) as use:
        assert use is not None
        batch = LossPath(adapted.get_base_model(), None, use).batch(examples)
        assert batch.computed == batch.tokens - (rows - 1) * shared
        fast_loss, fast = loss_and_gradients(adapted, examples, use)
    assert fast_loss == pytest.approx(stock_loss, rel=1e-6)
    assert stock.keys() == fast.keys()
    assert len(stock) == 28
    for name in stock:
        torch.testing.assert_close(
            fast[name], stock[name], rtol=1e-4, atol=1e-5 * float(stock[name].abs().max()) + 1e-5
        )


@pytest.mark.slow
def test_in_bf16_the_fast_gradients_are_as_near_to_fp32_as_those_of_peft(tiny_model: Any, tiny_folder: Any) -> None:
    from tuneworth.train import load_model

    examples = random_examples()
    _, exact = loss_and_gradients(with_adapter(load_model(str(tiny_folder), dtype="float32").model), examples)
    adapted = with_adapter(load_model(str(tiny_folder), dtype="bfloat16").model)
    _, stock = loss_and_gradients(adapted, examples)
    replace_forward(adapted)
    _, fast = loss_and_gradients(adapted, examples)

    def error(found: dict[str, torch.Tensor]) -> float:
        return max(float((found[n] - exact[n]).norm() / exact[n].norm()) for n in exact)

    assert error(fast) < max(1.5 * error(stock), 0.02)
    assert all(g.dtype == torch.float32 for g in fast.values())


def test_a_layer_with_dropout_keeps_its_own_forward(tiny_model: Any) -> None:
    adapted = with_adapter(tiny_model.model)
    lora_layers(adapted)[0].lora_dropout["default"] = torch.nn.Dropout(0.1)
    assert replace_forward(adapted) == 1


def test_detaching_gives_the_model_back_as_it_was(tiny_model: Any) -> None:
    ids = torch.arange(12)[None]
    before = tiny_model.model(input_ids=ids).logits
    adapted = with_adapter(tiny_model.model)
    replace_forward(adapted)
    restore_forward(adapted)
    detach_adapter(tiny_model.model)
    assert not any(isinstance(m, LoraLinear) for m in tiny_model.model.modules())
    assert torch.equal(tiny_model.model(input_ids=ids).logits, before)


def test_the_loss_is_that_of_transformers_on_the_same_batch(tiny_model: Any) -> None:
    batch = random_batch()
    labels = torch.full_like(batch.ids, -100).flatten()
    labels[batch.places + 1] = batch.labels
    theirs = tiny_model.model(input_ids=batch.ids, labels=labels.view_as(batch.ids)).loss
    parts = split_head(tiny_model.model, Example("x", tuple(range(30)), 5))
    assert parts is not None
    for path in (LossPath(tiny_model.model, parts), LossPath(tiny_model.model)):
        ours = path.loss(batch)
        assert float(ours.total) / len(batch.labels) == pytest.approx(float(theirs), rel=1e-6)
        assert float(ours.rows.sum()) == pytest.approx(float(ours.total), rel=1e-6)


@pytest.mark.parametrize("rows", [1, CHUNK - 1, CHUNK, 2 * CHUNK + 5])
def test_the_loss_in_chunks_is_the_loss_in_one_piece(rows: int) -> None:
    torch.manual_seed(0)
    hidden, head, bias = torch.randn(rows, 16, requires_grad=True), torch.randn(300, 16), torch.randn(300)
    labels = torch.randint(0, 300, (rows,))
    ours, each = label_loss(hidden, head, labels, bias=bias)
    (grad,) = torch.autograd.grad(ours * 0.5, hidden)
    theirs = torch.nn.functional.cross_entropy(hidden @ head.T + bias, labels, reduction="sum")
    (wanted,) = torch.autograd.grad(theirs * 0.5, hidden)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(each.sum(), ours)
    torch.testing.assert_close(grad, wanted, rtol=1e-4, atol=1e-5)


def test_a_head_whose_logits_are_changed_afterwards_is_not_split_off(tiny_model: Any) -> None:
    own = tiny_model.model.forward

    def capped(*args: Any, **kwargs: Any) -> Any:
        out = own(*args, **kwargs)
        out.logits = out.logits / 3
        return out

    tiny_model.model.forward = capped
    assert split_head(tiny_model.model, Example("x", tuple(range(30)), 5)) is None


def test_the_size_of_batches_changes_no_summed_loss(tiny_model: Any) -> None:
    examples = [Example(str(i), tuple(range(40)), 38 - 7 * i) for i in range(5)]
    parts = split_head(tiny_model.model, examples[0])
    one, five = (summed_loss(LossPath(tiny_model.model, parts), examples, size=size) for size in (1, 5))
    assert one == pytest.approx(five, rel=1e-5)
    assert one[1] == sum(example.answer_tokens for example in examples)


def test_the_learning_rate_warms_up_and_falls_to_a_twentieth() -> None:
    rates = [learning_rate(step, steps=100, peak=1.0) for step in range(1, 101)]
    assert rates[5] == max(rates) == 1.0
    assert rates[0] == pytest.approx(1 / 6)
    assert rates[-1] == pytest.approx(0.05)
    assert rates[5:] == sorted(rates[5:], reverse=True)


def test_a_family_that_peft_refuses_is_named_and_left_as_it_was() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, state_size=4, expand=1)
    model: Any = MambaForCausalLM(config)
    with pytest.raises(ModelError, match='peft cannot adapt "mamba"'):
        attach_adapter(model, rank=2, alpha=4, seed=0, name="mamba")
    assert not lora_layers(model)


def falcon() -> Any:
    """A family whose attention is its own, whatever its configuration says."""
    from transformers import FalconConfig, FalconForCausalLM

    torch.manual_seed(0)
    config = FalconConfig(
        vocab_size=264, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, new_decoder_architecture=True,
        num_kv_heads=2, initializer_range=0.3,
    )  # fmt: skip
    return FalconForCausalLM(config).eval().requires_grad_(False)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_model_with_an_attention_of_its_own_has_the_loss_of_transformers(claimed: bool) -> None:
    model = falcon()
    model._supports_attention_backend = claimed  # what a model says of itself is not all: it is tried
    examples = random_examples(3, shared=5)
    adapted = with_adapter(model)
    stock = LossPath(model)
    with torch.no_grad():
        wanted = stock.loss(stock.batch(examples)).total
    # Whether this family takes packed rows depends on the release of transformers (from 5.25 on it does); the loss does not.
    with fast_paths(adapted, examples) as (path, notices), torch.no_grad():
        found = path.loss(path.batch(examples)).total
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)
    assert (path.use is None) == ("padded" in " ".join(notices))
    assert claimed or path.use is None
