"""A model in a process of its own that writes outputs for others: loaded once, one batch of requests after the other."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...style import ModelError, sha256_file
from .generate import Generation, Requests, writing

if TYPE_CHECKING:
    from ...train import LoadedModel

__all__ = ["Outline", "Wanted", "Worker", "outline"]


@dataclass(frozen=True)
class Outline:
    """What stands in a LoadedModel in place of the model where its weights lie in another process.

    Enough to plan requests, to say what outputs are made of, and to read the answers; it computes nothing.
    """

    config: Any  # transformers.PretrainedConfig
    generation_config: Any
    dtype: Any  # torch.dtype
    device: Any  # torch.device, that of the process which holds the weights
    is_quantized: bool


@dataclass(frozen=True)
class Wanted:
    """A list of requests and how they are written on: the arguments of `writing`, to be sent to a worker.

    `adapter` is a folder that every worker reaches under the same path, `files` the SHA-256 of its files by name.
    """

    requests: Requests
    adapter: Path | None
    files: tuple[tuple[str, str], ...]
    temperature: float
    seed: int
    streams: tuple[str, ...] | None


class Worker:
    """Holds one model; first `load`, then `begin` with a list of requests, then `write` batches of that list."""

    def __init__(self) -> None:
        self._loaded: LoadedModel | None = None
        self._open = ExitStack()
        self._write: Callable[[int, Sequence[int]], Iterator[list[Generation]]] | None = None

    def load(self, name: str, *, dtype: str | None, quantised: bool, threads: int | None) -> "LoadedModel":
        """Load the model, with this many threads of torch (None: as many as there are cores); its outline.

        Raises: ModelError as `load_model` does.
        """
        import torch

        from ...train import load_model
        from ...train.threads import set_threads

        if threads is not None:
            torch.set_num_threads(threads)
        set_threads()
        with _named():
            self._loaded = load_model(name, dtype=dtype, quantised=quantised)
        return outline(self._loaded)

    def begin(self, wanted: Wanted) -> None:
        """Make ready for the batches of this list: the adapter is merged once, for all of them.

        Raises: ModelError where the adapter is missing here, is another one than meant, or does not fit.
        """
        assert self._loaded is not None, "load comes first"
        self._open.close()  # of the list before
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
    """Say on which machine a model or an adapter is missing or unfit."""
    try:
        yield
    except ModelError as error:
        raise ModelError(
            f"On the node {platform.node()}: {error}\nEvery node must reach models and adapters under the same path: "
            "a folder that all of them share, or for a model its name on the hub."
        ) from None


def outline(loaded: "LoadedModel") -> "LoadedModel":
    """The same model without its weights: small enough to be sent to another machine."""
    model = loaded.model
    return replace(
        loaded, model=Outline(model.config, model.generation_config, model.dtype, model.device, loaded.quantised)
    )
