"""Training and generation: tokens and outputs per second, memory and loss, against peers and the machine's limit.

Run: `python benchmarks/train.py` (about 11 minutes on two cores; needs `pip install -e .[train,bench]`), writes
`benchmarks/train.md`. `--quick` takes a minute or two, prints the tables from two small steps a way and writes nothing.

What is timed: whole optimizer steps (forward, backward, clipping, AdamW) on the same batches in the same order, the
first step left out; the fastest product of two matrices for the limit; `generate` from chats to texts, model loaded.
Each way runs in a process of its own, whose peak memory is that of everything in it, loading the model included.
Rates count real tokens, prompt and output together, never padding.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Set before torch is imported, for all ways alike: on a machine that is idle but for this script, threads wait awake.
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as train/threads.py chooses

# isort: split
from tuneworth.train import LoadedModel, chat_messages, load_model, render_prompt

# isort: split
import polars as pl
import torch
from trainers import (
    BATCH,
    RANK,
    RATE,
    Course,
    Work,
    transformers_trainer,
    trl_best,
    trl_defaults,
    trl_padding_free,
)

from tuneworth.core import write_whole
from tuneworth.evaluate.outputs import generate as generation
from tuneworth.examples import example_path
from tuneworth.style import render_fields
from tuneworth.train.batches import epoch_order
from tuneworth.train.examples import Example, to_examples
from tuneworth.train.model.kernels import attach_adapter, detach_adapter
from tuneworth.train.model.memory import peak_memory_bytes
from tuneworth.train.model.precision import product_rate
from tuneworth.train.steps import LossPath, fast_paths, split_head

STEPS = 8
NEW_TOKENS = 32
LAST = 5  # losses that are averaged
GUIDE = example_path("components") / "guide.md"
BOTH = ("float32", "bfloat16")


def pairs(count: int) -> pl.DataFrame:
    """A fixed random sample of the shipped example."""
    with (example_path("components") / "pairs.jsonl").open(encoding="utf-8") as file:
        rows = random.Random(1).sample([json.loads(line) for line in file], count)
    inputs = [render_fields(row["input"], leave_out=["part"]) for row in rows]
    return pl.DataFrame({"id": [r["id"] for r in rows], "input": inputs, "output": [r["output"] for r in rows]})


def work(model: LoadedModel, steps: int, *, size: int = BATCH) -> Work:
    """The shipped example in batches of like length."""
    examples = to_examples(pairs(steps * size), model=model)
    return Work(model, examples, epoch_order(examples, size=size, seed=0, epoch=0)[:steps])


# ---- ways to train


def ours(given: Work, *, rank: int = RANK) -> Course:
    """What `fit` does at each step."""
    with ExitStack() as stack:
        adapted = attach_adapter(given.model.model, rank=rank, alpha=2 * rank, seed=0, name=given.model.name)
        stack.callback(detach_adapter, given.model.model)
        path, _ = stack.enter_context(fast_paths(adapted, given.examples))
        return own_loop(adapted, path, given)


def peft_loop(given: Work) -> Course:
    """peft's layers and the library's attention in a loop of our own: logits at the labels only, padding, no mask."""
    adapted = attach_adapter(given.model.model, rank=RANK, alpha=2 * RANK, seed=0, name=given.model.name)
    base = adapted.get_base_model()
    return own_loop(adapted, LossPath(base, split_head(base, given.examples[0])), given)


def own_loop(adapted: Any, path: LossPath, given: Work) -> Course:
    """Optimizer steps over the given batches."""
    parameters = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, fused=True)
    course = Course()
    adapted.train()
    for chosen in given.batches:
        started = time.perf_counter()
        batch = path.batch(chosen)
        loss = path.loss(batch).total / len(batch.labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        course.losses.append(loss.item())
        course.seconds.append(time.perf_counter() - started)
        course.computed.append(batch.computed)
    return course


@dataclass(frozen=True)
class Way:
    """One way to train: `run` gets its data and gives its course."""

    label: str
    dtype: str  # of the products; the frozen weights are in fp32 where TRL casts as it goes
    run: Callable[["Work"], "Course"]


WAYS = [
    Way("**ours**", "bfloat16", ours),
    Way("peft in a loop of our own", "bfloat16", peft_loop),
    Way("`transformers.Trainer` + peft", "bfloat16", transformers_trainer),
    Way("TRL `SFTTrainer`, best settings", "bfloat16", trl_best),
    Way("TRL `SFTTrainer`, best settings, padding-free", "bfloat16", trl_padding_free),
    Way("TRL `SFTTrainer`, defaults", "bfloat16", trl_defaults),
    Way("**ours**", "float32", ours),
    Way("`transformers.Trainer` + peft", "float32", transformers_trainer),
]


SMOKED = 6  # the ways that --quick tries: each kind once


def train_one(number: str, *, quick: bool) -> dict[str, Any]:
    """One way's numbers, and the products that its tokens need at the least, in GFLOP."""
    way = WAYS[int(number)]
    model = load_model("smollm2-135m", dtype=way.dtype)
    given = work(model, 2, size=2) if quick else work(model, STEPS)
    real, labels = (
        sum(count(e) for rows in given.batches[1:] for e in rows)
        for count in (lambda e: len(e.ids), lambda e: e.answer_tokens)
    )
    frozen, head = weights(given.model)
    if way.run in (trl_defaults, trl_best, trl_padding_free):  # they load the model themselves
        given = replace(given, model=replace(given.model, model=None))
    course = way.run(given)
    seconds, computed = sum(course.seconds[1:]), sum(course.computed[1:])
    # 2 per weight forward and 2 back (no gradient for the weights); the head at the labels only; the adapter left out
    needed = [(4 * frozen * tokens + 4 * head * labels) / 1e9 for tokens in (real, computed)]
    return {
        "rate": real / seconds, "computed": computed / seconds, "gflops": [n / seconds for n in needed],
        "memory": peak_memory_bytes(), "loss": statistics.mean(course.losses[-LAST:]),
        "steps": len(course.seconds),
    }  # fmt: skip


