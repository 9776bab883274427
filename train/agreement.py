"""Whether a model that was written out says what the one in memory says: logits on a few rows, compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..style.errors import ModelError, RunBroken
from .model import LoadedModel
from .render import chat_messages, render_text

__all__ = ["Agreement", "check_effect", "coarser", "compare", "row_logits", "rows_to_compare"]

ROWS = 8
TOKENS = 64  # of each row's end: enough positions, and logits over a large vocabulary stay under a gigabyte
# How far the logits may be apart on average (root mean square, as a share of their spread) by the format of the weights.
# Measured on a tuned SmolLM2-135M: 2e-6 in fp32; computed in bf16 0.024 from bf16 files, 0.032 from Q8_0.
ROUNDING = {"float32": 1e-3, "float16": 0.05, "bfloat16": 0.1, "Q8_0": 0.15}

# The most drift as a share of the effect: it is 1 where nothing of the adapter is left. Measured in bf16 with the
# adapter of the shipped example, scaled down: 0.37 where its effect was 10 % of the spread, 0.77 at 3.5 %, 1.0 at 2.6 %,
# which is what bf16's rounding does alone.
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
    """How far a written model's logits are from those it must equal and from the base model's.

    `drift` and `effect` are root mean squares of the differences to the adapter's and between adapter and base,
    `largest` is the largest difference to the adapter's; all as shares of the spread (standard deviation) of the
    adapter's logits. `same_token_share` is the share of positions whose likeliest token is the same.
    """

    rows: int
    positions: int
    drift: float
    largest: float
    effect: float
    from_base: float
    same_token_share: float

    def sentence(self) -> str:
        """The numbers for people."""
        apart, largest = f"{100 * self.drift:.2g} %", f"{100 * self.largest:.2g} %"
        return (
            f"on {self.rows} rows its logits differ from the adapter's by {apart} of their spread on average and {largest} at "
            f"the most, from the base model's by {100 * self.from_base:.2g} % on average; the likeliest token is the same at "
            f"{100 * self.same_token_share:.1f} % of {self.positions:,} places"
        )


def rows_to_compare(model: LoadedModel, pairs: pl.DataFrame | None = None) -> list[list[int]]:
    """Token ids of at most 8 rows, the last 64 of each: of the pairs with their answers, or of texts of our own."""
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
    """Logits at every place of the rows in fp32, `(places, vocabulary)`; each row alone, so that nothing is padded."""
    import torch

    with torch.no_grad():
        found = [model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0] for ids in rows]
    return torch.cat([logits.float().cpu() for logits in found])


def check_effect(adapter: Any, base: Any) -> None:
    """Check that an adapter changes the logits (both from `row_logits`), into numbers.

    Raises ModelError where it does not.
    """
    if not bool(adapter.isfinite().all()):
        raise ModelError(
            "The adapter is broken: the model with it computes no numbers.\nTrain again, with a lower rate."
        )
    if bool((adapter == base).all()):
        raise ModelError(
            "The adapter changes nothing: the model with it says what the base model says.\nTrain it longer."
        )


def coarser(one: str, other: str) -> str:
    """Of two number formats, a model's files' and the one that it computes in, the one that rounds more."""
    return max(one, other, key=ROUNDING.__getitem__)


def compare(written: Any, adapter: Any, base: Any, *, rows: int, kind: str) -> Agreement:
    """The agreement of three tensors from `row_logits`; `kind` is the format of the written weights, or a
    coarser one that was computed in.

    Raises RunBroken where the written model is not the adapter's: another one, no number, or equal to the base.
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
            f"The adapter changes the logits by {100 * found.effect:.2g} % of their spread, and the rounding of {kind} by "
            f"{100 * found.drift:.2g} %: too little of it would be left.\nTrain it longer, or use it unmerged."
        )
    return (
        f"What was written does not say what the adapter says: {found.sentence()}.\n"
        f"At most {100 * ROUNDING[kind]:.2g} % on average was expected in {kind}. Nothing was kept: use the adapter unmerged."
    )
