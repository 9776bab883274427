"""Tokens per second of training and outputs per second of generation, against peers and the machine's limit.

Run: `python benchmarks/train.py` (about 5 minutes on two cores); writes `benchmarks/train.md`.

What is timed: whole optimizer steps (forward, backward, clipping, AdamW) on the same batches in the same order, the
first one left out; the fastest product of two matrices for the limit; `generate` from rendered chats to texts.
Rates count real tokens, prompt and output together, never padding.
"""

import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import torch

from tuneworth.evaluate.generate import generate
from tuneworth.examples import example_path
from tuneworth.style.fields import render_fields
from tuneworth.style.files import write_whole
from tuneworth.train import LoadedModel, chat_messages, load_model
from tuneworth.train.attention import plain_attention
from tuneworth.train.batches import collate, epoch_order
from tuneworth.train.examples import Example, to_examples
from tuneworth.train.lora import attach_adapter, detach_adapter, lora_layers, replace_forward, restore_forward
from tuneworth.train.precision import product_rate
from tuneworth.train.steps import batch_loss, split_head

STEPS, BATCH, RANK = 13, 8, 16
NEW_TOKENS, PROMPTS = 32, 32
GUIDE = example_path("components") / "guide.md"


def pairs(count: int) -> pl.DataFrame:
    """A fixed random sample of the shipped example."""
    with (example_path("components") / "pairs.jsonl").open(encoding="utf-8") as file:
        rows = random.Random(1).sample([json.loads(line) for line in file], count)
    inputs = [render_fields(row["input"], leave_out=["part"]) for row in rows]
    return pl.DataFrame({"id": [r["id"] for r in rows], "input": inputs, "output": [r["output"] for r in rows]})