def weights(model: LoadedModel) -> tuple[int, int]:
    """Numbers in the linear layers, and in the head."""
    head = model.model.get_output_embeddings().weight
    linear = [m.weight for m in model.model.modules() if type(m) is torch.nn.Linear and m.weight is not head]
    return sum(w.numel() for w in linear), head.numel()


def limits(_: str, *, quick: bool) -> dict[str, float]:
    """GFLOP/s of matrix products by number format."""
    return {dtype: product_rate(getattr(torch, dtype), seconds=0.2 if quick else 2.0) for dtype in BOTH}


# ---- how time grows


def growth(_: str, *, quick: bool) -> list[str]:
    """Rows of Markdown: seconds per step by pairs, length, rank, and with a guide in every row."""
    model = load_model("smollm2-135m", dtype="bfloat16")
    steps = 2 if quick else 4
    rows = []

    def row(what: str, given: Work, *, rank: int = RANK) -> None:
        course = ours(given, rank=rank)
        real = sum(len(e.ids) for batch in given.batches[1:] for e in batch)
        each, computed = statistics.mean(course.seconds[1:]), sum(course.computed[1:])
        rate = real / sum(course.seconds[1:])
        rows.append(
            f"| {what} | {real / (len(given.order) - 1):,.0f} | {computed / real:.2f} | {each:.2f} | {rate:.0f} |"
        )
        print(rows[-1], file=sys.stderr)

    for count in (64, 512) if quick else (64, 512, 1792):
        examples = to_examples(pairs(count), model=model)
        row(f"{count:,} pairs", Work(model, examples, epoch_order(examples, size=BATCH, seed=0, epoch=0)[:steps]))
    for length in (64, 128) if quick else (64, 128, 256, 512, 1024):
        row(f"rows of {length:,} tokens, batch 4", drawn(model, length, size=4, steps=3 if length <= 256 else 2))
    for rank in (4, 64) if quick else (4, 16, 64):
        row(f"rank {rank}", work(model, steps), rank=rank)
    row("a guide of 300 tokens in front of every row", guided(model, steps))
    return rows


