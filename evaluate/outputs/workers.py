"""A model in a separate process that generates outputs: it is loaded once and generates one batch after another."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import ConfigError, ModelError, need_regular, say, sha256_file
from ...curate import ClusterSettings, connect
from ...train import plan_workers
from .generate import CACHE_BYTES, Generation, Requests, batch_generator

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = [
    "GenerationJob",
    "Outline",
    "Placement",
    "Worker",
    "connected",
    "count_parameters",
    "outline",
    "plan_placement",
    "worker_bytes",
]


@dataclass(frozen=True)
class Outline:
    """Replaces the model in a LoadedModel whose weights are in another process.

    It is enough to plan requests, to determine the keys of outputs, and to read the answers, but it computes nothing.
    """

    config: Any  # transformers.PretrainedConfig
    generation_config: Any
    dtype: Any  # torch.dtype
    device: Any  # torch.device, that of the process with the weights
    is_quantized: bool


@dataclass(frozen=True)
class GenerationJob:
    """A list of requests with the generation settings: the arguments of `batch_generator`, to be sent to a worker.

    `adapter` is a folder that every worker can read under the same path, `files` the SHA-256 of its files by name.
    """

    requests: Requests
    adapter: Path | None
    files: tuple[tuple[str, str], ...]
    temperature: float
    seed: int
    streams: tuple[str, ...] | None


class Worker:
    """Loads one model: call `load`, then `begin` with a job, then `write` for batches of that job."""

    def __init__(self) -> None:
        self._loaded: LoadedModel | None = None
        self._open = ExitStack()
        self._write: Callable[[int, Sequence[int]], Iterator[list[Generation]]] | None = None

    def load(self, name: str, *, dtype: str | None, quantised: bool, threads: int | None) -> "LoadedModel":
        """Load the model with this many torch threads (None: one per core); returns its outline.

        Raises: ModelError as `load_model` does.
        """
        import torch

        from ...train import load_model, set_threads

        if threads is not None:
            torch.set_num_threads(threads)
        set_threads()
        with _on_this_node():
            self._loaded = load_model(name, dtype=dtype, quantised=quantised)
        return outline(self._loaded)

    def begin(self, job: GenerationJob) -> None:
        """Prepare for the batches of this job: the adapter is merged once for all of them.

        Raises: ModelError if the adapter is missing here, is a different one, or does not fit.
        """
        assert self._loaded is not None, "load comes first"
        self._open.close()  # of the previous job
        with _on_this_node():
            for name, expected in job.files:
                file = Path(str(job.adapter)) / name
                if file.is_file() and sha256_file(file) != expected:
                    raise ModelError(f"{file} is not the file that the evaluation was started with.")
            self._write = self._open.enter_context(
                batch_generator(
                    self._loaded, job.requests, adapter=job.adapter, temperature=job.temperature,
                    seed=job.seed, streams=job.streams,
                )
            )  # fmt: skip

    def write(self, number: int, samples: Sequence[int]) -> list[list[Generation]]:
        """The outputs of one batch, a list for each sample."""
        assert self._write is not None, "begin comes first"
        return list(self._write(number, samples))


@contextmanager
def _on_this_node() -> Iterator[None]:
    """Add the machine to errors about a missing or unsuitable model or adapter."""
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


# Python, torch, the tokenizer: 0.75 GB in addition to the weights right after loading the default model.
PROCESS_BYTES = 2**30
GB = 10**9


@dataclass(frozen=True)
class Placement:
    """`count` workers, each with this many cores and GPUs and this much memory in bytes (None: unknown)."""

    count: int
    cores: int
    gpus: int
    memory: int | None

    def on(self, node: Mapping[str, Any]) -> int:
        """The number of workers that fit on an otherwise idle node, an entry of `ray.nodes()`."""
        resources = node["Resources"]
        rooms = [int(resources.get("CPU", 0) // self.cores)] if self.cores else []
        rooms += [int(resources.get("GPU", 0) // self.gpus)] if self.gpus else []
        rooms += [int(resources.get("memory", 0) // self.memory)] if self.memory else []
        return min(rooms, default=self.count)

    def fit(self, nodes: Sequence[Mapping[str, Any]]) -> int:
        """The number of workers that fit on all live nodes."""
        return sum(self.on(node) for node in alive(nodes))


def alive(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The nodes that can do work."""
    return [node for node in nodes if node["Alive"]]


def plan_placement(nodes: Sequence[Mapping[str, Any]], *, workers: int | None, memory: int | None) -> Placement:
    """The number of workers that training there would use (`plan_workers`), each with its own copy of the model.

    `nodes` comes from `ray.nodes()`, `memory` is what a worker needs in bytes. Raises ConfigError with the number that
    fits if they do not all fit.
    """
    planned = plan_workers([node["Resources"] for node in alive(nodes)], wanted=workers)
    placement = Placement(planned.count, planned.cores, int(planned.gpus), memory)
    room = placement.fit(nodes)
    if room < placement.count:
        raise ConfigError(_too_many(placement, alive(nodes), room))
    return placement


def _too_many(placement: Placement, nodes: Sequence[Mapping[str, Any]], room: int) -> str:
    """Why the workers do not fit, and what to do."""
    needs = f"{placement.gpus} GPU" if placement.gpus else f"{placement.cores} cores"
    needs += f" and {say.size(placement.memory)} of memory for the model" if placement.memory else ""
    available = "; ".join(
        f"{node['NodeManagerAddress']}: {node['Resources'].get('CPU', 0):g} cores, "
        f"{node['Resources'].get('GPU', 0):g} GPUs, {say.size(node['Resources'].get('memory', 0))}"
        for node in nodes
    )
    remedy = (
        f"Set workers = {room} in [cluster]."
        if room
        else 'Use a smaller model, set dtype = "bfloat16" in [train], or use larger nodes.'
    )
    problem = f"{placement.count} workers do not fit the cluster, {room} do: each takes {needs}."
    return f"{problem}\nThe nodes have {available}.\n{remedy}"


def count_parameters(folder: Path) -> int | None:
    """The number of parameters in a model folder's safetensors, by their headers; None if they cannot be read."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            need_regular(path, error=ModelError)
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
    """The expected maximum of a worker's memory in bytes: weights, keys and values, the process.

    An unset dtype counts as fp32 on a CPU, where only a measurement shows which one is faster.
    """
    bytes_per_number = 1 if quantised else 2 if dtype == "bfloat16" or (dtype is None and gpu) else 4
    return parameters * bytes_per_number + CACHE_BYTES + PROCESS_BYTES


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[Any]:
    """Ray, connected as `[cluster]` says within the block; an existing connection is reused.

    Raises: ConfigError if Ray is not installed, or no suitable cluster answers at the address.
    """
    if not settings.on_ray:
        raise ConfigError(
            '[cluster] address = "processes" is for curating; the workers that evaluate need Ray.\n'
            'Set address = "local" to start it on this machine, or leave out --cluster to evaluate in one process.'
        )
    ray, started = connect(settings)
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()
