"""Training in a run: the plan, the work, and the messages during it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ...core import ConfigError, Console, DataError, adopt, alone_in_run, read_manifest, read_stored, say, write_whole
from ..gather.output_plan import limit_of
from ..load import load
from ..run import Run
from ..runs import Stopwatch
from .earlier import (
    CHECKPOINT,
    check_not_hosted,
    check_same_settings,
    put_aside_together,
    with_earlier_micro_batch,
)
from .train_words import plan_lines, plan_text

if TYPE_CHECKING:
    from ...train import Callback, LoadedModel, Preflight, StepReport, TrainSettings

# A training summary without one of these keys is incomplete.
REQUIRED = (
    "steps", "best_step", "stopped_early", "train_pairs", "train_loss", "validation_loss", "seconds", "tokens_per_second",
    "dtype", "trainable_parameters", "peak_memory_bytes",
)  # fmt: skip
QUIET_PARTS = 10  # without validation pairs, a line after each tenth of the steps


@dataclass(frozen=True, repr=False)
class Planned:
    """A run's training before it starts: its pairs, settings and model, and the preflight.

    `stated` are the settings of the project and the command, `settings` those that the fit uses.
    """

    run: Run
    train: pl.DataFrame
    validation: pl.DataFrame
    stated: "TrainSettings"
    settings: "TrainSettings"
    loaded: "LoadedModel"
    preflight: "Preflight"

    def data(self) -> dict[str, Any]:
        """The content of `train/preflight.json`."""
        stated = {"stated": asdict(self.stated), "obstacles": self.run.obstacles}
        return {"run": str(self.run.folder), **self.preflight.data(), **stated}

    def __str__(self) -> str:
        return plan_text(self.data())

    def __repr__(self) -> str:
        return str(self)


def plan_training(
    run: Run, *, loaded: "LoadedModel | None" = None, drop_long: bool = False, again: bool = False,
    earlier: "Preflight | None" = None,
) -> Planned:  # fmt: skip
    """What training in this run will do and need, from scratch if `again`; nothing is written.

    The steps of an `earlier` preflight are not repeated.

    Raises: as `preflight`; DataError if the run has no train pairs; ConfigError if an interrupted fit had other settings,
    or nothing can be written.
    """
    from ...train import Processes, preflight

    stated = stated_settings(run, drop_long=drop_long)
    folder = run.folder / "train"
    if not again:
        check_not_hosted(run)
    _check_place(folder)
    resumes = not again and (folder / CHECKPOINT).is_file()
    if resumes:
        check_same_settings(run, stated, ignored=("model", "drop_long"))  # fit compares weights and pairs
    train, validation = training_pairs(run, stated)
    loaded = loaded or load(run.project, run.talk)
    settings = with_earlier_micro_batch(stated, folder) if resumes else stated
    with run.talk.progress("preflight"):
        found = preflight(train, validation, model=loaded, settings=settings, out=folder, earlier=earlier)
    settings = replace(settings, micro_batch=Processes.here().least(found.settings.micro_batch))
    dropped = {
        split: [row["id"] for row in found.dropped if row["split"] == split] for split in ("train", "validation")
    }
    train, validation = (
        table.filter(~pl.col("id").is_in(dropped[split]))
        for split, table in (("train", train), ("validation", validation))
    )
    return Planned(run, train, validation, stated, settings, loaded, found)


def train_stage(
    run: Run, *, loaded: "LoadedModel | None" = None, drop_long: bool = False, again: bool = False,
    earlier: "Preflight | None" = None,
) -> dict[str, Any]:  # fmt: skip
    """Train an adapter in the run's `train` folder, or resume; returns the training summary.

    With `again`, training starts over; the files of an earlier one are moved aside once the new one has passed all checks.
    Raises: Locked if another training is active in the run.
    """
    from ...train import Processes

    with alone_in(run.folder) if Processes.here().first else nullcontext():
        return _train(run, loaded=loaded, drop_long=drop_long, again=again, earlier=earlier)


def _train(
    run: Run, *, loaded: "LoadedModel | None" = None, drop_long: bool = False, again: bool = False,
    earlier: "Preflight | None" = None,
) -> dict[str, Any]:  # fmt: skip
    """The work of `train_stage` inside `alone_in`, which each of several processes does."""
    from ...train import Processes, fit, run_facts

    watch, first = Stopwatch(), Processes.here().first
    planned = plan_training(run, loaded=loaded, drop_long=drop_long, again=again, earlier=earlier)
    if again:
        put_aside_together(run)
    for line in plan_lines(planned.data()):
        run.talk.note(f"train: {line}")
    run.talk.note(planned.preflight.preview)
    if first:
        _write_plan(planned)
        model = planned.loaded
        facts = {"name": model.name, "sha256": model.sha256, "licence": model.licence, "dtype": model.dtype}
        # Before the fit, since a kill right after it leaves a finished training; `hosted` may be from an earlier one.
        run.update(model=facts, hosted=None)
    limit = limit_of(run, planned.loaded, planned.train)
    with shown_fit(run.talk, validates=bool(len(planned.validation))) as show:
        result = fit(
            planned.train, planned.validation, model=planned.loaded, settings=planned.settings, out=run.folder / "train",
            callbacks=[show], resume=True, more=_more(planned),
            facts=run_facts(run.folder, max_new_tokens=limit, fields=request_fields(planned.train)),
        )  # fmt: skip
    if first:
        record_training(run, watch.seconds())
    return {**result.summary(), **_more(planned)}


def record_training(run: Run, seconds: float) -> None:
    """Make a training that is done part of the run."""
    with run.changing() as staged:
        adopt(staged.folder, "train")
        staged.update(seconds={"train": seconds})


def is_recorded(run: Run) -> bool:
    """Whether a training that is done is part of the run; a kill may have come before."""
    manifest = read_manifest(run.folder)
    return "train" in run.facts.get("seconds", {}) if manifest is None else "train/summary.json" in manifest.files


@contextmanager
def alone_in(run: Path) -> Iterator[None]:
    """Prevent other training in this run while the block lasts. Raises: Locked if there is some already."""
    with alone_in_run(run, patience=0):
        yield


def finished(run: Run, *, drop_long: bool = False) -> dict[str, Any] | None:
    """The summary of a finished training; None if there is none yet.

    Raises: ConfigError if its settings differ from the project's current ones.
    """
    folder = run.folder / "train"
    check_not_hosted(run)
    done = (folder / "summary.json").is_file() and (folder / "adapter").is_dir()
    if not done or (folder / CHECKPOINT).is_file():
        return None
    check_same_settings(run, stated_settings(run, drop_long=drop_long))
    summary = read_stored(folder / "summary.json", "train/summary.json")
    return summary if all(key in summary for key in REQUIRED) else None


# --- planning ---------------------------------------------------------------------------------------------------


def stated_settings(run: Run, *, drop_long: bool) -> "TrainSettings":
    """The project's settings with the command's options."""
    # --seed, now or when the run was created, applies to everything; without it, training uses the project's seed.
    seeded = run.talk.seed_given or run.facts.get("seed_stated")
    settings = replace(run.project.train, seed=run.seed) if seeded else run.project.train
    return replace(settings, drop_long=settings.drop_long or drop_long)


def training_pairs(run: Run, settings: "TrainSettings") -> tuple[pl.DataFrame, pl.DataFrame]:
    """The run's train and validation pairs, sampled where the settings limit them."""
    train = run.sample(whole := run.train, settings.max_pairs)
    if not len(train):
        raise DataError(
            f"{run.folder} has no train pairs: every row was dropped or breaks a rule (see curate/summary.json)"
        )
    # Validation keeps its proportion to train, so that its share of the time does not change.
    validation = run.validation
    validation = run.sample(validation, -(-len(validation) * len(train) // len(whole)))
    if len(train) < len(whole):
        run.talk.note(f"train: using {len(train)} of {len(whole)} train pairs, a seeded sample (max_pairs)")
    return train, validation


def _check_place(folder: Path) -> None:
    """Raises: ConfigError, before anything is loaded, if the result cannot be written."""
    place = folder if folder.exists() else folder.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{place}: cannot write there; expected a folder with write permission.\n"
            "Move away any file of that name, or grant the permission."
        )


def _write_plan(planned: Planned) -> None:
    folder = planned.run.folder / "train"
    write_whole(folder / "preflight.json", json.dumps(planned.data(), ensure_ascii=False, indent=1) + "\n")
    if dropped := planned.preflight.dropped:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in dropped)
        write_whole(folder / "dropped.jsonl", lines)
    else:
        (folder / "dropped.jsonl").unlink(missing_ok=True)


