"""A fit on the nodes of a Ray cluster: Ray Train starts the processes and replaces lost ones."""

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..core import ConfigError, RunBroken, TuneworthError
from .processes import PATIENCE, ProcessLost

__all__ = ["Workers", "living_nodes", "on_workers", "plan_workers"]

# Each restart resumes from the last checkpoint. A fault that recurs at every start ends there; nodes that are
# reclaimed by their owner (spot machines) are counted separately, without a limit.
MOST_LOST = 3
EAR_SECONDS = 0.5  # between two polls of the workers' messages
SILENCE_SECONDS = 120  # longer than workers take to start and send their first message
FOLDER = ".cluster"  # in the run's folder while the cluster trains; Ray Train keeps its own files there


@dataclass(frozen=True)
class Workers:
    """This many processes; each reserves `cores` of its node and, with `gpus`, one GPU of its own."""

    count: int
    cores: int
    gpus: bool

    @property
    def resources(self) -> dict[str, float]:
        """What one worker reserves, in Ray's words."""
        return {"CPU": self.cores, "GPU": 1} if self.gpus else {"CPU": self.cores}

    def places(self, nodes: Sequence[Mapping[str, float]]) -> int:
        """How many such workers fit on these nodes, ignoring other load on them."""
        needed = {name: count for name, count in self.resources.items() if count}
        return sum(min(int(node.get(name, 0) // count) for name, count in needed.items()) for node in nodes)


def plan_workers(nodes: Sequence[Mapping[str, float]], *, wanted: int | None = None) -> Workers:
    """One worker for each GPU; without GPUs one for each node; or as many as are `wanted`.

    `nodes` are the resources of each live node as Ray reports them: {"CPU": 8.0, "GPU": 1.0, ...}. CPU workers share
    the cores evenly. Raises ConfigError if the cluster has no room for that many.

    >>> plan_workers([{"CPU": 8.0}, {"CPU": 8.0}])
    Workers(count=2, cores=8, gpus=False)
    >>> plan_workers([{"CPU": 32.0, "GPU": 4.0}, {"CPU": 4.0}])
    Workers(count=4, cores=8, gpus=True)
    """
    gpus = [(int(node["GPU"]), int(node.get("CPU", 0))) for node in nodes if node.get("GPU", 0) >= 1]
    if gpus:
        there = sum(count for count, _ in gpus)
        if (wanted or 1) > there:
            raise ConfigError(f"[cluster] workers is {wanted}, but the cluster has {there} GPUs, one for each worker.")
        return Workers(wanted or there, min(cores // count for count, cores in gpus), gpus=True)
    cores = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    count = wanted or len(cores)
    if not cores or count > sum(cores):
        raise ConfigError(
            f"{count or 'The'} workers of a fit need one core each, but the cluster has {sum(cores)}.\n"
            "Lower [cluster] workers, or start more nodes: ray start --address HEAD:6379"
        )
    each = next(n for n in range(max(cores), 0, -1) if sum(have // n for have in cores) >= count)
    return Workers(count, each, gpus=False)


def living_nodes() -> list[dict[str, float]]:
    """The resources of each live node of the connected cluster, as `plan_workers` takes them."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def on_workers(
    member: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    workers: Workers,
    shared: Path,
    say: Callable[[str], None],
) -> Any:
    """Call `member(**arguments, say=...)` in each of the workers on the connected cluster; returns the first one's result.

    The workers are one group: `Processes.here()` is each one's place in it, gloo between CPUs, nccl between GPUs. If
    one is lost, all restart and `member` is called again, at most MOST_LOST times: it must resume from a
    checkpoint. `shared` is a folder that every node reaches under that name. A member's messages reach `say` here.

    Raises: an error of a member that the user can fix (TuneworthError), without a retry; RunBroken if
    too many are lost.
    """
    import ray
    from ray.exceptions import RayError

    token = secrets.token_hex(8)
    (shared / FOLDER / token).mkdir(parents=True)
    mailbox: Any = ray.remote(num_cpus=0)(Mailbox).remote()
    config = {"member": member, "arguments": dict(arguments), "mailbox": mailbox, "shared": shared, "token": token}
    failed: list[BaseException] = []
    returned: list[Any] = []
    # Not in the main thread: there Ray Train handles Ctrl-C itself, and ends with "all is well".
    thread = threading.Thread(target=_train, args=(config, workers, returned, failed), daemon=True)
    try:
        thread.start()
        _listen(thread, mailbox, workers, say)
        refused: Any = ray.get(mailbox.refusal.remote())
    except RayError as error:
        raise _broken(error) from error
    finally:
        shutil.rmtree(shared / FOLDER, ignore_errors=True)
    if refused is not None:
        raise refused
    if failed:
        raise _broken(failed[0]) from failed[0]
    return returned[0]


def _listen(thread: threading.Thread, mailbox: Any, workers: Workers, say: Callable[[str], None]) -> None:
    """Forward the workers' messages until their training has ended, and report what they wait for."""
    import ray

    started, silent, short = time.monotonic(), True, False
    while thread.is_alive():
        thread.join(EAR_SECONDS)
        for line in ray.get(mailbox.take.remote()):
            silent = False
            say(line)
        room = workers.places(living_nodes())
        if room < workers.count and not short:
            say(f"train: the cluster currently has room for {room} of {workers.count} workers; waiting for more nodes")
        short = room < workers.count
        if silent and time.monotonic() > started + SILENCE_SECONDS:
            say("train: the workers have not started yet; `ray status` shows what uses the cluster's cores and GPUs")
            silent = False


@dataclass
class Mailbox:
    """An actor for the workers' messages to the process that started them. Mutable: it is filled and emptied."""

    lines: list[str] = field(default_factory=list)
    refused: TuneworthError | None = None

    def say(self, line: str) -> None:
        """A line for people."""
        self.lines.append(line)

    def take(self) -> list[str]:
        """The lines since the last call."""
        lines, self.lines = self.lines, []
        return lines

    def refuse(self, error: TuneworthError) -> None:
        """An error that would recur after a restart; the first one counts."""
        self.refused = self.refused or error

    def refusal(self) -> TuneworthError | None:
        """The first such error."""
        return self.refused


def _train(config: dict[str, Any], workers: Workers, returned: list[Any], failed: list[BaseException]) -> None:
    """Ray Train's own part, from the group's start to its end."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.train.v2.api.config import LoggingConfig

    try:
        trainer = TorchTrainer(
            run_member,
            train_loop_config=config,
            torch_config=TorchConfig(
                backend="nccl" if workers.gpus else "gloo", timeout_s=int(PATIENCE.total_seconds())
            ),
            scaling_config=ScalingConfig(
                num_workers=workers.count, use_gpu=workers.gpus, resources_per_worker=workers.resources,
                placement_strategy="PACK" if workers.gpus else "SPREAD",
            ),
            run_config=RunConfig(
                name=config["token"], storage_path=str(config["shared"] / FOLDER),
                failure_config=FailureConfig(max_failures=MOST_LOST), logging_config=LoggingConfig(log_level="WARNING"),
            ),
        )  # fmt: skip
        returned.append(trainer.fit().return_value)
    except BaseException as error:  # reported by the waiting thread
        failed.append(error)


def run_member(config: Mapping[str, Any]) -> Any:
    """One worker's part, called by Ray Train in each worker at every start."""
    import ray

    mailbox = config["mailbox"]
    if ray.get(mailbox.refusal.remote()) is not None:
        return None  # an earlier start failed with an error that the user must fix
    try:
        _check_shared(config["shared"], config["token"])
        return config["member"](**config["arguments"], say=partial(_send, mailbox))
    except ProcessLost:
        raise  # Ray Train restarts all workers
    except TuneworthError as error:
        ray.get(mailbox.refuse.remote(error))
        raise


def _send(mailbox: Any, line: str) -> None:
    mailbox.say.remote(line)


def _check_shared(shared: Path, token: str) -> None:
    """Find the folder that the command made.

    Raises: ConfigError if this node has no such folder, or a different one.
    """
    if not (shared / FOLDER / token).is_dir():
        import ray

        raise ConfigError(
            f"{shared} does not exist on the node {ray.util.get_node_ip_address()}, but a fit on a cluster reads its pairs "
            "and writes its checkpoints there.\nPut the project in a folder that every node reaches under the same name "
            "(NFS, EFS, Filestore, a ReadWriteMany volume), and train again."
        )


def _broken(error: BaseException) -> RunBroken:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return RunBroken(
        f"The cluster lost this fit more than {MOST_LOST} times, or could not start it ({type(error).__name__}: "
        f"{reason[:200]}).\nThe nodes' logs say why; run the same command to resume from the last checkpoint."
    )
