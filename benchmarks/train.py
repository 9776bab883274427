"""Training and generation: tokens and outputs per second, memory and loss, against peers and the machine's limit.

Run: `python benchmarks/train.py` (about 25 minutes on two cores; needs `pip install '.[train,bench]'`), writes
`benchmarks/train.md`. `--quick` takes minutes, prints the tables from two small steps a way and writes nothing;
`--only kernels generation avx2` prints those tables alone.

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
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Set before torch is imported, for all ways alike: on a machine that is idle but for this script, threads wait awake.
os.environ.setdefault("GOMP_SPINCOUNT", "6000")  # as train/model/hardware.py chooses

# isort: split
from tuneworth.train import LoadedModel, load_model

# isort: split
import polars as pl
import torch
from generators import NEW_TOKENS, generation_rows, replaced
from trainers import (
    BATCH,
    ONLY_BFLOAT16,
    PARTS_OF_A_STEP,
    RANK,
    RATE,
    Course,
    Work,
    ours,
    peft_loop,
    transformers_trainer,
    trl_best,
    trl_defaults,
    trl_padding_free,
)

from tuneworth.core import write_whole
from tuneworth.examples import example_path
from tuneworth.style import render_fields
from tuneworth.train.batches import epoch_order
from tuneworth.train.examples import Example, to_examples
from tuneworth.train.model.hardware import peak_memory_bytes, product_rate
from tuneworth.train.model.kernels import recomputed

STEPS = 8
LAST = 5  # losses that are averaged
BOTH = ("float32", "bfloat16")
# The switches of oneDNN, torch and MKL: products as on a processor with AVX2 alone, the kind of most laptops.
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}


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


# ---- what each replaced part is worth


def part_of_a_step(argument: str, *, quick: bool) -> dict[str, float]:
    """Tokens per second and peak memory of a fit with one part replaced, the faster of two rounds."""
    dtype, number = argument.split(":")
    _, function, names = PARTS_OF_A_STEP[int(number)]
    model = load_model("smollm2-135m", dtype=dtype)
    given = work(model, 2, size=2) if quick else work(model, STEPS)
    real = sum(len(e.ids) for rows in given.batches[1:] for e in rows)
    with ExitStack() as stack:
        if function is None:
            stack.enter_context(recomputed(model.model))
        else:
            stack.enter_context(replaced(function, **names))
        seconds = min(sum(ours(given).seconds[1:]) for _ in range(2))
    return {"rate": real / seconds, "memory": peak_memory_bytes()}


def kernel_rows(*, quick: bool) -> list[str]:
    """Rows of Markdown: a step with each replaced part of it as the library has it."""
    rows = []
    for dtype in BOTH[::-1]:
        whole = 0.0
        for number, (label, *_) in enumerate(PARTS_OF_A_STEP):
            if dtype == "float32" and label in ONLY_BFLOAT16:
                continue
            found = apart("part", f"{dtype}:{number}", quick=quick)
            whole = whole or found["rate"]
            memory = f"{found['memory'] / 1e9:.1f} GB"
            rows.append(f"| {label} | {dtype} | {found['rate']:.0f} | {found['rate'] / whole:.2f} | {memory} |")
            print(rows[-1], file=sys.stderr)
    return rows


# ---- generation


def generate_all(dtype: str, *, quick: bool) -> list[str]:
    """Rows of Markdown: outputs per second of each way to generate; the short list in float32."""
    model = load_model("smollm2-135m", dtype=dtype)
    return generation_rows(model, pairs(131), quick=quick, short=dtype == "float32")


# ---- the page

PARTS = {"train": train_one, "limits": limits, "growth": growth, "part": part_of_a_step, "generation": generate_all}


def apart(part: str, argument: str = "", *, quick: bool, limit: Mapping[str, str] | None = None) -> Any:
    """A part's result from a process of its own, on a processor limited by these variables of the environment."""
    command = [sys.executable, __file__, "--part", part, "--argument", argument, *(["--quick"] if quick else [])]
    with tempfile.NamedTemporaryFile(mode="r", encoding="utf-8") as answer:
        environment = {**os.environ, **(limit or {})}
        subprocess.run([*command, "--answer", answer.name], check=True, stdout=subprocess.DEVNULL, env=environment)
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


