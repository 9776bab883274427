"""An earlier training in the run: whether it can be resumed, and how it is set aside."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, Console, changing, link_file, quote, read_stored
from ..run import Run

if TYPE_CHECKING:
    from ...train import TrainSettings

# Of an evaluation; they belong to the adapter that it judged.
RESULTS = ("results.json", "report.html", "report.md", "junit.xml", "evaluate/outputs.jsonl", "evaluate/variants.json")
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
    if processes.first:
        put_aside(run)
    processes.from_first(None)  # the others wait


def put_aside(run: Run) -> None:
    """Move an earlier training and its results aside, if there is one, and report it; needs no packages for training."""
    if not (run.folder / "train").is_dir():
        return
    with setting_aside(run.folder, run.talk) as set_aside, changing(run.folder) as stage:
        set_aside()
        shutil.rmtree(stage / "train", ignore_errors=True)
        for name in RESULTS:
            (stage / name).unlink(missing_ok=True)


@contextmanager
def setting_aside(run: Path, talk: Console) -> Iterator[Callable[[], None]]:
    """A function that puts the training in a run aside, with the results of its adapter, as part of the block's change.

    They go to the folder `train-1` (or `train-2`, ...) of the run. Nothing happens if the block fails.
    """
    kept: list[Path] = []

    def set_aside() -> None:
        if not (run / "train").is_dir():
            return
        number = next(n for n in range(1, 2 + len(list(run.iterdir()))) if not (run / f"train-{n}").exists())
        kept.append(run / f"train-{number}")
        for file in [*(run / "train").rglob("*"), *(run / name for name in RESULTS)]:
            if file.is_file():
                folder = run / "train" if file.is_relative_to(run / "train") else run
                link_file(file, kept[0] / file.relative_to(folder))

    try:
        yield set_aside
    except BaseException:
        if kept and (run / "train").is_dir():
            shutil.rmtree(kept[0], ignore_errors=True)
        raise
    if kept:
        shutil.rmtree(run / "train", ignore_errors=True)
        talk.note(f"train: the earlier training was moved to {kept[0]}")
        if any((kept[0] / name).exists() for name in RESULTS):
            talk.note("train: so were the results of its adapter; evaluate again for new ones")


def with_earlier_micro_batch(settings: "TrainSettings", folder: Path) -> "TrainSettings":
    """The settings with the number of pairs in memory at once that the interrupted training had, unless it is stated."""
    if settings.micro_batch is not None:
        return settings
    earlier = read_stored(folder / "preflight.json", PREFLIGHT).get("settings") or {}
    return replace(settings, micro_batch=earlier.get("micro_batch"))


def _setting(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
