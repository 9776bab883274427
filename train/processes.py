"""The processes that train together, started by `torchrun` or `accelerate launch`, and their exchanges."""

import os
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ..core import ConfigError, RunBroken, is_out_of_memory

# The variables that a launcher sets for each process.
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
# Longer than anything one process does while the others wait: converting a model, writing a checkpoint to a slow disk.
# A process that has ended is noticed at once, by its closed connection.
PATIENCE = timedelta(minutes=30)
LAST_WORD = timedelta(seconds=5)  # for deciding which process reports; the store may already be gone


class ProcessLost(RunBroken):
    """Another process ended or does not answer; a restart resumes from the last checkpoint."""


def device_alone() -> str:
    """The device of a process that trains alone: the GPU if there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Processes:
    """This process among the `count` that train together; `rank` is counted from 0, `device` is its own.

    The group that `here` joins lasts until `leave`. Collective operations (`sum`, `gather`, `from_first`,
    `agree`, `wait`) raise ProcessLost in the remaining processes if one of them is lost.
    """

    rank: int = 0
    count: int = 1
    device: str = field(default_factory=device_alone)
    store: Any = field(default=None, repr=False, compare=False)  # torch.distributed.Store: outlives the group's failure

    @staticmethod
    def here() -> "Processes":
        """This process as its launcher started it; it joins the others at the first call.

        Raises: ConfigError if the launcher's environment is incomplete, RunBroken if the others do not join.
        """
        if not _known:
            _known.append(_find())
        return _known[0]

    @property
    def first(self) -> bool:
        """Whether this process writes and reports for all."""
        return self.rank == 0

    def share(self, rows: Sequence[int]) -> list[int]:
        """This process's rows of a batch, which is sorted by length: every `count`-th, so that the work is balanced."""
        return list(rows[self.rank :: self.count])

    def sum(self, tensors: Sequence[Any]) -> None:
        """Each tensor becomes the sum over all processes, in place; one exchange for all of them, of one type."""
        if self.count == 1:
            return
        import torch

        with self._together():
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors]).to(self.device)
            torch.distributed.all_reduce(flat)
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank."""
        if self.count == 1:
            return [value]
        import torch

        found: list[Any] = [None] * self.count
        with self._together():
            torch.distributed.all_gather_object(found, value)
        return found

    def from_first(self, value: Any) -> Any:
        """The first process's value, in all processes."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        with self._together():
            return broadcast_object_list([value])[0]

    def agree(self, value: Any, *, what: str) -> None:
        """Check that all processes hold the same value.

        Raises: ConfigError, in all of them, if they do not; `what` names what differs.
        """
        if others := [rank for rank, other in enumerate(self.gather(value)) if other != value]:
            raise ConfigError(
                f"The {self.count} processes of this fit disagree: {what} differ between process {self.rank} "
                f"and {', '.join(map(str, others[:4]))}.\nGive each machine the same project folder, model and packages."
            )

    def level(self, tensors: Sequence[Any]) -> None:
        """Each tensor becomes what it is in the first process, in place; one exchange for all of them, of one type."""
        if self.count == 1:
            return
        import torch

        with torch.no_grad(), self._together():
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors]).to(self.device)
            torch.distributed.broadcast(flat, 0)
            for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def least(self, value: int | None) -> int | None:
        """The smallest of all processes' values; None if all are None."""
        return min((other for other in self.gather(value) if other is not None), default=None)

    def wait(self) -> None:
        """Wait for all processes to reach this point."""
        self.gather(None)

    @contextmanager
    def first_of_machine_before_others(self) -> Iterator[None]:
        """One process of each machine runs the block before the others there: they find what it stores."""
        if self.count == 1:
            yield
            return
        from accelerate import PartialState

        with self._together(), PartialState().local_main_process_first():
            yield

    def speaks_of_failure(self) -> bool:
        """Whether this failed process reports the reason: the first one to fail on its machine does, others do not."""
        if self.store is None:
            return True
        try:
            self.store.set_timeout(LAST_WORD)
            return self.store.add(f"failed on {platform.node()}", 1) == 1
        except RuntimeError:  # the store is gone as well
            return True

    def leave(self) -> None:
        """Leave the group, after the last collective operation; from here on `here` waits for no other process."""
        if self.count > 1:
            from accelerate import PartialState

            self.wait()
            PartialState().destroy_process_group()
            _known[:] = [replace(self, count=1)]  # a process that was not the first still writes nothing

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # gloo: a closed connection, a time-out; nccl: DistBackendError
            if is_out_of_memory(error):
                raise
            raise ProcessLost(
                f"Another of the {self.count} processes of this fit ended or does not respond ({_reason(error)}).\n"
                "Its message is above or in the log of its machine; if there is none, it was killed or ran out of memory.\n"
                "Run the same command to resume from the last checkpoint."
            ) from error


def _reason(error: BaseException) -> str:
    """The first sentence of torch's message, without the location in its sources; truncated for a terminal."""
    line = re.sub(r"^\[[^\]]*\.\w+:\d+\] ", "", str(error).strip().partition("\n")[0])
    return line.partition(". ")[0].rstrip(".")[:160] or type(error).__name__


_known: list[Processes] = []  # this process, once it was requested


def _find() -> Processes:
    if os.environ.get("WORLD_SIZE", "1") in ("", "1"):
        return Processes()
    given = {name: os.environ.get(name, "") for name in VARIABLES}
    odd = [name for name, value in given.items() if not value or (name != "MASTER_ADDR" and not value.isdecimal())]
    if odd:
        raise ConfigError(
            f"WORLD_SIZE is {given['WORLD_SIZE']}, so several processes train together, but {', '.join(odd)} "
            f"{'is' if len(odd) == 1 else 'are'} missing or not a number.\n"
            "Start with: torchrun --nproc-per-node 2 --no-python tuneworth train PROJECT"
        )
    return _join(int(given["RANK"]), int(given["WORLD_SIZE"]))


def _join(rank: int, count: int) -> Processes:
    """Join the others: gloo between CPUs, nccl between GPUs."""
    import torch
    from accelerate import PartialState
    from torch.distributed.rendezvous import rendezvous

    cpu = not torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "yes")
    try:
        store, *_ = next(rendezvous("env://", rank, count, timeout=PATIENCE))
        state = PartialState(cpu=cpu, store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise RunBroken(
            f"Process {rank} of {count} could not reach the others at {os.environ['MASTER_ADDR']}:"
            f"{os.environ['MASTER_PORT']} ({_reason(error)}).\nCheck that the port is free and that each machine can reach it."
        ) from error
    device = "cpu" if cpu else str(state.device)  # accelerate counts CPUs: "cpu:0"
    return Processes(rank, count, device=device, store=store)
