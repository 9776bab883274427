"""Generates the outputs of one model with several workers of a Ray cluster, each with the model, a batch at a time."""

from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ModelError, RunBroken, TuneworthError, say, sha256_file
from .generate import Generation, Requests
from .models import local_folder
from .race import ADAPTER
from .workers import GenerationJob, Placement, Worker, alive, count_parameters, plan_placement, worker_bytes

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["Actors", "start_actors"]

LOSSES = 3  # losses of a worker at the same part, or without any output in between
LOOK = 10.0  # seconds without news after which the cluster is checked for nodes to wait for
LONGEST_REASON = 300  # characters
KEPT = "Finished outputs are kept; run the same command again to resume."

Part = tuple[int, list[int]]  # number of a batch, samples to generate


@dataclass(frozen=True)
class _Call:
    """A call to a worker: "load", "begin" with the job of this number, or "write" with this part."""

    kind: str
    job: int | None = None
    part: Part | None = None


@dataclass(frozen=True)
class _Finished:
    call: _Call
    value: Any
    lost: bool = False


class _Slot:
    """A slot for a worker: its current actor, the call in progress, and the job that it has begun."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.call: _Call | None = None
        self.reference: Any = None
        self.job: int | None = None
        self.losses = 0

    def assign(self, call: _Call, reference: Any) -> None:
        self.call, self.reference = call, reference


@contextmanager
def start_actors(
    ray: Any, name: str, *, dtype: str | None, quantised: bool, workers: int | None, say: Callable[[str], None]
) -> Iterator["Actors"]:
    """Workers on the cluster that `ray` is connected to, each with the named model; they end with the block.

    The first one loads the model alone, so that a problem is reported once and an unset `dtype` is chosen once for all.
    Raises ConfigError if the cluster has no room for them, ModelError if a node cannot load the model.
    """
    nodes = ray.nodes()
    folder = local_folder(name)
    parameters = None if folder is None else count_parameters(folder)
    gpu = any(node["Resources"].get("GPU", 0) for node in alive(nodes))
    memory = None if parameters is None else worker_bytes(parameters, dtype=dtype, quantised=quantised, gpu=gpu)
    placement = plan_placement(nodes, workers=workers, memory=memory)
    actors = Actors(ray, placement, name=name, dtype=dtype, quantised=quantised, say=say)
    try:
        actors.start()
        yield actors
    finally:
        actors.close()


class Actors:
    """Workers with one model each. `write` is `generate_outputs` with all of them: the same batches, the same outputs.

    A lost worker is restarted and its batch generated again. `loaded` is the model without its weights.
    """

    def __init__(
        self,
        ray: Any,
        placement: Placement,
        *,
        name: str,
        dtype: str | None,
        quantised: bool,
        say: Callable[[str], None],
    ) -> None:
        self._ray, self.placement, self._name, self._say = ray, placement, name, say
        self._dtype, self._quantised = dtype, quantised
        self._loaded: LoadedModel | None = None
        self._slots: list[_Slot] = []
        self._jobs = 0
        self._waiting_reported = False

    @property
    def loaded(self) -> "LoadedModel":
        """The model that all workers have loaded, without its weights."""
        assert self._loaded is not None, "start comes first"
        return self._loaded

    @property
    def words(self) -> str:
        """The number of workers and the resources of each, in words."""
        placement = self.placement
        has = "a GPU" if placement.gpus else "1 core" if placement.cores == 1 else f"{placement.cores} cores"
        return f"{say.count(placement.count, 'worker')} with {has} each, {self.loaded.dtype}"

    def start(self) -> None:
        """Start one worker, and the others once it has loaded the model; the first one works while they load it."""
        self._fill(_Slot(None))
        while self._loaded is None:
            self._next_finished()
        for _ in range(1, self.placement.count):
            self._fill(_Slot(None))

    def close(self) -> None:
        """End all workers."""
        for slot in self._slots:
            self._end(slot)
        self._slots = []

    def write(
        self,
        loaded: "LoadedModel",
        requests: Requests,
        *,
        adapter: Path | None = None,
        temperature: float = 0.0,
        seed: int = 0,
        streams: Sequence[str] | None = None,
        samples: Sequence[int] = (0,),
        done: Container[tuple[int, int]] = (),
        on_batch: Callable[[list[Generation]], None] | None = None,
    ) -> list[Generation]:
        """Like `generate_outputs`, except that batches arrive in the order in which they finish; `loaded` is our own.

        Raises RunBroken if workers are lost repeatedly, or no node remains to start them on.
        """
        remaining = [[sample for sample in samples if (n, sample) not in done] for n in range(len(requests.batches))]
        waiting: deque[Part] = deque((number, missing) for number, missing in enumerate(remaining) if missing)
        if not waiting:
            return []
        place = None if adapter is None else adapter.resolve()
        files = () if place is None else tuple((name, sha256_file(place / name)) for name in ADAPTER)
        stream_names = None if streams is None else tuple(streams)
        job = self._ray.put(GenerationJob(requests, place, files, temperature, seed, stream_names))
        self._jobs += 1
        outputs: list[Generation] = []
        losses: Counter[int] = Counter()
        in_progress = 0
        while waiting or in_progress:
            in_progress += self._assign_parts(waiting, job)
            finished = self._next_finished()
            if finished is None or finished.call.part is None:
                continue
            in_progress -= 1
            if finished.lost:
                losses[finished.call.part[0]] += 1
                self._check_losses(losses[finished.call.part[0]], finished.value)
                waiting.appendleft(finished.call.part)
                continue
            for batch in finished.value:
                outputs += batch
                if on_batch:
                    on_batch(batch)
        return sorted(outputs, key=lambda generation: (generation.index, generation.sample))

    def _assign_parts(self, waiting: deque[Part], job: Any) -> int:
        """Give every idle worker its next call; returns the number of assigned parts."""
        assigned = 0
        for slot in self._slots:
            if slot.call is not None or not waiting:
                continue
            if slot.job != self._jobs:
                slot.assign(_Call("begin", job=self._jobs), slot.actor.begin.remote(job))
                continue
            part = waiting.popleft()
            slot.assign(_Call("write", part=part), slot.actor.write.remote(*part))
            assigned += 1
        return assigned

    def _next_finished(self) -> _Finished | None:
        """The next finished call; None if none finished for a while. A lost worker is restarted."""
        from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

        busy = {slot.reference: slot for slot in self._slots if slot.call is not None}
        ready, _ = self._ray.wait(list(busy), num_returns=1, timeout=LOOK)
        if not ready:
            self._check_nodes()
            return None
        slot = busy[ready[0]]
        call, slot.call, slot.reference = slot.call, None, None
        assert call is not None
        try:
            value = self._ray.get(ready[0])
        except (RayActorError, ObjectLostError) as error:
            return _Finished(call, self._lost(slot, error), lost=True)
        except RayTaskError as error:
            raise _failure(error) from error
        if call.kind == "load":
            self._check_same_model(value)
        elif call.kind == "begin":
            slot.job = call.job
        else:
            slot.losses = 0
        return _Finished(call, value)

    def _fill(self, slot: _Slot) -> None:
        """Start a new actor for this slot and let it load the model."""
        placement = self.placement
        actor = self._ray.remote(Worker).options(
            num_cpus=placement.cores, num_gpus=placement.gpus, memory=placement.memory, max_restarts=0,
            scheduling_strategy="SPREAD",
        )  # fmt: skip
        slot.actor, slot.job = actor.remote(), None
        loading = slot.actor.load.remote(
            self._name,
            dtype=self._dtype,
            quantised=self._quantised,
            threads=None if placement.gpus else placement.cores or None,
        )
        slot.assign(_Call("load"), loading)
        if slot not in self._slots:
            self._slots.append(slot)

    def _end(self, slot: _Slot) -> None:
        from ray.exceptions import RayError

        with suppress(RayError, ValueError):  # already gone
            self._ray.kill(slot.actor)

    def _lost(self, slot: _Slot, error: Any) -> str:
        """Restart the slot's worker; returns the reason for its loss in one line."""
        reason = _reason(error)
        if getattr(error, "actor_init_failed", False):
            raise RunBroken(
                f"A worker could not be started: {reason}\n"
                "Install the same version of Tuneworth on every node, with its extras train and cluster."
            )
        self._end(slot)  # the worker may only be unreachable
        slot.losses += 1
        self._check_losses(slot.losses, reason)
        self._say(f"warning: a worker was lost and is being restarted ({reason})")
        self._fill(slot)
        return reason

    def _check_losses(self, losses: int, reason: str) -> None:
        if losses > LOSSES:
            raise RunBroken(
                f"Workers were lost {losses} times at the same point: {reason}\n{KEPT}\n"
                "The usual cause is a node that is out of memory; set fewer workers in [cluster]."
            )

    def _check_nodes(self) -> None:
        """If no worker has started yet, check that a node has room for one."""
        if any(slot.call and slot.call.kind != "load" for slot in self._slots):
            return
        if not self.placement.fit(self._ray.nodes()):
            raise RunBroken(f"No remaining node of the cluster has room for a worker.\n{KEPT}")
        if not self._waiting_reported:
            self._waiting_reported = True
            self._say("evaluate: waiting for the cluster to start workers and load the model")

    def _check_same_model(self, loaded: "LoadedModel") -> None:
        """Check that a worker has the same model as the first one."""
        if self._loaded is None:
            self._loaded, self._dtype = loaded, loaded.dtype
        elif _weights(loaded) != _weights(self._loaded):
            raise ModelError(
                f'The nodes have different weights under the name "{self._name}": {_weights(self._loaded)} and '
                f"{_weights(loaded)}.\nLoad the same folder, or the same hub revision, on every node."
            )


def _weights(loaded: "LoadedModel") -> str:
    return f"SHA-256 {loaded.sha256[:12]} in {loaded.dtype} on {loaded.model.device.type}"


def _failure(error: Any) -> TuneworthError:
    """The error of a worker as on one machine; an unexpected one in a line."""
    cause = error.cause
    if isinstance(cause, TuneworthError):
        return type(cause)(str(cause))
    return RunBroken(f"A worker failed: {type(cause).__name__}: {_reason(cause)}\n{KEPT}")


def _reason(error: Exception) -> str:
    """Ray's reason for a lost worker in one sentence, short enough for a terminal."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    reason = next((line for line in lines if line.startswith("The actor is dead") or "node" in line), lines[-1])
    text = reason.partition(". ")[0]
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."
