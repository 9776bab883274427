"""An earlier training in the run: whether it can be resumed, and how it is set aside."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, quote, read_stored
from ..run import Run

if TYPE_CHECKING:
    from ...train import TrainSettings

__all__ = [
    "CHECKPOINT",
    "check_not_hosted",
    "check_same_settings",
    "put_aside",
    "put_aside_together",
    "with_earlier_micro_batch",
]

CHECKPOINT = "checkpoint.safetensors"
PREFLIGHT = "train/preflight.json"
HARMLESS = ("checkpoint_steps", "micro_batch", "trackers")  # they do not change the adapter, except for rounding


def check_not_hosted(run: Run) -> None:
    """Raises: ConfigError if the run was trained at a provider, or is being trained there."""
    if (run.folder / "train" / "hosted" / "job.json").is_file():
        raise ConfigError(
            f"{run.folder} has a training at a provider (train/hosted).\nTo train it on this machine and set that "
            "training aside, add --again; for a new run, run `tuneworth curate`."
        )


def check_same_settings(run: Run, stated: "TrainSettings", *, ignored: Sequence[str] = ()) -> None:
    """Raises: ConfigError if a setting that changes the adapter differs from what the run's training started with."""
    made = read_stored(run.folder / "train" / "preflight.json", PREFLIGHT).get("stated") or {}
    now = json.loads(json.dumps(asdict(stated)))  # as JSON, where a tuple is a list
    changed = [key for key in made if key in now and made[key] != now[key] and key not in (*HARMLESS, *ignored)]
    if not changed:
        return
    changes = ", ".join(f"{key} was {_setting(made[key])}, now {_setting(now[key])}" for key in changed)
    interrupted = (run.folder / "train" / CHECKPOINT).is_file()
    what = "an interrupted training" if interrupted else "an adapter"
    where = quote(str(run.project.folder))
    raise ConfigError(
        f"{run.folder} holds {what} with other settings: {changes}.\nTo train again there and set the earlier one aside, run "
        f"`tuneworth train {where} --run {run.name} --again`; for a new run, `tuneworth curate {where}`."
    )


def put_aside_together(run: Run) -> None:
    """Like `put_aside`, by the first of several processes of a training."""
    from ...train import Processes

    processes = Processes.here()
    if kept := processes.from_first(_moved_aside(run) if processes.first else None):
        _note_aside(run, kept)


def put_aside(run: Run) -> None:
    """Move an earlier training aside, if there is one, and report it; needs no packages for training."""
    if kept := _moved_aside(run):
        _note_aside(run, kept)


def _moved_aside(run: Run) -> Path | None:
    """Move an earlier training to `train-1` (or `train-2`, ...); returns that folder, None if there was no training."""
    folder = run.folder / "train"
    if not folder.is_dir():
        return None
    number = next(n for n in range(1, 1 + len(list(run.folder.iterdir()))) if not (run.folder / f"train-{n}").exists())
    return folder.rename(run.folder / f"train-{number}")


def _note_aside(run: Run, kept: Path) -> None:
    run.talk.note(f"train: the earlier training was moved to {kept}")
    if (run.folder / "results.json").is_file():
        run.talk.note("train: the run's results still belong to the earlier adapter; evaluate again to replace them")


def with_earlier_micro_batch(settings: "TrainSettings", folder: Path) -> "TrainSettings":
    """The settings with the number of pairs in memory at once that the interrupted training had, unless it is stated."""
    if settings.micro_batch is not None:
        return settings
    earlier = read_stored(folder / "preflight.json", PREFLIGHT).get("settings") or {}
    return replace(settings, micro_batch=earlier.get("micro_batch"))


def _setting(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