def _more(planned: Planned) -> dict[str, Any]:
    """What the summary holds besides the training itself."""
    found = planned.preflight
    return {"dropped_pairs": len(found.dropped), "by_rule": sorted(found.rules)}


def request_fields(pairs: pl.DataFrame) -> tuple[str, ...]:
    """An order of the fields that all requests of `pairs` follow, the earliest first; empty if two disagree, or have none."""
    rank: dict[str, int] = {}
    graph: TopologicalSorter[str] = TopologicalSorter()
    for text in pairs["fields"].drop_nulls():
        row = json.loads(text)
        for name in row:
            rank.setdefault(name, len(rank))
            graph.add(name)
        for one, other in pairwise(row):
            graph.add(other, one)
    try:
        graph.prepare()
    except CycleError:
        return ()
    order: list[str] = []
    ready = list(graph.get_ready())
    while ready:
        ready.sort(key=rank.__getitem__)
        order.append(name := ready.pop(0))
        graph.done(name)
        ready += graph.get_ready()
    return tuple(order)


# --- in progress ------------------------------------------------------------------------------------------------


@contextmanager
def shown_fit(talk: Console, *, validates: bool) -> Iterator["Callback"]:
    """A callback that advances the progress bar, and prints a line with each validation loss, or ten in all without one."""
    with talk.progress("training") as advance:

        def show(report: "StepReport") -> None:
            step, steps = report.step, report.steps
            status = f"loss {report.train_loss:.3f}, {report.tokens_per_second:,.0f} tokens/s"
            advance(step, steps, f"steps, {status}")
            if report.validation_loss is not None:
                status += f", validation {report.validation_loss:.3f}"
            elif validates or step * QUIET_PARTS // steps == (step - 1) * QUIET_PARTS // steps:
                return
            talk.note(f"train: step {step:,} of {steps:,}, {status}, {say.duration(report.seconds_left)} left")

        yield show
