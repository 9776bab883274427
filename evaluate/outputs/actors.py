"""The outputs of one model written by several workers of a Ray cluster: one model each, a batch at a time."""

from collections import Counter, deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ModelError, RunBroken, TuneworthError, say, sha256_file
from .generate import Generation, Requests
from .models import folder_here
from .race import ADAPTER
from .workers import Places, Wanted, Worker, count_parameters, living, plan_places, worker_bytes

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["Actors", "start_actors"]

LOSSES = 3  # times that a worker is started anew for the same part, or without having written anything in between
LOOK = 10.0  # seconds without any news after which is looked whether there are nodes left to wait for
LONGEST_REASON = 300  # characters
KEPT = "What was written is kept: the same command goes on from there."

Part = tuple[int, list[int]]  # number of a batch, samples that are still to be written


@dataclass(frozen=True)
class _Call:
    """What a worker was asked: to "load", to "begin" the list of this number, to "write" this part."""

    kind: str
    list: int | None = None
    part: Part | None = None


@dataclass(frozen=True)
class _Ended:
    call: _Call
    value: Any
    lost: bool = False


class _Seat:
    """A worker's place, whoever sits there: its actor, the call that it works on, the list that it is ready for."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.call: _Call | None = None
        self.reference: Any = None
        self.begun: int | None = None
        self.losses = 0

    def ask(self, call: _Call, reference: Any) -> None:
        self.call, self.reference = call, reference


@contextmanager
def start_actors(
    ray: Any, name: str, *, dtype: str | None, quantised: bool, workers: int | None, say: Callable[[str], None]
) -> Iterator["Actors"]:
    """Workers on the cluster that `ray` is connected to, each with the named model; they end with the block.

    The first one loads the model alone: what is wrong with it is told once, and a `dtype` that is left open is settled
    for all. Raises ConfigError where the cluster has no room for them, ModelError where a node cannot load the model.
    """
    nodes = ray.nodes()
    folder = folder_here(name)
    parameters = None if folder is None else count_parameters(folder)
    gpu = any(node["Resources"].get("GPU", 0) for node in living(nodes))
    memory = None if parameters is None else worker_bytes(parameters, dtype=dtype, quantised=quantised, gpu=gpu)
    places = plan_places(nodes, workers=workers, memory=memory)
    found = Actors(ray, places, name=name, dtype=dtype, quantised=quantised, say=say)
    try:
        found.start()
        yield found
    finally:
        found.close()


class Actors:
    """Workers with one model each. `write` is `write_outputs` over all of them: the same batches, the same outputs.

    A worker that is lost is started anew and its batch written again. `loaded` is the model without its weights.
    """

    def __init__(
        self, ray: Any, places: Places, *, name: str, dtype: str | None, quantised: bool, say: Callable[[str], None]
    ) -> None:
        self._ray, self.places, self._name, self._say = ray, places, name, say
        self._dtype, self._quantised = dtype, quantised
        self._loaded: LoadedModel | None = None
        self._seats: list[_Seat] = []
        self._lists = 0
        self._waiting_told = False

    @property
    def loaded(self) -> "LoadedModel":
        """The model that all workers hold, without its weights."""
        assert self._loaded is not None, "start comes first"
        return self._loaded

    @property
    def words(self) -> str:
        """How many workers there are and what each has, for people."""
        places = self.places
        has = "a GPU" if places.gpus else "1 core" if places.cores == 1 else f"{places.cores} cores"
        return f"{say.count(places.count, 'worker')} with {has} each, {self.loaded.dtype}"

    def start(self) -> None:
        """One worker, and once it holds the model the others, which load it while the first one writes already."""
        self._sit(_Seat(None))
        while self._loaded is None:
            self._ended()
        for _ in range(1, self.places.count):
            self._sit(_Seat(None))

    def close(self) -> None:
        """End all workers."""
        for seat in self._seats:
            self._end(seat)
        self._seats = []

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
        """As `write_outputs`, but that batches come in the order in which they end; `loaded` is this one's own.

        Raises RunBroken where workers are lost again and again, or no node is left to start them on.
        """
        left = [[sample for sample in samples if (n, sample) not in done] for n in range(len(requests.batches))]
        waiting: deque[Part] = deque((number, wanted) for number, wanted in enumerate(left) if wanted)
        if not waiting:
            return []
        place = None if adapter is None else adapter.resolve()
        files = () if place is None else tuple((name, sha256_file(place / name)) for name in ADAPTER)
        named = None if streams is None else tuple(streams)
        wanted = self._ray.put(Wanted(requests, place, files, temperature, seed, named))
        self._lists += 1
        found: list[Generation] = []
        losses: Counter[int] = Counter()
        at_work = 0
        while waiting or at_work:
            at_work += self._hand_out(waiting, wanted)
            ended = self._ended()
            if ended is None or ended.call.part is None:
                continue
            at_work -= 1
            if ended.lost:
                losses[ended.call.part[0]] += 1
                self._check_losses(losses[ended.call.part[0]], ended.value)
                waiting.appendleft(ended.call.part)
                continue
            for batch in ended.value:
                found += batch
                if on_batch:
                    on_batch(batch)
        return sorted(found, key=lambda generation: (generation.index, generation.sample))

    def _hand_out(self, waiting: deque[Part], wanted: Any) -> int:
        """Give every idle worker its next call; how many parts were given out."""
        given = 0
        for seat in self._seats:
            if seat.call is not None or not waiting:
                continue
            if seat.begun != self._lists:
                seat.ask(_Call("begin", list=self._lists), seat.actor.begin.remote(wanted))
                continue
            part = waiting.popleft()
            seat.ask(_Call("write", part=part), seat.actor.write.remote(*part))
            given += 1
        return given

    def _ended(self) -> _Ended | None:
        """The next call to end; None where nothing ended for a while. A lost worker is started anew."""
        from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

        busy = {seat.reference: seat for seat in self._seats if seat.call is not None}
        ready, _ = self._ray.wait(list(busy), num_returns=1, timeout=LOOK)
        if not ready:
            self._check_nodes()
            return None
        seat = busy[ready[0]]
        call, seat.call, seat.reference = seat.call, None, None
        assert call is not None
        try:
            value = self._ray.get(ready[0])
        except (RayActorError, ObjectLostError) as error:
            return _Ended(call, self._lost(seat, error), lost=True)
        except RayTaskError as error:
            raise _failure(error) from error
        if call.kind == "load":
            self._agree(value)
        elif call.kind == "begin":
            seat.begun = call.list
        else:
            seat.losses = 0
        return _Ended(call, value)

    def _sit(self, seat: _Seat) -> None:
        """A new actor in this seat, asked to load the model."""
        places = self.places
        actor = self._ray.remote(Worker).options(
            num_cpus=places.cores, num_gpus=places.gpus, memory=places.memory, max_restarts=0,
            scheduling_strategy="SPREAD",
        )  # fmt: skip
        seat.actor, seat.begun = actor.remote(), None
        loading = seat.actor.load.remote(
            self._name,
            dtype=self._dtype,
            quantised=self._quantised,
            threads=None if places.gpus else places.cores or None,
        )
        seat.ask(_Call("load"), loading)
        if seat not in self._seats:
            self._seats.append(seat)

    def _end(self, seat: _Seat) -> None:
        from ray.exceptions import RayError

        with suppress(RayError, ValueError):  # gone already
            self._ray.kill(seat.actor)

    def _lost(self, seat: _Seat, error: Any) -> str:
        """Start the seat's worker anew; why it was lost, in a line."""
        said = _reason(error)
        if getattr(error, "actor_init_failed", False):
            raise RunBroken(
                f"A worker could not be started: {said}\n"
                "Every node needs the same version of tuneworth: pip install 'tuneworth[train,cluster]'"
            )
        self._end(seat)  # it may only have been out of reach
        seat.losses += 1
        self._check_losses(seat.losses, said)
        self._say(f"warning: a worker was lost and is started anew ({said})")
        self._sit(seat)
        return said

    def _check_losses(self, losses: int, said: str) -> None:
        if losses > LOSSES:
            raise RunBroken(
                f"Workers were lost {losses} times in the same place: {said}\n{KEPT}\n"
                "Mostly the memory of a node is too small: fewer [cluster] workers need less of it."
            )

    def _check_nodes(self) -> None:
        """Look whether there is something to wait for, when only workers that are not there yet are waited for."""
        if any(seat.call and seat.call.kind != "load" for seat in self._seats):
            return
        if not self.places.fit(self._ray.nodes()):
            raise RunBroken(f"No node of the cluster is left that has room for a worker.\n{KEPT}")
        if not self._waiting_told:
            self._waiting_told = True
            self._say("evaluate: waiting for the cluster to have room for workers and to load the model")

    def _agree(self, loaded: "LoadedModel") -> None:
        """The first worker's model is that of all others."""
        if self._loaded is None:
            self._loaded, self._dtype = loaded, loaded.dtype
        elif _weights(loaded) != _weights(self._loaded):
            raise ModelError(
                f'The nodes hold different weights under the name "{self._name}": {_weights(self._loaded)} and '
                f"{_weights(loaded)}.\nEvery node must load the same folder, or the same revision of the hub."
            )


def _weights(loaded: "LoadedModel") -> str:
    return f"SHA-256 {loaded.sha256[:12]} in {loaded.dtype} on {loaded.model.device.type}"


def _failure(error: Any) -> TuneworthError:
    """What went wrong in a worker, as it would be told on one machine; others' failures in a line."""
    cause = error.cause
    if isinstance(cause, TuneworthError):
        return type(cause)(str(cause))
    return RunBroken(f"A worker failed: {type(cause).__name__}: {_reason(cause)}\n{KEPT}")


def _reason(error: Exception) -> str:
    """What Ray says of a lost worker in one sentence, not too long for a terminal."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    said = next((line for line in lines if line.startswith("The actor is dead") or "node" in line), lines[-1])
    text = said.partition(". ")[0]
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."
