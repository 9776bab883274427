"""Checks that the model learns what the pairs teach: labels, loss, seed and chat template."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..examples import Example
from ..loss import LossPath
from ..model.chat import end_of_turn
from ..model.kernels import lora_layers
from ..model.load import LoadedModel

__all__ = [
    "Check",
    "data_checks",
    "drawn_weights",
    "loss_checks",
    "saved_bytes",
    "seed_check",
    "stock_loss",
    "template_check",
]

# The allowed difference of a mean loss between two methods (in nats, and relative): bf16 rounds each
# activation to 0.4%; in fp32 the methods agree to a millionth.
ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.03, torch.float16: 0.03}


@dataclass(frozen=True)
class Check:
    """One check: the requirement, whether it holds, and what was observed."""

    name: str
    ok: bool
    seen: str

    def line(self) -> str:
        """The check as a line of text."""
        return f"{self.name}: {'yes' if self.ok else 'NO'} ({self.seen})"


def data_checks(examples: Sequence[Example], *, model: LoadedModel, prompts: Sequence[Sequence[int]]) -> list[Check]:
    """Checks of the pairs' tokens. `prompts` are the first examples' prompts as generation would start from them."""
    tokenizer, count = model.tokenizer, len(examples)
    end, bos = end_of_turn(tokenizer), tokenizer.bos_token_id
    learnt = sum(e.ids[-1] == end for e in examples)
    fewest = min(e.answer_tokens for e in examples)
    same = sum(e.ids[: e.prompt_tokens] == tuple(p) for e, p in zip(examples, prompts, strict=False))
    first = 0 if bos is None else sum(e.ids[:2] == (bos, bos) for e in examples)
    found = "this model has none" if bos is None else f"{tokenizer.convert_ids_to_tokens(bos)}, {first} pairs with two"
    token = tokenizer.convert_ids_to_tokens(end)
    return [
        Check(
            f"the end-of-answer token {token} is learnt",
            learnt == count,
            f"last label of {learnt:,} of {count:,} pairs",
        ),
        Check("every pair has something to learn", fewest > 1, f"at least {fewest} tokens"),
        Check("there is at most one begin-of-text token", first == 0, found),
        Check(
            "the prompt is the same as in generation",
            same == len(prompts),
            f"{same} of {len(prompts)} pairs compared",
        ),
    ]


def loss_checks(path: LossPath, examples: Sequence[Example], *, stock: float) -> list[Check]:
    """Checks of the loss of a few pairs: labels are answers only, as in stock transformers, summed over tokens.

    `stock` is `stock_loss` of the first of them.
    """
    with torch.no_grad():
        batch = path.batch(examples)
        whole = float(path.loss(batch).total)
        alone = [float(path.loss(path.batch([e])).total) for e in examples]
    answers = [id for e in examples for id in e.ids[e.prompt_tokens :]]
    tokens = len(answers)
    first, parts = alone[0] / examples[0].answer_tokens, sum(alone) / tokens
    return [
        Check(
            "the labels are the answers' tokens only, without padding", batch.labels.tolist() == answers, f"{tokens} compared"
        ),
        Check(
            "the untuned model's loss equals that of stock transformers", _near(path, first, stock),
            f"{first:.3f} and {stock:.3f}",
        ),
        Check(
            "a step divides by the number of its learnt tokens", _near(path, whole / tokens, parts),
            f"loss {whole / tokens:.3f} in one part, {parts:.3f} in {len(examples)}",
        ),
    ]  # fmt: skip


def stock_loss(base: Any, example: Example) -> float:
    """The mean loss of one pair's answer as plain transformers computes it, with logits at every position."""
    ids = torch.tensor([example.ids], device=base.device)
    with torch.no_grad():
        logits = base(input_ids=ids, use_cache=False).logits[0, example.prompt_tokens - 1 : -1].float()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, example.prompt_tokens :]))


def drawn_weights(adapted: Any) -> list[torch.Tensor]:
    """Copies of the initial weights of the adapter's layers."""
    weights: list[Any] = [layer.lora_A["default"].weight for layer in lora_layers(adapted)]
    return [weight.detach().clone() for weight in weights]


def seed_check(once: Sequence[torch.Tensor], again: Sequence[torch.Tensor], *, seed: int) -> Check:
    """Whether two adapters have the same initial weights, as they must if the seed is set first."""
    same = len(once) == len(again) and all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    return Check("the seed determines the initial adapter", same, f"seed {seed}, {len(once)} layers initialised twice")


def template_check(model: LoadedModel) -> tuple[Check, int]:
    """Whether the chat template is saved with the tokenizer, as for the adapter; and the bytes that they take."""
    with tempfile.TemporaryDirectory(prefix="tuneworth-") as folder:
        model.tokenizer.save_pretrained(folder)
        taken = saved_bytes(Path(folder))
        file = Path(folder) / "chat_template.jinja"
        kept = file.is_file() and file.read_text(encoding="utf-8").strip() == model.tokenizer.chat_template.strip()
    return Check("the chat template is saved with the adapter", kept, f"{model.template} template"), taken


def saved_bytes(folder: Path) -> int:
    """The size of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _near(path: LossPath, one: float, other: float) -> bool:
    return abs(one - other) <= ROUNDING.get(path.base.dtype, 0.03) * (1 + abs(other))
