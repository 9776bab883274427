"""What `tuneworth train` prints: the plan and the result, in lines of at most 80 columns."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...core import say

WIDTH, LABEL = 80, 18
BAR = 24  # characters of the histogram's longest bar
HIGHEST = 5  # pairs with the highest losses that are named here; the report names twenty
LONGEST_ID = 40  # characters of an id in a line
LONG_IDS = 5  # ids of dropped pairs

Data = Mapping[str, Any]


# --- before -----------------------------------------------------------------------------------------------------


def plan_lines(plan: Data) -> list[str]:
    """The preflight in a few lines, for the beginning of a training."""
    tokens, settings = plan["tokens"], plan["settings"]
    lines = [
        f"{_pairs(plan)}, {tokens['total']:,} tokens ({tokens['shortest']:,} to {tokens['longest']:,} each), "
        f"{_steps(plan)}, learning rate {settings['learning_rate']:g}",
        f"about {say.duration(plan['time']['seconds'])} and {say.size(plan['memory']['peak_bytes'])} of memory "
        f"({say.size(plan['memory']['at_hand_bytes'])} more is available), {plan['dtype']}, rank {settings['rank']}",
    ]
    return [*lines, *_warnings(plan)]


def plan_text(plan: Data) -> str:
    """The whole preflight."""
    return "\n".join([
        _wrapped(f"Plan for training {plan['model']} on {_pairs(plan)}", ""),
        "",
        *_token_lines(plan),
        *_recipe_lines(plan),
        *_cost_lines(plan),
        "",
        *(_wrapped("- " + text, "  ") for text in _warnings(plan)),
        "Checked",
        *(_wrapped(f"  {_check(check)}", "    ") for check in plan["checks"]),
        "",
        "One pair as the model sees it",
        plan["preview"],
    ])  # fmt: skip


def partial_text(plan: Data) -> str:
    """What is known without the model: pairs and steps."""
    settings, characters = plan["stated"], plan["characters"]
    unknown = "not known before the packages for training are installed"
    return "\n".join([
        _wrapped(f"Plan for training {plan['model']} on {_pairs(plan)}, without the model", ""),
        "",
        _row(
            "characters", f"{say.count(characters['median'])} per pair (median), at most {say.count(characters['longest'])}, "
            f"{say.count(characters['total'])} in one epoch",
        ),
        _row("tokens per pair", unknown),
        *([] if plan["epochs"] is None else [_row("epochs", f"{plan['epochs']}")]),
        _row("steps", f"{plan['steps']:,} of {settings['batch_size']} pairs"),
        _row("learning rate", f"{settings['learning_rate']:g}" if settings["learning_rate"] else "by the width of the model"),
        _row("time, memory", unknown),
        *(_wrapped("- " + text, "  ") for text in plan["obstacles"]),
    ])  # fmt: skip


def _token_lines(plan: Data) -> Iterator[str]:
    tokens, dropped = plan["tokens"], plan["dropped"]
    context = plan["context"]
    yield _row("tokens per pair", f"{tokens['shortest']:,} to {tokens['longest']:,}, median {tokens['median']:,}")
    most = max(count for *_, count in tokens["histogram"])
    for start, end, count in tokens["histogram"]:
        last = None if end is None else end - 1
        named = f"{start:,} or more" if last is None else f"{start:,} to {last:,}" if last > start else f"{start:,}"
        bar = "#" * max(bool(count), round(BAR * count / most))
        yield f"{'':{LABEL}}{named:>17}  {bar:<{BAR}} {count:,}"
    yield _row(
        "in one epoch", f"{tokens['total']:,}: prompts {tokens['prompt']:,}, answers {tokens['answer']:,} (learnt)"
    )
    yield _row("computed of these", f"{tokens['computed']:,}; a prefix that a batch's pairs share is computed once")
    stated = f"{context:,} tokens" if context else "the model states no limit, so memory alone limits a pair's length"
    longer = f"; {len(dropped)} longer pairs are left out" if dropped else ""
    yield _row("context", f"{stated}{longer}")


def _recipe_lines(plan: Data) -> Iterator[str]:
    settings, rules = plan["settings"], plan["rules"]
    if settings["max_steps"] is None:
        yield _row("epochs", f"{settings['epochs']}{_by(rules, 'epochs')}")
    yield _row("learning rate", f"{settings['learning_rate']:g}{_by(rules, 'learning_rate')}")
    validation = (
        f"validation loss is measured {plan['evaluations']} times, and {settings['patience']} measurements in a row without "
        "improvement end training"
        if plan["evaluations"]
        else "there are no validation pairs, so nothing will show overfitting"
    )
    yield _row("steps", f"{plan['steps']:,} of {settings['batch_size']} pairs; {validation}")
    yield _row(
        "trained",
        f"{plan['trainable_parameters']:,} parameters (rank {settings['rank']}); {plan['parameters']:,} frozen",
    )
    ratio = plan["dtype_ratio"]
    yield _row(
        "number format",
        plan["dtype"] + (f"; bfloat16 is {ratio:g} times as fast as float32 on this machine" if ratio else ""),
    )
    if plan["threads"]:
        yield _row("threads", f"{plan['threads']}; the adapter is the same only with the same number of threads")


def _cost_lines(plan: Data) -> Iterator[str]:
    time, memory, disk = plan["time"], plan["memory"], plan["disk"]
    spent = [
        f"{name} {say.duration(time[key])}"
        for name, key in (
            ("steps", "training_seconds"),
            ("validation", "evaluation_seconds"),
            ("checkpoints", "checkpoint_seconds"),
        )
        if time[key] >= 0.05 * time["seconds"] or key == "training_seconds"
    ]
    yield _row(
        "time", f"about {say.duration(time['seconds'])}: {', '.join(spent)}; {say.duration(time['seconds_per_step'])} a step, "
        f"{time['tokens_per_second']:,.0f} tokens/s ({time['steps_timed']} steps timed)",
    )  # fmt: skip
    parts = [
        f"program and model {say.size(memory['now_bytes'])}",
        f"adapter and optimizer {say.size(memory['adapter_bytes'])}",
        f"activations of {memory['longest_part']:,} tokens {say.size(memory['activation_bytes'])}",
        f"logits {say.size(memory['logit_bytes'])}",
        *([f"compiled kernels {say.size(memory['kernel_bytes'])}"] if memory["kernel_bytes"] else []),
    ]
    yield _row(
        "memory", f"about {say.size(memory['peak_bytes'])} at the peak: {', '.join(parts)}; "
        f"{say.size(memory['at_hand_bytes'])} more than now is available ({memory['limit']})",
    )  # fmt: skip
    free = "" if disk["free_bytes"] is None else f"; {say.size(disk['free_bytes'])} is free"
    yield _row("disk", f"up to {say.size(disk['needed_bytes'])}{free}")


def _warnings(plan: Data) -> list[str]:
    """What was changed or dropped, and anything unexpected."""
    dropped = plan["dropped"]
    lines = list(plan["adjusted"].values())
    if dropped:
        ids = ", ".join(_short(str(row["id"])) for row in dropped[:LONG_IDS])
        more = f" and {len(dropped) - LONG_IDS} more" if len(dropped) > LONG_IDS else ""
        lines.append(f"left out because they exceed the context of {plan['context']:,} tokens: {ids}{more} (drop_long)")
    return [*plan["obstacles"], *lines, *plan["notices"]]


def _check(check: Data) -> str:
    return f"{check['name']}: {'yes' if check['ok'] else 'NO'} ({check['seen']})"


def _by(rules: Data, name: str) -> str:
    return f", by {rules[name]}" if name in rules else ", as configured"


def _pairs(plan: Data) -> str:
    n = plan["pairs"]
    validation = f" and {plan['validation_pairs']:,} to validate" if plan["validation_pairs"] else ""
    return f"{say.count(n, 'pair')}{validation}"


def _steps(plan: Data) -> str:
    n, settings = plan["steps"], plan["settings"]
    epochs = "" if settings["max_steps"] is not None else f" in {say.count(settings['epochs'], 'epoch')}"
    return f"{say.count(n, 'step')}{epochs}"


# --- after ------------------------------------------------------------------------------------------------------


def train_text(summary: Data, log: Sequence[Data], *, run: str) -> str:
    """The result of a training: time, losses, what was kept, warnings, and the pairs with the highest loss."""
    return "\n".join([
        trained_on(summary),
        "",
        *(_row(name, text) for name, text in result_rows(summary, log)),
        *(_wrapped("- " + str(text), "  ") for text in summary.get("notices") or []),
        *_highest_loss_lines(summary.get("highest_losses") or [], run=run),
    ])  # fmt: skip


def trained_on(summary: Data) -> str:
    """The number of pairs that were trained on."""
    return f"Trained on {say.count(summary['train_pairs'], 'pair')}"


def result_rows(summary: Data, log: Sequence[Data]) -> Iterator[tuple[str, str]]:
    """The steps, times, losses and the adapter that was kept, each with its label."""
    early = ", stopped early because the validation loss no longer fell" if summary["stopped_early"] else ""
    yield "steps", f"{summary['steps']:,}{early}"
    rate = f"{summary['tokens_per_second']:,.0f} tokens/s, {summary['dtype']}"
    yield "time", f"{say.duration(summary['seconds'])} ({rate})"
    first = next((line["train_loss"] for line in log if line.get("train_loss") is not None), None)
    initial = f", down from {first:.3f} at the first step" if first is not None else ""
    yield "training loss", f"{summary['train_loss']:.3f} per token over the last epoch{initial}"
    measured = [line["validation_loss"] for line in log if line.get("validation_loss") is not None]
    if summary["validation_loss"] is not None:
        initial = f", down from {measured[0]:.3f} when first measured" if len(measured) > 1 else ""
        yield "validation loss", f"{summary['validation_loss']:.3f} per token at its best{initial}"
    kept = f"the adapter of step {summary['best_step']:,}, {summary['trainable_parameters']:,} parameters"
    yield "kept", kept + ("" if summary["best_step"] == summary["steps"] else f"; {_later(summary)}")
    if summary.get("dropped_pairs"):
        n = summary["dropped_pairs"]
        yield "left out", f"{say.count(n, 'pair')} longer than the context (train/dropped.jsonl)"
    if summary["peak_memory_bytes"]:
        yield "memory", f"{say.size(summary['peak_memory_bytes'])} at the peak"


def _later(summary: Data) -> str:
    n = summary["steps"] - summary["best_step"]
    return f"the {say.count(n, 'step')} after it did not improve the validation loss"


def _highest_loss_lines(pairs: Sequence[Data], *, run: str) -> Iterator[str]:
    """The pairs with the highest losses, which are often wrong or unusual."""
    if not pairs:
        return
    yield ""
    yield "Pairs with the highest loss per token; check that they are right"
    for row in pairs[:HIGHEST]:
        yield f"  {row['loss']:6.2f}  {_short(str(row['id']))}"
    yield f"`tuneworth why {run} ID` shows where a pair comes from."


# --- lines ------------------------------------------------------------------------------------------------------


def _row(label: str, text: str) -> str:
    """A label and its text; long text wraps below its start."""
    return textwrap.fill(text, WIDTH, initial_indent=f"{label:<{LABEL}}", subsequent_indent=" " * LABEL, **_WHOLE)


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, **_WHOLE)


_WHOLE: dict[str, Any] = {"break_on_hyphens": False, "break_long_words": False}


def _short(id: str) -> str:
    flat = " ".join(id.split())
    return flat if len(flat) <= LONGEST_ID else flat[: LONGEST_ID - 1] + "…"
