"""Whether a written model behaves like the adapter it was made from: their logits on a few texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...core import ModelError, RunBroken, say
from .chat import chat_messages, render_text
from .load import LoadedModel

__all__ = ["Agreement", "check_effect", "coarser", "compare", "row_logits", "rows_to_compare"]

ROWS = 8
TOKENS = 64  # at each row's end: enough positions, and logits over a large vocabulary take less than a gigabyte
# The allowed mean difference of the logits (root mean square, as a share of their spread) by format of the weights.
# Measured on a tuned SmolLM2-135M: 2e-6 in fp32; computed in bf16 0.024 from bf16 files, 0.032 from Q8_0.
ROUNDING = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.1, "Q8_0": 0.15}
# The most drift as a share of the effect: it is 1 if nothing of the adapter is left. Measured in bf16 with the
# adapter of the shipped example, scaled down: 0.37 where its effect was 10% of the spread, 0.77 at 3.5%, 1.0 at 2.6%,
# which is what bf16's rounding causes alone.
LOST = 0.8
TEXTS = (
    "What is the capital of France?",
    "part: resistor\nvalue: 4.7 kohm\npackage: 0603",
    "Schreibe einen Satz über den Herbst.",
    "def add(a, b):\n    return a + b",
    "Rewrite: the cat sat on the mat, and it was warm there.",
    "1, 2, 4, 8, 16,",
    "Name three fruits.",
    "name: Blue mug\ncolour: blue\nvolume: 300 ml",
)


@dataclass(frozen=True)
class Agreement:
    """How far a written model's logits are from the expected ones and from the base model's.

    `drift` and `effect` are root mean square differences to the adapter's logits and between adapter and base,
    `largest` is the largest difference to the adapter's; all as shares of the spread (standard deviation) of the
    adapter's logits. `same_token_share` is the share of positions with the same most likely token.
    """

    rows: int
    positions: int
    drift: float
    largest: float
    effect: float
    from_base: float
    same_token_share: float

    def sentence(self) -> str:
        """The numbers as a sentence."""
        apart, largest = say.percent(self.drift), say.percent(self.largest)
        return (
            f"on {self.rows} rows its logits differ from the adapter's by {apart} of their spread on average and by {largest} "
            f"at most, and from the base model's by {say.percent(self.from_base)} on average; the most likely token is the "
            f"same at {say.percent(self.same_token_share)} of {self.positions:,} positions"
        )


def rows_to_compare(model: LoadedModel, pairs: pl.DataFrame | None = None) -> list[list[int]]:
    """Token ids of at most 8 rows, the last 64 of each: of the pairs with their answers, or of built-in texts."""
    table = pairs.head(ROWS) if pairs is not None and len(pairs) else None
    chats = (
        [(chat_messages(text), None) for text in TEXTS]
        if table is None
        else [
            (chat_messages(row["input"], system=row.get("system")), row.get("output"))
            for row in table.iter_rows(named=True)
        ]
    )
    texts = [render_text(model.tokenizer, chat, answer=answer or None) for chat, answer in chats]
    return [ids[-TOKENS:] for ids in model.tokenizer(texts, add_special_tokens=False)["input_ids"]]


def row_logits(model: Any, rows: Sequence[Sequence[int]]) -> Any:
    """Logits at every position of the rows in fp32, `(positions, vocabulary)`; row by row, so nothing is padded."""
    import torch

    with torch.no_grad():
        found = [model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0] for ids in rows]
    return torch.cat([logits.float().cpu() for logits in found])


def check_effect(adapter: Any, base: Any) -> None:
    """Check that an adapter changes the logits (both from `row_logits`) to finite numbers.

    Raises ModelError if it does not.
    """
    if not bool(adapter.isfinite().all()):
        raise ModelError(
            "The adapter is broken: with it, the model's outputs are not finite numbers.\nTrain again with a lower learning rate."
        )
    if bool((adapter == base).all()):
        raise ModelError(
            "The adapter changes nothing: with it, the model's outputs equal the base model's.\nTrain longer."
        )


def coarser(one: str, other: str) -> str:
    """The coarser of two number formats: that of a model's files and the one it computes in."""
    return max(one, other, key=ROUNDING.__getitem__)


def compare(written: Any, adapter: Any, base: Any, *, rows: int, kind: str) -> Agreement:
    """The agreement of three tensors from `row_logits`; `kind` is the format of the written weights, or a
    coarser one used in computing.

    Raises RunBroken if the written model does not match the adapter: too different, not finite, or equal to the base.
    """
    spread = float(adapter.std())
    share = lambda difference: float(difference.pow(2).mean().sqrt()) / spread  # noqa: E731
    found = Agreement(
        rows=rows,
        positions=len(adapter),
        drift=share(written - adapter),
        largest=float((written - adapter).abs().max()) / spread,
        effect=share(adapter - base),
        from_base=share(written - base),
        same_token_share=float((written.argmax(-1) == adapter.argmax(-1)).float().mean()),
    )
    if found.drift <= min(ROUNDING[kind], LOST * found.effect):  # never so for NaN
        return found
    raise RunBroken(_why(found, kind))


def _why(found: Agreement, kind: str) -> str:
    if found.drift <= ROUNDING[kind]:
        return (
            f"The adapter changes the logits by {say.percent(found.effect)} of their spread, and rounding to {kind} changes "
            f"them by {say.percent(found.drift)}, so too little of the adapter would survive.\nTrain longer, or use the adapter "
            "unmerged."
        )
    return (
        f"The merged model does not match the adapter: {found.sentence()}, and at most {say.percent(ROUNDING[kind])} on "
        f"average was expected in {kind}. The merged model was deleted.\nUse the adapter unmerged."
    )
