"""The result of a fit: its summary, the files it leaves, and a trainer state for tools that read transformers' own."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..core import RunBroken, write_whole
from .loop import Loop
from .model.adapter import write_adapter
from .model.hardware import peak_memory_bytes
from .model.load import LoadedModel
from .model.provenance import CardFacts
from .settings import TrainSettings

HIGHEST = 20  # pairs with the highest losses that are named
# Our names of a step's values and transformers' own.
NAMES = {"train_loss": "loss", "gradient_norm": "grad_norm", "learning_rate": "learning_rate"}


@dataclass(frozen=True)
class TrainResult:
    """The result of a fit. Losses are means per learnt token; `train_loss` is that of the last epoch's steps.

    `validation_loss` is the best one, at `best_step`, whose adapter was kept; None without validation pairs. `tokens` are
    all real tokens of the steps, prompt and output, in every epoch; `tokens_per_second` counts them over the steps only.
    `settings` are those that were used, `highest_losses` the train pairs with the highest loss:
    `{id, loss, first_loss, tokens}`.
    """

    adapter: Path
    steps: int
    seconds: float
    tokens: int
    tokens_per_second: float
    train_loss: float
    validation_loss: float | None
    best_step: int
    stopped_early: bool
    skipped_steps: int
    trainable_parameters: int
    peak_memory_bytes: int
    dtype: str
    threads: int
    train_pairs: int
    validation_pairs: int
    longest_tokens: int
    settings: TrainSettings
    highest_losses: tuple[dict[str, Any], ...]
    log: tuple[dict[str, Any], ...]
    notices: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """The content of `summary.json`."""
        table = {name: value for name, value in asdict(self).items() if name not in ("adapter", "log")}
        return {**table, "notices": list(self.notices), "highest_losses": list(self.highest_losses)}


def trainer_state(result: TrainResult) -> Any:
    """The fit as a `transformers.TrainerState`: a line of its history for each step and each validation loss."""
    from transformers import TrainerState

    settings, per_epoch = result.settings, math.ceil(result.train_pairs / result.settings.batch_size)
    planned = settings.max_steps or (settings.epochs or 1) * per_epoch
    measured = [line["step"] for line in result.log if line["validation_loss"] is not None]
    return TrainerState(
        epoch=result.steps / per_epoch,
        global_step=result.steps,
        max_steps=planned,
        logging_steps=1,
        eval_steps=measured[0] if measured else planned,  # evenly spaced, except for rounding
        save_steps=settings.checkpoint_steps or planned,
        train_batch_size=settings.batch_size,
        num_train_epochs=math.ceil(planned / per_epoch),
        log_history=_history(result),
        best_metric=result.validation_loss,
        best_global_step=result.best_step if measured else None,
        best_model_checkpoint=result.adapter.name if measured else None,
    )


def _history(result: TrainResult) -> list[dict[str, float]]:
    lines = []
    for line in result.log:
        at = {"epoch": line["epoch"], "step": line["step"]}
        lines.append({NAMES[name]: line[name] for name in NAMES if line[name] is not None} | at)
        if line["validation_loss"] is not None:
            lines.append({"eval_loss": line["validation_loss"]} | at)
    steps_per_second = round(result.steps / max(result.seconds, 1e-9), 3)
    lines.append(
        {"train_loss": result.train_loss, "train_runtime": result.seconds, "train_steps_per_second": steps_per_second}
        | {"epoch": result.log[-1]["epoch"], "step": result.steps}
    )
    return lines


def write_trainer_state(path: Path, result: TrainResult) -> None:
    """The state as the JSON file that `TrainerState.load_from_json` reads."""
    write_whole(path, json.dumps(asdict(trainer_state(result)), indent=2, sort_keys=True) + "\n")


def fit_result(loop: Loop, model: LoadedModel, notices: Sequence[str]) -> TrainResult:
    """The result of a finished loop."""
    state = loop.state
    known = [line["train_loss"] for line in state.log if line["train_loss"] is not None]
    last_epoch = known[-min(loop.schedule.steps_per_epoch, len(known)) :]
    worst = sorted((line for line in _pair_losses(loop) if line["loss"] is not None), key=lambda line: -line["loss"])
    return TrainResult(
        adapter=loop.out / "adapter",
        steps=state.step,
        seconds=round(state.train_seconds + state.evaluation_seconds + state.checkpoint_seconds, 3),
        tokens=state.tokens,
        tokens_per_second=round(loop.tokens_per_second(), 1),
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
        validation_pairs=len(loop.validation),
        longest_tokens=max(len(e.ids) for e in [*loop.examples, *loop.validation]),
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


def loss_notices(loop: Loop) -> list[str]:
    """Notices that help to interpret the losses."""
    notices = []
    if not loop.validation:
        notices.append("there are no validation pairs: all epochs are trained, and nothing would show overfitting")
    elif loop.state.best_step is None:
        notices.append(
            "the validation loss was never a finite number: the last adapter was kept, and nothing shows how good it is"
        )
    if both := {e.ids for e in loop.validation} & {e.ids for e in loop.examples}:
        notices.append(f"{len(both)} validation pairs are also train pairs: their loss says nothing about new inputs")
    if skipped := loop.state.skipped_steps:
        notices.append(
            f"{skipped} of {loop.state.step} steps were skipped: their loss or gradient was not a finite number"
        )
    return notices


def write_result(
    loop: Loop, model: LoadedModel, result: TrainResult, facts: CardFacts | None, more: Mapping[str, Any]
) -> None:
    """Write everything that a fit leaves in its folder, then delete the checkpoint. `more` goes into `summary.json` too.

    Raises: RunBroken if the disk is full; the checkpoint is kept, and another call resumes from it.
    """
    out = loop.out
    try:
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in _pair_losses(loop)]
        loop.log.write()
        write_whole(out / "pair_losses.jsonl", "".join(lines))
        write_trainer_state(out / "trainer_state.json", result)
        write_adapter(out / "adapter", loop.adapted, model=model, training=result.summary(), facts=facts)
        write_whole(out / "summary.json", json.dumps({**result.summary(), **more}, indent=1) + "\n")
    except OSError as error:
        raise RunBroken(
            f"The result could not be written to {out} ({error.strerror or error}).\n"
            "Free some space and train again; training resumes from the last checkpoint."
        ) from error
    loop.checkpoint.unlink(missing_ok=True)