def drawn(model: LoadedModel, length: int, *, size: int, steps: int) -> Work:
    """Rows of one length and of random tokens, a quarter of each to be learnt: nothing in common."""
    chance = random.Random(length)
    top = model.model.get_input_embeddings().weight.shape[0]
    examples = [
        Example(str(n), tuple(chance.randrange(100, top) for _ in range(length)), length * 3 // 4)
        for n in range(size * steps)
    ]
    return Work(model, examples, [range(start, start + size) for start in range(0, size * steps, size)])


def guided(model: LoadedModel, steps: int) -> Work:
    """The shipped example, each row behind the same 300 tokens."""
    plain = work(model, steps)
    front = tuple(random.Random(0).randrange(100, 40_000) for _ in range(300))
    examples = [Example(e.id, front + e.ids, len(front) + e.prompt_tokens) for e in plain.examples]
    return Work(model, examples, plain.order)


# ---- generation


def one_by_one(model: LoadedModel, chats: Sequence[Any], *, adapted: Any = None) -> tuple[int, int]:
    """The plain loop: the library's `generate`, one chat at a time. Outputs and new tokens."""
    tokens = 0
    for chat in chats:
        ids = torch.tensor([render_prompt(model.tokenizer, chat)])
        with torch.inference_mode():
            out = (adapted or model.model).generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False,
                pad_token_id=model.tokenizer.pad_token_id,
            )  # fmt: skip
        tokens += out.shape[1] - ids.shape[1]
    return len(chats), tokens


def in_batches(model: LoadedModel, chats: Sequence[Any], *, size: int, adapter: Path | None = None) -> tuple[int, int]:
    """Ours. Outputs and new tokens."""
    told = generation.generate(model, chats, adapter=adapter, max_new_tokens=NEW_TOKENS, batch_size=size)
    return len(told), sum(g.output_tokens for g in told)


