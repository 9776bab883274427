"""The log in the format of transformers' own trainer, for tools that read that."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..style.files import write_whole

if TYPE_CHECKING:
    from .fitting import TrainResult

__all__ = ["trainer_state", "write_trainer_state"]

# Our names of a step's values and transformers' own.
NAMES = {"train_loss": "loss", "gradient_norm": "grad_norm", "learning_rate": "learning_rate"}


def trainer_state(result: "TrainResult") -> Any:
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
        eval_steps=measured[0] if measured else planned,  # even distances, but for rounding
        save_steps=settings.checkpoint_steps or planned,
        train_batch_size=settings.batch_size,
        num_train_epochs=math.ceil(planned / per_epoch),
        log_history=_history(result),
        best_metric=result.validation_loss,
        best_global_step=result.best_step if measured else None,
        best_model_checkpoint=result.adapter.name if measured else None,
    )


def _history(result: "TrainResult") -> list[dict[str, float]]:
    lines = []
    for told in result.log:
        at = {"epoch": told["epoch"], "step": told["step"]}
        lines.append({NAMES[name]: told[name] for name in NAMES if told[name] is not None} | at)
        if told["validation_loss"] is not None:
            lines.append({"eval_loss": told["validation_loss"]} | at)
    steps_per_second = round(result.steps / max(result.seconds, 1e-9), 3)
    lines.append(
        {"train_loss": result.train_loss, "train_runtime": result.seconds, "train_steps_per_second": steps_per_second}
        | {"epoch": result.log[-1]["epoch"], "step": result.steps}
    )
    return lines


def write_trainer_state(path: Path, result: "TrainResult") -> None:
    """The state as the JSON file that `TrainerState.load_from_json` reads."""
    write_whole(path, json.dumps(asdict(trainer_state(result)), indent=2, sort_keys=True) + "\n")
