"""Fits a LoRA on pairs: tokenises them, runs the loop, writes the results."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl

from ..core import ConfigError, RunBroken, disk_refusal, say
from .examples import Prepared, prepare
from .log import Callback, need_trackers, tracking
from .loop import Loop
from .loss import fast_paths
from .model.kernels import attach_adapter, detach_adapter, recomputed
from .model.load import LoadedModel, load_model
from .model.provenance import CardFacts
from .preview import pair_notices
from .processes import Processes
from .result import TrainResult, fit_result, loss_notices, write_result
from .settings import TrainSettings


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
    more: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Fit a LoRA on the train pairs and keep the adapter with the best validation loss.

    Both tables (polars, pandas, a `datasets.Dataset` or a list of dictionaries) hold input, output and optionally id
    and system. Writes `adapter/`, `log.jsonl`, `pair_losses.jsonl`, `trainer_state.json` and `summary.json` into `out`
    (a new temporary folder if omitted); `resume` continues from the checkpoint there, with the same result as an
    uninterrupted fit. `facts` are further facts about the data for the model card; `more` is added to the summary.
    `callbacks` get a `StepReport` after each step; their errors end the fit and propagate. The model in memory is
    restored afterwards. The same seed gives the same adapter (on the same machine and threads). Raises DataError
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
    pairs = prepare(train, validation, model=loaded, settings=settings)
    key = _key(loaded, pairs)
    processes.agree(key, what="model, number format, pairs or settings")
    with ExitStack() as stack:
        adapted = stack.enter_context(_adapted(loaded, pairs.settings, processes))
        path, slower = stack.enter_context(fast_paths(adapted, [*pairs.examples, *pairs.validation_examples]))
        loop = Loop(
            path, adapted, pairs.examples, pairs.validation_examples, settings=pairs.settings, out=out, key=key,
            processes=processes,
        )  # fmt: skip
        if resume:
            loop.resume()
        _check_room(out, sum(p.numel() * p.element_size() for p in loop.parameters))
        trackers = stack.enter_context(tracking(settings.trackers, out / "tracking"))
        loop.run([*trackers, *callbacks])
        loop.keep_best()
        failures = [tracker.failure for tracker in trackers if tracker.failure]
        notices = [*_pair_notices(pairs, loaded), *slower, *loss_notices(loop), *_events(loop), *failures]
        result = fit_result(loop, loaded, notices)
        if processes.first:
            write_result(loop, loaded, result, facts, more or {})
        processes.wait()  # the adapter exists before any process reads it
    return result


def _pair_notices(pairs: Prepared, model: LoadedModel) -> list[str]:
    dropped = []
    for split in ("train", "validation"):
        if count := sum(row["split"] == split for row in pairs.dropped):
            limit = f"{model.context:,} tokens"
            dropped.append(f"{split} pairs: {count} longer than the context of {limit} were left out (drop_long)")
    return [*pairs.notices, *dropped, *model.notices, *pair_notices(pairs.train, model=model)]


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


def _events(loop: Loop) -> list[str]:
    """What went differently than planned in any process; that of others with their rank."""
    processes, events = loop.processes, []
    for rank, notices in enumerate(processes.gather(loop.notices())):
        events += [f"process {rank}: {notice}" if rank != processes.rank else notice for notice in notices]
    if processes.count > loop.settings.batch_size:
        events.append(
            f"{processes.count} processes share batches of {loop.settings.batch_size} pairs, so "
            f"{processes.count - loop.settings.batch_size} of them are idle except for validation"
        )
    return events


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
            f"{out}: cannot write there ({error.strerror or error}); expected a folder.\nChoose another one."
        ) from error


def _check_room(out: Path, size: int) -> None:
    """Check in advance that the disk has room for the adapter; nothing is written.

    Raises: RunBroken if it has not.
    """
    try:
        with tempfile.TemporaryFile(dir=out) as file:
            getattr(os, "posix_fallocate", lambda *_: None)(file.fileno(), 0, size)  # Windows and macOS have none
    except OSError as error:
        if reason := disk_refusal(error):
            raise RunBroken(
                f"{out}: cannot write there: {reason}; the adapter takes {say.size(size)}.\n"
                "Free some space or choose another folder; nothing has been trained yet."
            ) from error


def _key(model: LoadedModel, pairs: Prepared) -> str:
    """The key of a checkpoint: weights, number format, pairs and every setting that affects the result."""
    settings = replace(pairs.settings, checkpoint_steps=0, drop_long=False, micro_batch=None, model="-", trackers=())
    digest = hashlib.sha256(f"{model.sha256}|{model.dtype}|{sorted(asdict(settings).items())}".encode())
    for example in [*pairs.examples, *pairs.validation_examples]:
        digest.update(f"|{example.prompt_tokens}:{example.ids}".encode())
    return digest.hexdigest()
