"""A model in a process of its own that generates outputs for others: loaded once, one batch after the other."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, ModelError, say, sha256_file
from ...curate import ClusterSettings, connect
from ...train import plan_workers
from .generate import CACHE_BYTES, Generation, Requests, writing

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = [
    "Outline",
    "Places",
    "Wanted",
    "Worker",
    "connected",
    "count_parameters",
    "outline",
    "plan_places",
    "worker_bytes",
]


@dataclass(frozen=True)
class Outline:
    """Replaces the model in a LoadedModel whose weights are in another process.

    It is enough to plan requests, to describe what outputs are made of, and to read the answers; it computes nothing.
    """

    config: Any  # transformers.PretrainedConfig
    generation_config: Any
    dtype: Any  # torch.dtype
    device: Any  # torch.device, that of the process with the weights
    is_quantized: bool


@dataclass(frozen=True)
class Wanted:
    """A list of requests and how to generate: the arguments of `writing`, to be sent to a worker.

    `adapter` is a folder that every worker reaches under the same path, `files` the SHA-256 of its files by name.
    """

    requests: Requests
    adapter: Path | None
    files: tuple[tuple[str, str], ...]
    temperature: float
    seed: int
    streams: tuple[str, ...] | None


class Worker:
    """Loads one model; first `load`, then `begin` with a list of requests, then `write` batches of that list."""

    def __init__(self) -> None:
        self._loaded: LoadedModel | None = None
        self._open = ExitStack()
        self._write: Callable[[int, Sequence[int]], Iterator[list[Generation]]] | None = None

    def load(self, name: str, *, dtype: str | None, quantised: bool, threads: int | None) -> "LoadedModel":
        """Load the model with this many threads of torch (None: as many as there are cores); returns its outline.

        Raises: ModelError as `load_model` does.
        """
        import torch

        from ...train import load_model, set_threads

        if threads is not None:
            torch.set_num_threads(threads)
        set_threads()
        with _named():
            self._loaded = load_model(name, dtype=dtype, quantised=quantised)
        return outline(self._loaded)

    def begin(self, wanted: Wanted) -> None:
        """Prepare for the batches of this list: the adapter is merged once, for all of them.

        Raises: ModelError if the adapter is missing here, is a different one, or does not fit.
        """
        assert self._loaded is not None, "load comes first"
        self._open.close()  # of the previous list
        with _named():
            for name, expected in wanted.files:
                file = Path(str(wanted.adapter)) / name
                if file.is_file() and sha256_file(file) != expected:
                    raise ModelError(f"{file} is not the file that the evaluation was started with.")
            self._write = self._open.enter_context(
                writing(
                    self._loaded, wanted.requests, adapter=wanted.adapter, temperature=wanted.temperature,
                    seed=wanted.seed, streams=wanted.streams,
                )
            )  # fmt: skip

    def write(self, number: int, samples: Sequence[int]) -> list[list[Generation]]:
        """The outputs of one batch, a list for each sample."""
        assert self._write is not None, "begin comes first"
        return list(self._write(number, samples))


@contextmanager
def _named() -> Iterator[None]:
    """Add to errors on which machine a model or an adapter is missing or unfit."""
    try:
        yield
    except ModelError as error:
        raise ModelError(
            f"On the node {platform.node()}: {error}\nMake models and adapters available under the same path on every node: "
            "use a shared folder, or for a model its name on the hub."
        ) from None


def outline(loaded: "LoadedModel") -> "LoadedModel":
    """The same model without its weights: small enough to be sent to another machine."""
    model = loaded.model
    return replace(
        loaded, model=Outline(model.config, model.generation_config, model.dtype, model.device, loaded.quantised)
    )


PROCESS_BYTES = (
    2**30
)  # Python, torch, the tokenizer; 0.75 GB in addition to the weights right after loading the default model
GB = 10**9


@dataclass(frozen=True)
class Places:
    """`count` workers, each with this many cores and GPUs and bytes of its node's memory (None: unknown)."""

    count: int
    cores: int
    gpus: int
    memory: int | None

    def on(self, node: Mapping[str, Any]) -> int:
        """How many of them fit on a node, one entry of `ray.nodes()`, while nothing else uses it."""
        has = node["Resources"]
        rooms = [int(has.get("CPU", 0) // self.cores)] if self.cores else []
        rooms += [int(has.get("GPU", 0) // self.gpus)] if self.gpus else []
        rooms += [int(has.get("memory", 0) // self.memory)] if self.memory else []
        return min(rooms, default=self.count)

    def fit(self, nodes: Sequence[Mapping[str, Any]]) -> int:
        """How many of them fit on all living nodes together."""
        return sum(self.on(node) for node in living(nodes))


def living(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The nodes that can be given work."""
    return [node for node in nodes if node["Alive"]]


def plan_places(nodes: Sequence[Mapping[str, Any]], *, workers: int | None, memory: int | None) -> Places:
    """As many workers as a fit there would have (`plan_workers`), each with a model of its own.

    `nodes` are those of `ray.nodes()`, `memory` the bytes that a worker needs. Raises ConfigError with the number that
    fits if they do not all fit.
    """
    planned = plan_workers([node["Resources"] for node in living(nodes)], wanted=workers)
    places = Places(planned.count, planned.cores, int(planned.gpus), memory)
    room = places.fit(nodes)
    if room < places.count:
        raise ConfigError(_too_many(places, living(nodes), room))
    return places


def _too_many(places: Places, nodes: Sequence[Mapping[str, Any]], room: int) -> str:
    """Why the workers do not fit, and what to do."""
    needs = f"{places.gpus} GPU" if places.gpus else f"{places.cores} cores"
    needs += f" and {say.size(places.memory)} of memory for the model" if places.memory else ""
    has = "; ".join(
        f"{node['NodeManagerAddress']}: {node['Resources'].get('CPU', 0):g} cores, "
        f"{node['Resources'].get('GPU', 0):g} GPUs, {say.size(node['Resources'].get('memory', 0))}"
        for node in nodes
    )
    remedy = (
        f"[cluster] workers = {room} fits."
        if room
        else 'A smaller model fits, or dtype = "bfloat16" in [train], or larger nodes.'
    )
    return f"{places.count} workers do not fit the cluster, {room} do: each takes {needs}.\nThe nodes have {has}.\n{remedy}"


def count_parameters(folder: Path) -> int | None:
    """The number of parameters in a model folder's safetensors, by their headers; None if they cannot be read."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                for name in file.keys():  # noqa: SIM118 - not a dict
                    size = 1
                    for side in file.get_slice(name).get_shape():
                        size *= side
                    total += size
        except (SafetensorError, OSError):
            return None  # loading reports the problem
    return total or None


def worker_bytes(parameters: int, *, dtype: str | None, quantised: bool, gpu: bool) -> int:
    """The most bytes of a node's memory that a worker is expected to take: weights, keys and values, the process.

    An unset dtype counts as fp32 on a CPU, where the faster one is only known after a measurement.
    """
    bytes_per_number = 1 if quantised else 2 if dtype == "bfloat16" or (dtype is None and gpu) else 4
    return parameters * bytes_per_number + CACHE_BYTES + PROCESS_BYTES


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[Any]:
    """Ray, connected as `[cluster]` says while the block lasts; an existing connection is kept.

    Raises: ConfigError if Ray is not installed, or no suitable cluster answers at the address.
    """
    if not settings.on_ray:
        raise ConfigError(
            '[cluster] address = "processes" is for curating; the workers that evaluate need Ray.\n'
            'address = "local" starts it on this machine; without --cluster one process evaluates.'
        )
    ray, made = connect(settings)
    try:
        yield ray
    finally:
        if made:
            ray.shutdown()
