"""How many workers a cluster takes and what each of them gets: a GPU or cores, and the memory of one model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...style import ConfigError
from ...train.distributed import plan_workers
from .generate import CACHE_BYTES
from .packed import MOST

__all__ = ["Places", "count_parameters", "plan_places", "worker_bytes"]

PROCESS_BYTES = 2**30  # Python, torch, the tokenizer; 0.75 GB beside the weights right after loading the default model
GB = 10**9


@dataclass(frozen=True)
class Places:
    """`count` workers, each with so many cores and GPUs and so many bytes of its node's memory (None: not known)."""

    count: int
    cores: int
    gpus: int
    memory: int | None

    def on(self, node: Mapping[str, Any]) -> int:
        """How many of them find room on a node, one entry of `ray.nodes()`, while nobody else uses it."""
        has = node["Resources"]
        rooms = [int(has.get("CPU", 0) // self.cores)] if self.cores else []
        rooms += [int(has.get("GPU", 0) // self.gpus)] if self.gpus else []
        rooms += [int(has.get("memory", 0) // self.memory)] if self.memory else []
        return min(rooms, default=self.count)

    def fit(self, nodes: Sequence[Mapping[str, Any]]) -> int:
        """How many of them find room on all living nodes together."""
        return sum(self.on(node) for node in living(nodes))


def living(nodes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The nodes that can be given work."""
    return [node for node in nodes if node["Alive"]]


def plan_places(nodes: Sequence[Mapping[str, Any]], *, workers: int | None, memory: int | None) -> Places:
    """As many workers as a fit there would have (`plan_workers`), each with a model of its own.

    `nodes` are those of `ray.nodes()`, `memory` the bytes that a worker needs. Raises ConfigError where they do not
    fit, with how many do.
    """
    planned = plan_workers([node["Resources"] for node in living(nodes)], wanted=workers)
    places = Places(planned.count, planned.cores, int(planned.gpus), memory)
    room = places.fit(nodes)
    if room < places.count:
        raise ConfigError(_too_many(places, living(nodes), room))
    return places


def _too_many(places: Places, nodes: Sequence[Mapping[str, Any]], room: int) -> str:
    """Why the workers do not fit, and what to do."""
    each = f"{places.gpus} GPU" if places.gpus else f"{places.cores} cores"
    each += f" and {places.memory / GB:.1f} GB of memory for the model" if places.memory else ""
    has = "; ".join(
        f"{node['NodeManagerAddress']}: {node['Resources'].get('CPU', 0):g} cores, "
        f"{node['Resources'].get('GPU', 0):g} GPUs, {node['Resources'].get('memory', 0) / GB:.1f} GB"
        for node in nodes
    )
    remedy = (
        f"[cluster] workers = {room} fits."
        if room
        else 'A smaller model fits, or dtype = "bfloat16" in [train], or larger nodes.'
    )
    return (
        f"{places.count} workers do not fit the cluster, {room} do: each takes {each}.\nThe nodes have {has}.\n{remedy}"
    )


def count_parameters(folder: Path) -> int | None:
    """The numbers in a model folder's safetensors, by their headers alone; None where none can be read."""
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
            return None  # loading will say what is wrong
    return total or None


def worker_bytes(parameters: int, *, dtype: str | None, quantised: bool, gpu: bool) -> int:
    """The most bytes of a node's memory that a worker is expected to take: weights, keys and values, the process.

    A dtype that is left open counts as fp32 on a CPU, where the faster one is only known once it was measured.
    """
    each = 1 if quantised else 2 if dtype == "bfloat16" or (dtype is None and gpu) else 4
    weights = parameters * each
    # On a CPU the weights in bf16 lie in memory twice, arranged for its products.
    twice = weights if dtype == "bfloat16" and not gpu and weights <= MOST else 0
    return weights + twice + CACHE_BYTES + PROCESS_BYTES
