"""The state of a fit in one file, so that a killed fit resumes to the same result as an uninterrupted one."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..core import ConfigError, write_whole


@dataclass
class FitState:
    """The state that changes while a fit runs, besides adapter and optimizer; mutable because the loop updates it.

    No random state: the order of the batches is a pure function of seed and epoch, and there is no dropout.
    """

    step: int = 0
    tokens: int = 0
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    checkpoint_seconds: float = 0.0
    best_step: int | None = None
    best_loss: float | None = None
    bad_evaluations: int = 0
    skipped_steps: int = 0
    micro_batch: int = 0  # pairs in memory at once, may have been halved; other sizes round differently
    stopped_early: bool = False
    log: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PairLosses:
    """Each train pair's loss per learnt token, just before the steps that first and last saw it; NaN if none did."""

    first: list[float]
    last: list[float]

    @classmethod
    def of(cls, pairs: int) -> "PairLosses":
        """No pair seen yet."""
        return cls([math.nan] * pairs, [math.nan] * pairs)

    def note(self, rows: Sequence[int], losses: Sequence[float]) -> None:
        """Record the losses of these pairs at this step."""
        for row, loss in zip(rows, losses, strict=True):
            if math.isnan(self.first[row]):
                self.first[row] = loss
            self.last[row] = loss


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint; `best` None: no validation loss was measured yet, `moments` are the optimizer's."""

    state: FitState
    adapter: dict[str, Any]
    moments: dict[int, dict[str, Any]]
    best: dict[str, Any] | None
    pair_losses: PairLosses


def write_checkpoint(
    path: Path,
    state: FitState,
    *,
    adapter: dict[str, Any],
    optimizer: Any,
    best: dict[str, Any] | None,
    pair_losses: PairLosses,
    key: str,
) -> None:
    """Everything as one safetensors file, written atomically."""
    import torch
    from safetensors.torch import save

    tensors = {f"adapter/{name}": value for name, value in adapter.items()}
    for name, value in (best or {}).items():
        tensors[f"best/{name}"] = value
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimizer/{index}/{name}"] = value
    for name, values in asdict(pair_losses).items():
        tensors[f"pairs/{name}"] = torch.tensor(values, dtype=torch.float64)
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_whole(path, save(tensors, metadata={"state": json.dumps(asdict(state)), "key": key}))


def read_checkpoint(path: Path, *, key: str) -> Checkpoint:
    """The content of the file, on the CPU. `key` names model, data and settings.

    Raises ConfigError if the checkpoint was made by other data, another model or other settings, or is damaged;
    KeyError, TypeError or ValueError if a part is missing or unexpected.
    """
    from safetensors import SafetensorError, safe_open

    parts: dict[str, dict[str, Any]] = {"adapter": {}, "best": {}, "optimizer": {}, "pairs": {}}
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("key") != key:
                raise ConfigError(
                    f"{path}: this checkpoint was made with other pairs, another model or other settings.\n"
                    "Restore them, or start over with `tuneworth train --again`."
                )
            for name in file.keys():  # noqa: SIM118 - not a dict
                part, rest = name.split("/", 1)
                parts[part][rest] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{path}: this checkpoint cannot be read ({error}).\nDelete it to start over.") from error
    moments: dict[int, dict[str, Any]] = {}
    for name, value in parts["optimizer"].items():
        index, moment = name.split("/")
        moments.setdefault(int(index), {})[moment] = value
    losses = PairLosses(parts["pairs"]["first"].tolist(), parts["pairs"]["last"].tolist())
    state = json.loads(metadata["state"])
    if missing := {field.name for field in fields(FitState)} - state.keys():
        raise KeyError(*sorted(missing))
    return Checkpoint(FitState(**state), parts["adapter"], moments, parts["best"] or None, losses)
