"""Fits a LoRA on pairs: prepares the input, runs the loop, writes the results."""

import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import torch

from ..core import ConfigError, DataError, RunBroken, disk_refusal, say, write_whole
from .examples import Example, drop_long, pair_notices, to_examples
from .log import TrainResult, need_trackers, tracking, write_trainer_state
from .loop import Callback, Loop
from .model.adapter import write_adapter
from .model.kernels import attach_adapter, detach_adapter, recomputed
from .model.load import LoadedModel, load_model
from .model.memory import peak_memory_bytes
from .model.provenance import CardFacts
from .pairs import pair_table
from .processes import Processes
from .settings import TrainSettings, resolve_settings
from .steps import fast_paths

__all__ = ["fit"]

HIGHEST = 20  # pairs with the highest losses that are named


def fit(
    train: pl.DataFrame | Sequence[dict[str, Any]],
    validation: pl.DataFrame | Sequence[dict[str, Any]] = (),
    *,
    model: LoadedModel | str = TrainSettings.model,
    settings: TrainSettings | None = None,
    out: Path | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    processes: Processes | None = None,
    facts: CardFacts | None = None,
    beside: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Fit a LoRA on the train pairs and keep the adapter with the best validation loss.

    Both tables (polars, pandas, a `datasets.Dataset` or a list of dictionaries) hold input, output and optionally id
    and system. Writes `adapter/`, `log.jsonl`, `pair_losses.jsonl`, `trainer_state.json` and `summary.json` into `out`
    (a new temporary folder if omitted); `resume` continues from the checkpoint there, with the same result as an
    uninterrupted fit. `facts` are further facts about the data for the model card; `beside` is added to the
    summary. `callbacks` get a `StepReport` after each step; their errors end the fit and propagate. The model
    in memory is restored afterwards. Same seed, same adapter (same machine and threads). Raises DataError
    without train pairs or with invalid ones, ConfigError if `out` or a tracker is not available, RunBroken if the fit
    diverges, runs out of memory or the disk is full.

    >>> pairs = [{"input": "BC547, NPN, TO-92", "output": "NPN transistor, TO-92"}]
    >>> result = fit(pairs, model=model, settings=TrainSettings(max_steps=2))  # model: a name or a LoadedModel
    >>> result.steps, result.adapter.name
    (2, 'adapter')
    """
    settings, processes = settings or TrainSettings(), processes or Processes.here()
    need_trackers(settings.trackers)
    out = _folder(out, processes)
    loaded = _loaded(model, settings)
    train, said = _table(train, model=loaded, drop=settings.drop_long, where="train pairs")
    validation, also_said = _table(validation, model=loaded, drop=settings.drop_long, where="validation pairs")
    if train.is_empty():
        why = "; ".join(said) or "See the ledger of the curated data for where they went."
        raise DataError(f"There are no train pairs: nothing to learn from.\n{why}")
    examples = to_examples(train, model=loaded)
    held_out = to_examples(validation, model=loaded) if len(validation) else []
    hidden = loaded.model.config.get_text_config().hidden_size
    settings = resolve_settings(settings, pairs=len(examples), hidden_size=hidden)
    key = _key(loaded, examples, held_out, settings)
    processes.agree(key, what="model, number format, pairs or settings")
    with ExitStack() as stack:
        adapted = stack.enter_context(_adapted(loaded, settings, processes))
        path, notices = stack.enter_context(fast_paths(adapted, [*examples, *held_out]))
        loop = Loop(path, adapted, examples, held_out, settings=settings, out=out, processes=processes, key=key)
        if resume:
            loop.resume()
        _check_room(out, sum(p.numel() * p.element_size() for p in loop.parameters))
        trackers = stack.enter_context(tracking(settings.trackers, out / "tracking"))
        loop.run([*trackers, *callbacks])
        loop.keep_best()
        told = [tracker.refused for tracker in trackers if tracker.refused]
        about = [*said, *also_said, *loaded.notices, *pair_notices(train, model=loaded), *notices]
        result = _result(loop, loaded, [*about, *_doubts(loop), *_notices(loop), *told])
        if processes.first:
            _write(loop, loaded, result, facts, beside or {})
        processes.wait()  # the adapter exists before any process reads it
    return result


def _table(pairs: Any, *, model: LoadedModel, drop: bool, where: str) -> tuple[pl.DataFrame, list[str]]:
    """The pairs, without those longer than the context if these are to be dropped, and the notices about them."""
    table, said = pair_table(pairs, where=where)
    if not drop or table.is_empty():
        return table, said
    kept, gone = drop_long(table, model=model)
    if gone:
        said = [*said, f"{where}: {len(gone)} longer than the context of {model.context:,} tokens left out (drop_long)"]
    return kept, said


@contextmanager
def _adapted(model: LoadedModel, settings: TrainSettings, processes: Processes) -> Iterator[Any]:
    """The model with a fresh adapter, the same in all processes, while the block lasts."""
    try:
        adapted = attach_adapter(
            model.model, rank=settings.rank, alpha=settings.alpha, seed=settings.seed, name=model.base_name
        )
        processes.level([p for p in adapted.parameters() if p.requires_grad])  # different GPUs draw different numbers
        with recomputed(model.model) if settings.gradient_checkpointing else nullcontext():
            yield adapted
    finally:
        detach_adapter(model.model)


def _notices(loop: Loop) -> list[str]:
    """The events of all processes; those of others with their rank."""
    processes, found = loop.processes, []
    for rank, notices in enumerate(processes.gather(loop.notices)):
        found += [f"process {rank}: {notice}" if rank != processes.rank else notice for notice in notices]
    if processes.count > loop.settings.batch_size:
        found.append(
            f"{processes.count} processes share batches of {loop.settings.batch_size} pairs: "
            f"{processes.count - loop.settings.batch_size} of them had nothing to do but for validation"
        )
    return found


def _write(
    loop: Loop, model: LoadedModel, result: TrainResult, facts: CardFacts | None, beside: Mapping[str, Any]
) -> None:
    """Write the results, then delete the checkpoint, once everything else exists.

    Raises: RunBroken if the disk is full; the checkpoint is kept, and another call resumes from it.
    """
    out = loop.out
    try:
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in _pair_losses(loop)]
        loop.write_log()
        write_whole(out / "pair_losses.jsonl", "".join(lines))
        write_trainer_state(out / "trainer_state.json", result)
        write_adapter(out / "adapter", loop.adapted, model=model, training=result.summary(), facts=facts)
        write_whole(out / "summary.json", json.dumps({**result.summary(), **beside}, indent=1) + "\n")
    except OSError as error:
        raise RunBroken(
            f"The result could not be written to {out} ({error.strerror or error}).\n"
            "Make room and train again: it goes on from the last checkpoint."
        ) from error
    loop.checkpoint.unlink(missing_ok=True)


def _loaded(model: LoadedModel | str, settings: TrainSettings) -> LoadedModel:
    if isinstance(model, str):
        dtype = None if settings.dtype == "auto" else settings.dtype
        return load_model(model, dtype=dtype, quantised=settings.quantised)
    if settings.quantised and not model.quantised:
        raise ConfigError(
            f'quantised = true, but "{model.name}" was loaded in {model.dtype}.\nLoad it with quantised=True.'
        )
    return model


def _folder(out: Path | None, processes: Processes) -> Path:
    """The folder for the results of a fit, created before anything is loaded.

    Raises: ConfigError if it cannot be created.
    """
    if out is None:
        return Path(processes.from_first(tempfile.mkdtemp(prefix="tuneworth-") if processes.first else None))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            return out
    except OSError as error:
        raise ConfigError(
            f"{out}: nothing can be written there ({error.strerror or error}); expected a folder.\nName another one."
        ) from error


def _check_room(out: Path, size: int) -> None:
    """Check in advance that the disk has room for the result; nothing is written.

    Raises: RunBroken if it has not.
    """
    try:
        with tempfile.TemporaryFile(dir=out) as file:
            getattr(os, "posix_fallocate", lambda *_: None)(file.fileno(), 0, size)  # Windows and macOS have none
    except OSError as error:
        if said := disk_refusal(error):
            raise RunBroken(
                f"{out} cannot be written: {said}; the adapter takes {say.size(size)}.\n"
                "Make room or name another folder; nothing was trained yet."
            ) from error


def _doubts(loop: Loop) -> list[str]:
    """Notices for readers of the losses."""
    said = []
    if not loop.held_out:
        said.append("no validation pairs: all epochs are trained and nothing shows overfitting")
    elif loop.state.best_step is None:
        said.append(
            "the validation loss was never a number: the last adapter was kept, and nothing shows if it is any good"
        )
    if both := {e.ids for e in loop.held_out} & {e.ids for e in loop.examples}:
        said.append(f"{len(both)} validation pairs are train pairs too: their loss says nothing about new inputs")
    if skipped := loop.state.skipped_steps:
        said.append(f"{skipped} of {loop.state.step} steps were left out: their loss or gradient was no number")
    return said


def _result(loop: Loop, model: LoadedModel, notices: list[str]) -> TrainResult:
    state = loop.state
    known = [line["train_loss"] for line in state.log if line["train_loss"] is not None]
    last_epoch = known[-min(loop.per_epoch, len(known)) :]
    worst = sorted((line for line in _pair_losses(loop) if line["loss"] is not None), key=lambda line: -line["loss"])
    return TrainResult(
        adapter=loop.out / "adapter",
        steps=state.step,
        seconds=round(state.train_seconds + state.evaluation_seconds + state.checkpoint_seconds, 3),
        tokens_per_second=round(loop.rate(), 1),
        train_loss=sum(last_epoch) / len(last_epoch),
        validation_loss=state.best_loss,
        best_step=state.best_step or state.step,
        stopped_early=state.stopped_early,
        skipped_steps=state.skipped_steps,
        trainable_parameters=sum(p.numel() for p in loop.parameters),
        peak_memory_bytes=peak_memory_bytes(),
        dtype=model.dtype,
        threads=torch.get_num_threads(),
        train_pairs=len(loop.examples),
        validation_pairs=len(loop.held_out),
        longest_tokens=max(len(e.ids) for e in [*loop.examples, *loop.held_out]),
        settings=loop.settings,
        highest_losses=tuple(worst[:HIGHEST]),
        log=tuple(state.log),
        notices=tuple(notices),
    )


def _pair_losses(loop: Loop) -> list[dict[str, Any]]:
    """One line for each train pair: its loss per learnt token when last and first seen, null if never."""
    losses = loop.pair_losses
    return [
        {
            "id": example.id,
            "loss": last if math.isfinite(last) else None,
            "first_loss": first if math.isfinite(first) else None,
            "tokens": example.answer_tokens,
        }
        for example, first, last in zip(loop.examples, losses.first, losses.last, strict=True)
    ]


def _key(model: LoadedModel, examples: Sequence[Example], held_out: Sequence[Example], settings: TrainSettings) -> str:
    """The key of a checkpoint: weights, number format, pairs and every setting that affects the result."""
    told = asdict(replace(settings, checkpoint_steps=0, drop_long=False, micro_batch=None, model="-", trackers=()))
    digest = hashlib.sha256(f"{model.sha256}|{model.dtype}|{sorted(told.items())}".encode())
    for example in [*examples, *held_out]:
        digest.update(f"|{example.prompt_tokens}:{example.ids}".encode())
    return digest.hexdigest()
