"""The ways to generate of benchmarks/train.py: ours, ours with a part replaced, and the library's own `generate`."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from tuneworth.train import LoadedModel, chat_messages, render_prompt

# isort: split
import polars as pl
import torch
from trainers import RANK

from tuneworth.evaluate.outputs.decode import decoding
from tuneworth.evaluate.outputs.generate import generate
from tuneworth.evaluate.outputs.requests import plan_requests
from tuneworth.examples import example_path
from tuneworth.train.model.kernels import attach_adapter, detach_adapter

__all__ = ["NEW_TOKENS", "generation_rows", "replaced"]

NEW_TOKENS = 32
GUIDE = example_path("components") / "guide.md"

Counts = tuple[int, int]
"""Outputs, and new tokens of all of them."""


@contextmanager
def replaced(function: Any, **names: Any) -> Iterator[None]:
    """The module of this function with other values under some of its names while the block lasts."""
    module = getattr(function, "__wrapped__", function).__globals__
    before = {
        name: module[name] for name in names
    }  # a name that is gone is an error here, not a row without its effect
    module.update(names)
    try:
        yield
    finally:
        module.update(before)


def library(model: LoadedModel, chats: Sequence[Any], *, size: int, adapted: Any = None) -> Counts:
    """`model.generate` of transformers on batches of `size` chats of like length, padded on the left."""
    prompts = sorted((render_prompt(model.tokenizer, chat) for chat in chats), key=len, reverse=True)
    ends = torch.tensor(model.model.generation_config.eos_token_id).reshape(-1)
    tokens = 0
    for start in range(0, len(prompts), size):
        rows = prompts[start : start + size]
        width = len(rows[0])
        ids = torch.tensor([[model.tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        with torch.inference_mode():
            out = (adapted or model.model).generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False,
                pad_token_id=model.tokenizer.pad_token_id,
            )  # fmt: skip
        ended = torch.isin(out[:, width:], ends).long()
        tokens += int((ended.cumsum(1) - ended == 0).sum())  # up to the first end token, that one too
    return len(prompts), tokens


def ours(model: LoadedModel, chats: Sequence[Any], *, size: int, adapter: Path | None = None) -> Counts:
    """What an evaluation does."""
    found = generate(model, chats, adapter=adapter, max_new_tokens=NEW_TOKENS, batch_size=size)
    return len(found), sum(g.output_tokens for g in found)


def without_sequence(model: LoadedModel, chats: Sequence[Any], *, size: int) -> Counts:
    """Ours as on a GPU: padded rows, the library's attention and cache, weights and norms as they are."""
    with replaced(decoding, own_attention=lambda *_, **__: nullcontext(False)):
        return ours(model, chats, size=size)


def without_norms(model: LoadedModel, chats: Sequence[Any], *, size: int) -> Counts:
    """Ours with the library's norms."""
    with replaced(decoding, fast_norms=lambda _: nullcontext(0)):
        return ours(model, chats, size=size)


def without_beginning(model: LoadedModel, chats: Sequence[Any], *, size: int) -> Counts:
    """Ours, made to compute the common beginning in each row."""
    with replaced(plan_requests, LEAST_SHARED=10**9):
        return ours(model, chats, size=size)


class _Rows:
    """Rows of Markdown as they are measured; the first way of each kind is what the others are compared with."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.first: dict[str, float] = {}

    def add(self, kind: str, what: str, size: int, run: Callable[..., Counts], *given: Any, **named: Any) -> None:
        started = time.perf_counter()
        outputs, tokens = run(*given, size=size, **named)
        seconds = time.perf_counter() - started
        times = outputs / seconds / self.first.setdefault(kind, outputs / seconds)
        self.lines.append(
            f"| {kind} | {what} | {size} | {outputs / seconds:.2f} | {tokens / seconds:.0f} | {times:.1f} |"
        )
        print(self.lines[-1], file=sys.stderr)


def generation_rows(model: LoadedModel, found: pl.DataFrame, *, quick: bool, short: bool) -> list[str]:
    """Rows of Markdown: outputs per second of each way, as a multiple of the plain loop's.

    `found` are 131 pairs, the first three being examples in the prompt. With `short`, only the ways at one and at 64
    rows, without guide and adapter.
    """
    plain = [chat_messages(text) for text in found["input"][3:]]
    few, some, many = (1, 4, 8) if quick else (6, 64, 128)
    rows = _Rows()
    rows.add("plain", "`model.generate`", 1, library, model, plain[:few])
    rows.add("plain", "`model.generate`", 64, library, model, plain[:some])
    for size in (1, 64) if short else (1, 8, 32, 64, 128):
        rows.add("plain", "ours", size, ours, model, plain[: {1: few, 128: many}.get(size, some)])
    rows.add("plain", "ours, padded rows", 64, without_sequence, model, plain[:some])
    if not short:
        rows.add("plain", "ours, the library's norms", 64, without_norms, model, plain[:some])
        _guided(rows, model, found, few=few, some=some)
        _adapted(rows, model, plain, few=few, some=some)
    return rows.lines


def _guided(rows: _Rows, model: LoadedModel, found: pl.DataFrame, *, few: int, some: int) -> None:
    kind, shots = "guide, 3 examples", list(zip(found["input"][:3], found["output"][:3], strict=True))
    guide = GUIDE.read_text(encoding="utf-8") if GUIDE.is_file() else "Write one line. " * 80
    chats = [chat_messages(text, system=guide, examples=shots) for text in found["input"][3:]]
    fewer = chats[: max(2, some // 2)]  # the ways that take minutes
    rows.add(kind, "`model.generate`", 1, library, model, chats[:few])
    rows.add(kind, "`model.generate`", 64, library, model, fewer)
    rows.add(kind, "ours, beginning once", 64, ours, model, chats[:some])
    rows.add(kind, "ours, beginning once, padded rows", 64, without_sequence, model, chats[:some])
    rows.add(kind, "ours, beginning in each row", 64, without_beginning, model, fewer)


def _adapted(rows: _Rows, model: LoadedModel, chats: Sequence[Any], *, few: int, some: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        adapted = attach_adapter(model.model, rank=RANK, alpha=2 * RANK, seed=0, name=model.name)
        adapted.save_pretrained(folder, save_embedding_layers=False)
        rows.add("adapter", "`model.generate`, as peft has it", 1, library, model, chats[:few], adapted=adapted)
        rows.add("adapter", "`model.generate`, as peft has it", 64, library, model, chats[:some], adapted=adapted)
        rows.add("adapter", "ours, as peft has it", 64, ours, model, chats[:some])
        detach_adapter(model.model)
        rows.add("adapter", "ours, merged in memory", 64, ours, model, chats[:some], adapter=Path(folder))
