"""`tuneworth train --cluster`: what the command does on its own machine, and what each worker does on its node."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import ConfigError, Talk, say
from ..curate import ClusterSettings
from .project import read_project
from .run import Run
from .runs import find_run
from .train import alone_in, train_in

__all__ = ["cluster_stage", "train_as_member"]


@dataclass(frozen=True)
class Relayed(Talk):
    """The console of a worker: its notes are printed by the command that started it."""

    say: Callable[[str], None] | None = None

    def note(self, text: str) -> None:
        """A line of progress or a warning, sent to the command."""
        if not self.quiet and self.say is not None:
            self.say(text)


def cluster_stage(run: Run, *, drop_long: bool, again: bool, allow_code: bool) -> Any:
    """What `train_stage` does, by the workers of the cluster in `[cluster]`; the training summary.

    Raises: ConfigError if there is no cluster, or the run's folder is not there on its nodes; else as `train_stage`.
    """
    project, talk = run.project, run.talk
    if project.cluster is None:
        raise ConfigError(
            f'{project.folder / "tuneworth.toml"} names no cluster.\nAdd [cluster] with address = "auto" (the cluster '
            'this machine belongs to) or "ray://HOST:10001", or remove --cluster.'
        )
    if not project.cluster.on_ray:
        raise ConfigError(
            '[cluster] address = "processes" is for curation; training already uses all cores of one machine.\n'
            "Remove --cluster, or name a Ray cluster."
        )
    from ..train import living_nodes, on_workers, plan_workers

    folder = run.folder.resolve()
    arguments = {
        "project": project.folder.resolve(), "run": folder.name, "drop_long": drop_long, "allow_code": allow_code,
        "talk": {"seed": talk.seed, "seed_given": talk.seed_given, "debug": talk.debug}, "kept": None,
    }  # fmt: skip
    if again and (folder / "train").is_dir():
        arguments["kept"] = _aside(folder)
    with alone_in(folder), _connected(project.cluster):
        workers = plan_workers(living_nodes(), wanted=project.cluster.workers)
        kind = "one GPU" if workers.gpus else say.count(workers.cores, "core")
        talk.note(f"train: on the cluster, {say.count(workers.count, 'worker')} with {kind} each")
        return on_workers(train_as_member, arguments, workers=workers, shared=folder, say=talk.note)


@contextmanager
def _connected(settings: ClusterSettings) -> Iterator[None]:
    """Ray, connected while the block lasts.

    Raises: ConfigError if no cluster that fits answers.
    """
    from ..curate import connect

    ray, ours = connect(settings)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def train_as_member(
    *, project: Path, run: str, drop_long: bool, allow_code: bool, talk: dict[str, Any], kept: int | None,
    say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """One worker's part of a training, as each process of `torchrun` does it; only the first one prints.

    `kept` is how many earlier trainings had been moved aside when the command started, None if none is to be moved
    aside: a restarted worker must not move aside the work of its first start.
    """
    from ..train import Processes

    processes = Processes.here()
    read = read_project(project, allow_code=allow_code)
    folder = find_run(read, run)
    again = processes.from_first(kept is not None and _aside(folder) == kept)
    relayed = Relayed(quiet=not processes.first, say=say, **talk)
    return train_in(Run(folder, project=read, talk=relayed), drop_long=drop_long, again=again)


def _aside(run: Path) -> int:
    """How many earlier trainings have been moved aside in the run."""
    return sum(1 for _ in run.glob("train-[0-9]*"))
