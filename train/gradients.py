"""Gradients and losses of a batch in parts that fit in memory, summed over all processes."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from ..core import RunBroken, is_out_of_memory
from .checkpoint import FitState
from .examples import Example
from .loss import LossPath, summed_loss
from .processes import Processes
from .schedule import Schedule

__all__ = ["Gradients"]


class Gradients:
    """Computes a step in parts of `state.micro_batch` pairs. A part that runs out of memory is halved for good."""

    def __init__(
        self, path: LossPath, parameters: Sequence[Any], schedule: Schedule, state: FitState, processes: Processes
    ) -> None:
        self.path, self.parameters, self.schedule, self.state = path, parameters, schedule, state
        self.processes = processes
        self.notices: list[str] = []

    def backward(self, rows: Sequence[int]) -> list[float]:
        """Leave the gradients of these pairs' mean loss in the parameters; each pair's summed loss.

        Raises: RunBroken if even one pair at a time runs out of memory.
        """
        while True:
            try:
                sums = self._in_parts(rows)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                for parameter in self.parameters:
                    parameter.grad = None
                self._smaller_parts(error)
        if self.processes.count > 1:
            for parameter in self.parameters:
                if parameter.grad is None:  # this process had no pair of a small batch
                    parameter.grad = torch.zeros_like(parameter)
            self.processes.sum([*(p.grad for p in self.parameters), sums])
        return sums.tolist()

    def mean_loss(self, examples: Sequence[Example]) -> float:
        """The loss per learnt token without gradients."""
        mine = [examples[i] for i in self.processes.share(range(len(examples)))]
        loss_and_labels = torch.tensor(self._summed_loss(mine), dtype=torch.float64)
        self.processes.sum([loss_and_labels])
        return float(loss_and_labels[0] / loss_and_labels[1])

    def _in_parts(self, rows: Sequence[int]) -> torch.Tensor:
        """Each row's summed loss `(rows,)`, 0 for the rows of other processes."""
        examples = self.schedule.examples
        labels = sum(examples[i].answer_tokens for i in rows)  # of the whole step, not of a part of it
        sums = torch.zeros(len(rows), dtype=torch.float32, device=self.path.base.device)
        mine, size = self.processes.share(range(len(rows))), self.state.micro_batch
        for start in range(0, len(mine), size):
            part = mine[start : start + size]
            loss = self.path.loss(self.path.batch([examples[rows[i]] for i in part]))
            (loss.total / labels).backward()
            sums[part] = loss.rows
        return sums

    def _summed_loss(self, examples: Sequence[Example]) -> tuple[float, int]:
        size = 2 * self.state.micro_batch  # nothing is stored for a backward pass
        while True:
            try:
                return summed_loss(self.path, examples, size=size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise self._no_memory() from error
                size = math.ceil(size / 2)

    def _smaller_parts(self, error: BaseException) -> None:
        """Halve the number of pairs in memory from here on.

        Raises: RunBroken if it cannot be halved further.
        """
        state = self.state
        if state.micro_batch == 1:
            raise self._no_memory() from error
        before = min(state.micro_batch, math.ceil(self.schedule.settings.batch_size / self.processes.count))
        state.micro_batch = math.ceil(before / 2)
        if self.path.base.device.type == "cuda":
            torch.cuda.empty_cache()  # blocks cached for larger parts do not suit smaller ones
        self.notices.append(
            f"step {state.step} ran out of memory with {before} pairs at once; from then on {state.micro_batch} at once"
        )

    def _no_memory(self) -> RunBroken:
        return RunBroken(
            f"Out of memory at step {self.state.step} of {self.schedule.steps}, with one pair in memory at a time.\n"
            "Set gradient_checkpointing = true, lower rank, leave out the longest pairs, or take a smaller model."
        )