def train_rate(model: LoadedModel, examples: list[Example], order: list[list[int]], *, way: str) -> dict[str, Any]:
    """Tokens per second and the last losses of one way to train."""
    adapted = attach_adapter(model.model, rank=RANK, alpha=32, seed=0, name=model.name)
    base = adapted.get_base_model()
    parameters = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.0, fused=way != "stock")
    losses, tokens, seconds = [], 0, 0.0
    with ExitStack() as stack:
        stack.callback(detach_adapter, model.model)
        if way == "ours":
            replace_forward(adapted)
            stack.callback(restore_forward, adapted)
            stack.enter_context(plain_attention(base))
        parts = split_head(base, examples[0]) if way != "stock" else None
        adapted.train()
        for step, rows in enumerate(order[:STEPS]):
            started = time.perf_counter()
            chosen = [examples[i] for i in rows]
            if way == "stock":
                loss = stock_loss(base, chosen)
            else:
                batch = collate(chosen, device="cpu")
                loss = batch_loss(base, parts, batch) / len(batch.labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if step:
                tokens += sum(len(e.ids) for e in chosen)
                seconds += time.perf_counter() - started
    return {"rate": tokens / seconds, "loss": statistics.mean(losses[-5:])}


def stock_loss(base: Any, chosen: list[Example]) -> Any:
    """What a stock loop does: mask, labels with -100, logits at every position, the model's own loss."""
    longest = max(len(e.ids) for e in chosen)
    ids = torch.zeros(len(chosen), longest, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, example in enumerate(chosen):
        n = len(example.ids)
        ids[row, :n], mask[row, :n] = torch.tensor(example.ids), 1
        labels[row, example.prompt_tokens : n] = torch.tensor(example.ids[example.prompt_tokens :])
    return base(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss


def flops_per_token(model: LoadedModel, examples: list[Example]) -> float:
    """Of the frozen weights' products: 2 per weight forward, 2 backward (no gradient for W); the head at labels only."""
    linear = sum(
        m.weight.numel() for n, m in model.model.named_modules() if type(m) is torch.nn.Linear and "head" not in n
    )
    head = model.model.get_output_embeddings().weight.numel()
    labels = sum(e.answer_tokens for e in examples) / sum(len(e.ids) for e in examples)
    return 4 * linear + 4 * head * labels


def training_table(found: pl.DataFrame) -> list[str]:
    """Rows of Markdown."""
    rows = []
    for dtype, ways in [("bfloat16", ["ours", "peft, own loop", "stock"]), ("float32", ["peft, own loop", "stock"])]:
        model = load_model("smollm2-135m", dtype=dtype)
        examples = to_examples(found, model=model)
        order = epoch_order(examples, size=BATCH, seed=0, epoch=0)
        speed = product_rate(getattr(torch, dtype), seconds=1.0)
        limit = speed * 1e9 / flops_per_token(model, examples)
        rows.append(f"| limit: matrix products at {speed:.0f} GFLOP/s | {dtype} | {limit:.0f} | | |")
        for way in ways:
            told = train_rate(model, examples, order, way=way)
            rows.append(f"| {way} | {dtype} | {told['rate']:.0f} | {told['rate'] / limit:.0%} | {told['loss']:.3f} |")
            print(rows[-1], file=sys.stderr)
    return rows


def generation_table(found: pl.DataFrame) -> list[str]:
    """Rows of Markdown."""
    model = load_model("smollm2-135m")
    plain = [chat_messages(text) for text in found["input"][:PROMPTS]]
    guide = GUIDE.read_text(encoding="utf-8") if GUIDE.is_file() else "Write one line. " * 80
    shots = list(zip(found["input"][-3:], found["output"][-3:], strict=True))
    guided = [chat_messages(text, system=guide, examples=shots) for text in found["input"][:PROMPTS]]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        adapted = attach_adapter(model.model, rank=RANK, alpha=32, seed=0, name=model.name)
        adapted.save_pretrained(temporary, save_embedding_layers=False)
        cases = [
            ("plain, adapter as peft has it", plain, 32, None),
            ("plain, adapter merged in memory", plain, 32, Path(temporary)),
            ("plain", plain, 32, None),
            ("plain", plain[:4], 1, None),
            ("guide and 3 examples, computed once", guided, 32, None),
            ("guide and 3 examples, one by one", guided[:2], 1, None),
        ]
        for name, prompts, size, adapter in cases:
            if lora_layers(model.model) and "peft" not in name:
                detach_adapter(model.model)
            started = time.perf_counter()
            # one by one means that: no prompts that could share a beginning
            groups = [prompts] if size > 1 else [[prompt] for prompt in prompts]
            told = [
                g
                for group in groups
                for g in generate(model, group, adapter=adapter, max_new_tokens=NEW_TOKENS, batch_size=size)
            ]
            seconds = time.perf_counter() - started
            tokens = sum(g.output_tokens for g in told) / seconds
            rows.append(f"| {name} | {told[0].input_tokens} | {size} | {len(told) / seconds:.2f} | {tokens:.0f} |")
            print(rows[-1], file=sys.stderr)
    return rows


def hardware() -> str:
    """The processor and what counts for speed."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    flags = [f for f in ("avx512_bf16", "amx_bf16") if any(f in line for line in lines)]
    return f"{name}, {torch.get_num_threads()} threads, {', '.join(flags) or 'no bf16 instructions'}"


def main() -> None:
    found, load = pairs(STEPS * BATCH), os.getloadavg()[0]
    training, generation = training_table(found), generation_table(found)
    text = f"""# Training and generation

{datetime.now(UTC):%Y-%m-%d}, {hardware()}, torch {torch.__version__}, load average {load:.1f} before the start
(0: nothing else ran). Written by `benchmarks/train.py`, which says what is
timed. SmolLM2-135M-Instruct, {STEPS} steps of {BATCH} pairs of the shipped example, rank {RANK} on all linear layers.

| way | format | tokens/s | of the limit | loss, mean of the last 5 steps |
|---|---|---|---|---|
{chr(10).join(training)}

"stock": peft's layers, attention mask, logits at every position, the model's own loss. "peft, own loop": logits at the
labels only, no mask. "ours": that, with the replaced LoRA forward and plain attention.

Generation, {NEW_TOKENS} new tokens at the most, {load_model("smollm2-135m").dtype}:

| prompt | tokens of the first prompt | batch | outputs/s | new tokens/s |
|---|---|---|---|---|
{chr(10).join(generation)}
"""
    write_whole(Path(__file__).with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