def generate_all(_: str, *, quick: bool) -> list[str]:
    """Rows of Markdown: outputs per second of each way to generate, as a multiple of the plain loop's."""
    model = load_model("smollm2-135m", dtype="bfloat16")
    found = pairs(131)
    plain = [chat_messages(text) for text in found["input"][3:]]
    shots = list(zip(found["input"][:3], found["output"][:3], strict=True))
    guide = GUIDE.read_text(encoding="utf-8") if GUIDE.is_file() else "Write one line. " * 80
    guided = [chat_messages(text, system=guide, examples=shots) for text in found["input"][3:]]
    few, some, many = (1, 4, 8) if quick else (6, 64, 128)
    rows: list[str] = []
    bases: dict[str, float] = {}

    def row(kind: str, what: str, size: int, run: Callable[[], tuple[int, int]]) -> None:
        started = time.perf_counter()
        outputs, tokens = run()
        seconds = time.perf_counter() - started
        base = bases.setdefault(kind, outputs / seconds)  # the first of a kind is the plain loop
        times = f"{outputs / seconds / base:.1f}"
        rows.append(f"| {kind} | {what} | {size} | {outputs / seconds:.2f} | {tokens / seconds:.0f} | {times} |")
        print(rows[-1], file=sys.stderr)

    row("plain", "`model.generate`", 1, lambda: one_by_one(model, plain[:few]))
    for size in (1, 8, 32, 64, 128):
        chats = plain[: {1: few, 128: many}.get(size, some)]
        row("plain", "ours", size, lambda chats=chats, size=size: in_batches(model, chats, size=size))
    row("guide, 3 examples", "`model.generate`", 1, lambda: one_by_one(model, guided[:few]))
    row("guide, 3 examples", "ours, beginning once", 64, lambda: in_batches(model, guided[:some], size=64))
    row("guide, 3 examples", "ours, beginning in each row", 64, lambda: unshared(model, guided[: max(2, some // 2)]))
    with tempfile.TemporaryDirectory() as folder:
        adapted = attach_adapter(model.model, rank=RANK, alpha=2 * RANK, seed=0, name=model.name)
        adapted.save_pretrained(folder, save_embedding_layers=False)
        row("adapter", "`model.generate`, as peft has it", 1, lambda: one_by_one(model, plain[:few], adapted=adapted))
        row("adapter", "ours, as peft has it", 64, lambda: in_batches(model, plain[:some], size=64))
        detach_adapter(model.model)
        row(
            "adapter",
            "ours, merged in memory",
            64,
            lambda: in_batches(model, plain[:some], size=64, adapter=Path(folder)),
        )
    return rows


def unshared(model: LoadedModel, chats: Sequence[Any]) -> tuple[int, int]:
    """Ours, made to compute the common beginning in each row."""
    before, generation.LEAST_SHARED = generation.LEAST_SHARED, 10**9
    try:
        return in_batches(model, chats, size=64)
    finally:
        generation.LEAST_SHARED = before


# ---- the page

PARTS = {"train": train_one, "limits": limits, "growth": growth, "generation": generate_all}


def apart(part: str, argument: str = "", *, quick: bool) -> Any:
    """A part's result from a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--argument", argument, *(["--quick"] if quick else [])]
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as answer:
        subprocess.run([*command, "--answer", answer.name], check=True, stdout=subprocess.DEVNULL)
        return json.load(answer)


def training_rows(*, quick: bool) -> list[str]:
    """Rows of Markdown: the limit measured before and after, the ways between."""
    before = apart("limits", quick=quick)
    told = [(way, apart("train", str(n), quick=quick)) for n, way in enumerate(WAYS[:SMOKED] if quick else WAYS)]
    after = apart("limits", quick=quick)
    speeds = {dtype: max(before[dtype], after[dtype]) for dtype in BOTH}
    slow = next(t["rate"] for way, t in told if way.run is trl_defaults)
    rows = []
    for way, t in told:
        shares = " | ".join(f"{100 * g / speeds[way.dtype]:.0f}%" for g in t["gflops"])
        rows.append(
            f"| {way.label} | {way.dtype} | {t['rate']:.0f} | {t['rate'] / slow:.1f} | {t['computed']:.0f} | {shares} "
            f"| {t['memory'] / 1e9:.1f} GB | {t['loss']:.3f} |"
        )
    products = ", ".join(f"{speed:.0f} GFLOP/s in {dtype}" for dtype, speed in speeds.items())
    return [*rows, "", f"The limit is the fastest matrix product of this machine in the same run: {products}."]


def hardware() -> str:
    """The processor and what counts for speed."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.is_file() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    flags = [f for f in ("avx512_bf16", "amx_bf16") if any(f in line for line in lines)]
    return f"{name}, {torch.get_num_threads()} threads, {', '.join(flags) or 'no bf16 instructions'}"


def page(*, quick: bool) -> str:
    """All tables and what they mean."""
    load = os.getloadavg()[0]
    training, grown, generated = (
        training_rows(quick=quick),
        apart("growth", quick=quick),
        apart("generation", quick=quick),
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "trl", "accelerate"))
    return f"""# Training and generation{" (smoke run of tiny steps: its numbers mean nothing)" if quick else ""}

{datetime.now(UTC):%Y-%m-%d}, {hardware()}, load average {load:.1f} before the start (0: nothing else ran),
{versions}. Written by `benchmarks/train.py`, which says what is timed.
SmolLM2-135M-Instruct; {STEPS} steps of {BATCH} pairs of the shipped example, the same batches in the same
order, rank {RANK} on all linear layers, learning rate {RATE:g}, no dropout.

| way | format | tokens/s | times TRL's defaults | computed/s | limit, real | limit, computed | peak memory | loss |
|---|---|---|---|---|---|---|---|---|
{chr(10).join(training)}
"Limit" is the share of it that is reached, counting the products which the frozen weights need (forward, and back to
the inputs; the head at the labels only), for every real token, and for the tokens that went through the model, which
are "computed": fewer where a common beginning is computed once for a batch, more with padding. "Loss" is the mean of
the last {LAST} steps. TRL's defaults keep the weights in float32, cast as they go and compute activations twice. All
peers get batches of like length, which by default they do not make.

How the time of a step grows (ours, bfloat16, batch {BATCH} where nothing else is said):

| what | real tokens per step | computed per real token | seconds per step | tokens/s |
|---|---|---|---|---|
{chr(10).join(grown)}

Generation, {NEW_TOKENS} new tokens at the most, bfloat16; "times" is outputs per second against the first line of its kind:

| prompt | way | batch | outputs/s | new tokens/s | times |
|---|---|---|---|---|---|
{chr(10).join(generated)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute, for trying the script; writes no table")
    for name in ("--part", "--argument", "--answer"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        told = PARTS[options.part](options.argument, quick=options.quick)
        Path(options.answer).write_text(json.dumps(told), encoding="utf-8")
        return
    text = page(quick=options.quick)
    if not options.quick:
        write_whole(Path(__file__).with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