def training_table(*, quick: bool) -> str:
    """Ways to train, against peers."""
    return f"""| {" | ".join(TRAINED)} |
{"|---" * len(TRAINED)}|
{lines(training_rows(quick=quick))}
"Limit" is the share of it that is reached, counting the products which the frozen weights need (forward, and back to
the inputs; the head at the labels only), for every real token, and for the tokens that went through the model, which
are "computed": fewer where a common beginning is computed once for a batch, more with padding. "Loss" is the mean of
the last {LAST} steps. TRL's defaults keep the weights in float32, cast as they go and compute activations twice. All
peers get batches of like length, which by default they do not make."""


def kernel_table(*, quick: bool) -> str:
    """What each replaced part of a step is worth."""
    return f"""What each replaced part of a step is worth: the same steps with that part as the library has it.

| with | format | tokens/s | of ours | peak memory |
|---|---|---|---|---|
{lines(kernel_rows(quick=quick))}"""


def growth_table(*, quick: bool) -> str:
    """How time grows."""
    return f"""How the time of a step grows (ours, bfloat16, batch {BATCH} where nothing else is said):

| what | real tokens per step | computed per real token | seconds per step | tokens/s |
|---|---|---|---|---|
{lines(apart("growth", quick=quick))}"""


def generation_table(*, quick: bool) -> str:
    """Ways to generate."""
    return f"""Generation, {NEW_TOKENS} new tokens at the most, bfloat16; "times" is outputs per second against the first line
of its kind. `model.generate` pads each batch on the left; "ours, padded rows" is what runs on GPUs and for models with
an attention of their own: the library's attention and cache.

{GENERATED}
{lines(apart("generation", "bfloat16", quick=quick))}"""


def avx2_table(*, quick: bool) -> str:
    """A processor without bf16."""
    peers = [n for n, way in enumerate(WAYS) if way.dtype == "float32"]
    found = [(WAYS[n].label, apart("train", str(n), quick=quick, limit=AVX2)) for n in peers]
    trained = [f"| {label} | {t['rate']:.0f} | {t['memory'] / 1e9:.1f} GB | {t['loss']:.3f} |" for label, t in found]
    speeds = apart("limits", quick=quick, limit=AVX2)
    return f"""On a processor without bfloat16 products, where `dtype = "auto"` takes float32 (the same machine, its libraries
held to AVX2: {speeds["float32"]:.0f} GFLOP/s in float32, {speeds["bfloat16"]:.0f} in bfloat16):

| way | tokens/s | peak memory | loss |
|---|---|---|---|
{lines(trained)}

{GENERATED}
{lines(apart("generation", "float32", quick=quick, limit=AVX2))}"""


TRAINED = (
    "way", "format", "tokens/s", "times TRL's defaults", "computed/s", "limit, real", "limit, computed", "peak memory",
    "loss",
)  # fmt: skip
GENERATED = """| prompt | way | batch | outputs/s | new tokens/s | times |
|---|---|---|---|---|---|"""
TABLES = {
    "training": training_table, "kernels": kernel_table, "growth": growth_table, "generation": generation_table,
    "avx2": avx2_table,
}  # fmt: skip


def lines(rows: Sequence[str]) -> str:
    return "\n".join(rows)


def page(names: Sequence[str], *, quick: bool) -> str:
    """The named tables and what they mean."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "trl", "accelerate"))
    load = os.getloadavg()[0]
    tables = "\n\n".join(TABLES[name](quick=quick) for name in names)
    return f"""# Training and generation{" (smoke run of tiny steps: its numbers mean nothing)" if quick else ""}

{datetime.now(UTC):%Y-%m-%d}, {hardware()}, load average {load:.1f} before the start (0: nothing else ran),
{versions}. Written by `benchmarks/train.py`, which says what is timed.
SmolLM2-135M-Instruct; {STEPS} steps of {BATCH} pairs of the shipped example, the same batches in the same
order, rank {RANK} on all linear layers, learning rate {RATE:g}, no dropout.

{tables}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute, for trying the script; writes no table")
    parser.add_argument("--only", nargs="+", choices=TABLES, help="only these tables, printed and not written")
    for name in ("--part", "--argument", "--answer"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        told = PARTS[options.part](options.argument, quick=options.quick)
        Path(options.answer).write_text(json.dumps(told), encoding="utf-8")
        return
    text = page(options.only or list(TABLES), quick=options.quick)
    if not options.quick and not options.only:
        write_whole(Path(__file__).with_suffix(".md"), text)
    print(text)


if __name__ == "__main__":
    main()
