"""`tuneworth train --cluster`: the work of the command, and of each worker on its node."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import ConfigError, Talk, say
from ...curate import ClusterSettings
from ..project import read_project
from ..run import Run
from ..runs import find_run
from .train import alone_in, train_in

__all__ = ["cluster_stage", "train_as_member"]


@dataclass(frozen=True)
class Relayed(Talk):
    """The console of a worker: the command that started it prints its notes."""

    say: Callable[[str], None] | None = None

    def note(self, text: str) -> None:
        """Send a line of progress or a warning to the command."""
        if not self.quiet and self.say is not None:
            self.say(text)


def cluster_stage(run: Run, *, drop_long: bool, again: bool, allow_code: bool) -> Any:
    """Train like `train_stage`, on the workers of the cluster in `[cluster]`; returns the training summary.

    Raises: ConfigError if there is no cluster, or its nodes do not have the run's folder; else as `train_stage`.
    """
    project, talk = run.project, run.talk
    if project.cluster is None:
        raise ConfigError(
            f'{project.folder / "tuneworth.toml"} has no [cluster] section.\nAdd [cluster] with address = "auto" (the '
            'cluster that this machine belongs to) or "ray://HOST:10001", or leave out --cluster.'
        )
    if not project.cluster.on_ray:
        raise ConfigError(
            '[cluster] address = "processes" is for curating; training already uses all cores of one machine.\n'
            "Leave out --cluster, or set the address of a Ray cluster."
        )
    from ...train import living_nodes, on_workers, plan_workers

    folder = run.folder.resolve()
    arguments = {
        "project": project.folder.resolve(), "run": folder.name, "drop_long": drop_long, "allow_code": allow_code,
        "talk": {"seed": talk.seed, "seed_given": talk.seed_given, "debug": talk.debug}, "kept": None,
    }  # fmt: skip
    if again and (folder / "train").is_dir():
        arguments["kept"] = _earlier_trainings(folder)
    with alone_in(folder), _connected(project.cluster):
        workers = plan_workers(living_nodes(), wanted=project.cluster.workers)
        kind = "one GPU" if workers.gpus else say.count(workers.cores, "core")
        talk.note(f"train: on the cluster, {say.count(workers.count, 'worker')} with {kind} each")
        return on_workers(train_as_member, arguments, workers=workers, shared=folder, say=talk.note)


@contextmanager
def _connected(settings: ClusterSettings) -> Iterator[None]:
    """Ray, connected within the block.

    Raises: ConfigError if no suitable cluster answers.
    """
    from ...curate import connect

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
    """The work of one worker in a training, like a process of `torchrun`; only the first worker prints.

    `kept` is the number of earlier trainings in the run when the command started, None if the current one is not to be moved
    away: a restarted worker must not move away the work of its first start.
    """
    from ...train import Processes

    processes = Processes.here()
    read = read_project(project, allow_code=allow_code)
    folder = find_run(read, run)
    again = processes.from_first(kept is not None and _earlier_trainings(folder) == kept)
    relayed = Relayed(quiet=not processes.first, say=say, **talk)
    return train_in(Run(folder, project=read, talk=relayed), drop_long=drop_long, again=again)


def _earlier_trainings(run: Path) -> int:
    """The number of earlier trainings that the run has kept."""
    return sum(1 for _ in run.glob("train-[0-9]*"))
