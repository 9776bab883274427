"""The training loop: one object per fit, and everything that happens at a step."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..core import ConfigError, RunBroken, disk_refusals, write_whole
from .batches import epoch_order
from .checkpoint import FitState, PairLosses, read_checkpoint, write_checkpoint
from .examples import Example
from .model.adapter import adapter_weights, load_weights
from .model.memory import out_of_memory
from .processes import Processes
from .settings import TrainSettings, evaluation_steps
from .steps import Course, LossPath, learning_rate, sound, summed_loss, untuned

__all__ = ["Callback", "Loop", "StepReport"]

CLIP = 1.0  # the gradient's maximum norm
MOMENTS = frozenset({"step", "exp_avg", "exp_avg_sq"})  # AdamW's state per parameter, from its first step on


@dataclass(frozen=True)
class StepReport:
    """One optimizer step, for callbacks. Losses are means per learnt token; `validation_loss` None: not measured."""

    step: int
    steps: int
    epoch: float
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    seconds_left: float


Callback = Callable[[StepReport], None]


class Loop:
    """One fit in progress. `settings` are resolved: epochs and learning rate are numbers."""

    def __init__(
        self,
        path: LossPath,
        adapted: Any,
        examples: Sequence[Example],
        held_out: Sequence[Example],
        *,
        settings: TrainSettings,
        out: Path,
        key: str,
        processes: Processes,
    ) -> None:
        self.path, self.adapted, self.settings, self.processes = path, adapted, settings, processes
        self.examples, self.held_out = examples, held_out
        self.top = settings.learning_rate or 0.0
        self.parameters = [p for p in adapted.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=self.top, weight_decay=0.0, fused=True)
        self.out, self.checkpoint, self.key = out, out / "checkpoint.safetensors", key
        self.state, self.best = FitState(micro_batch=settings.micro_batch or settings.batch_size), None
        self.pair_losses = PairLosses.of(len(examples))
        self.per_epoch = math.ceil(len(examples) / settings.batch_size)
        self.steps = settings.max_steps or (settings.epochs or 1) * self.per_epoch
        self.marks = self._marks() if held_out else []
        self.epoch, self.order = -1, []
        self.course = Course(steps=self.steps, learning_rate=self.top)
        self.notices: list[str] = []
        self.log_whole = False

    def _marks(self) -> list[int]:
        tokens = sum(len(e.ids) for e in self.examples) * self.steps // self.per_epoch
        return evaluation_steps(
            self.steps, train_tokens=tokens, validation_tokens=sum(len(e.ids) for e in self.held_out)
        )

    def resume(self) -> None:
        """Resume from the checkpoint, if there is one: the first process reads it for all."""
        mine = self.processes.first and self.checkpoint.is_file()
        try:
            found = self.processes.from_first(read_checkpoint(self.checkpoint, key=self.key) if mine else None)
            if found is None:
                return
            if {frozenset(found.moments.get(i, ())) for i in range(len(self.parameters))} not in (
                {MOMENTS},
                {frozenset()},
            ):
                raise KeyError("moments")  # torch would only fail at the next step
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": found.moments, "param_groups": groups})
            load_weights(self.adapted, found.adapter)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # parts are missing or unexpected
            raise ConfigError(
                f"{self.checkpoint}: this checkpoint was written by another version of Tuneworth.\n"
                "Delete it to start anew, or go on with the version that wrote it."
            ) from error
        found.state.micro_batch = min(found.state.micro_batch, self.state.micro_batch)
        self.state, self.pair_losses, self.best = found.state, found.pair_losses, found.best
        for line in self.state.log:
            self.course.note(line["train_loss"], line["gradient_norm"])

    def run(self, callbacks: Sequence[Callback]) -> None:
        """Run until the last step, or until the validation loss has stopped falling."""
        state = self.state
        self.adapted.train()
        if self.processes.first:
            self._clear_parts()
            with disk_refusals(self.out):
                self.write_log()  # rewritten from the checkpoint: later lines will be written again
        while state.step < self.steps and not state.stopped_early:
            started = time.perf_counter()
            loss, norm = self._step()
            state.train_seconds += time.perf_counter() - started
            validation_loss = self._evaluate() if state.step in self.marks else None
            self._log(loss, norm, validation_loss)
            self.course.note(loss, norm)
            self.course.check(self._untuned_losses)
            for callback in callbacks if self.processes.first else ():
                callback(self._report(loss, norm, validation_loss))
            if self.settings.checkpoint_steps and state.step % self.settings.checkpoint_steps == 0:
                self._write_checkpoint()

    def _clear_parts(self) -> None:
        """Delete partial files of a fit that was killed while writing."""
        for name in (self.checkpoint.name, "log.jsonl", "pair_losses.jsonl", "trainer_state.json", "summary.json"):
            for part in self.out.glob(f".{name}.*.part"):
                part.unlink(missing_ok=True)

    def _step(self) -> tuple[float, float]:
        """One optimizer step; its mean loss per learnt token and its gradient's norm before clipping."""
        state = self.state
        state.step += 1
        rows = self._rows(state.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate_of(state.step)
        total = self._gradients(rows)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, CLIP).item()
        loss = total / sum(self.examples[i].answer_tokens for i in rows)
        if sound(loss, norm):
            self.optimizer.step()
        else:  # a gradient that is not finite would make every weight NaN
            state.skipped_steps += 1
        self.optimizer.zero_grad()
        state.tokens += sum(len(self.examples[i].ids) for i in rows)
        return loss, norm

    def _rows(self, step: int) -> list[int]:
        """The train pairs of step 1, 2, ..."""
        epoch, place = divmod(step - 1, self.per_epoch)
        if epoch != self.epoch:
            size, seed = self.settings.batch_size, self.settings.seed
            self.epoch, self.order = epoch, epoch_order(self.examples, size=size, seed=seed, epoch=epoch)
        return self.order[place]

    def _untuned_losses(self, steps: Sequence[int]) -> list[float]:
        """The losses of these steps as they would be without the adapter."""
        started = time.perf_counter()
        with untuned(self.adapted):
            losses = [self._mean_loss([self.examples[i] for i in self._rows(step)]) for step in steps]
        self.state.evaluation_seconds += time.perf_counter() - started
        return losses

    def _mean_loss(self, examples: Sequence[Example]) -> float:
        """The loss per learnt token, computed by all processes together."""
        mine = [examples[i] for i in self.processes.share(range(len(examples)))]
        found = torch.tensor(self._summed_loss(mine), dtype=torch.float64)
        self.processes.sum([found])
        return float(found[0] / found[1])

    def _summed_loss(self, examples: Sequence[Example]) -> tuple[float, int]:
        size = 2 * self.state.micro_batch  # nothing is stored for a backward pass
        while True:
            try:
                return summed_loss(self.path, examples, size=size)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if size == 1:
                    raise self._no_memory() from error
                size = math.ceil(size / 2)

    def _gradients(self, rows: Sequence[int]) -> float:
        """Gradients of the batch in place, summed over parts and processes; returns its summed loss."""
        sums = self._own_gradients(rows)
        if self.processes.count > 1:
            for parameter in self.parameters:
                if parameter.grad is None:  # this process had no row of a small batch
                    parameter.grad = torch.zeros_like(parameter)
            self.processes.sum([*(p.grad for p in self.parameters), sums])
        found = sums.tolist()
        counts = [self.examples[i].answer_tokens for i in rows]
        self.pair_losses.note(rows, [a / b for a, b in zip(found, counts, strict=True)])
        return math.fsum(found)

    def _own_gradients(self, rows: Sequence[int]) -> torch.Tensor:
        """Gradients of this process's rows of the batch; each row's summed loss `(rows,)`, 0 for those of others."""
        while True:
            try:
                return self._in_parts(rows)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                self.optimizer.zero_grad()
                self._smaller_parts(error)

    def _in_parts(self, rows: Sequence[int]) -> torch.Tensor:
        labels = sum(self.examples[i].answer_tokens for i in rows)  # of the whole step, not of a part of it
        sums = torch.zeros(len(rows), dtype=torch.float32, device=self.path.base.device)
        mine, size = self.processes.share(range(len(rows))), self.state.micro_batch
        for start in range(0, len(mine), size):
            part = mine[start : start + size]
            loss = self.path.loss(self.path.batch([self.examples[rows[i]] for i in part]))
            (loss.total / labels).backward()
            sums[part] = loss.rows
        return sums

    def _smaller_parts(self, error: BaseException) -> None:
        """Halve the number of pairs in memory from here on.

        Raises: RunBroken if it cannot be halved further.
        """
        state = self.state
        if state.micro_batch == 1:
            raise self._no_memory() from error
        was = min(state.micro_batch, math.ceil(self.settings.batch_size / self.processes.count))
        state.micro_batch = math.ceil(was / 2)
        if self.path.base.device.type == "cuda":
            torch.cuda.empty_cache()  # blocks cached for larger parts do not suit smaller ones
        self.notices.append(
            f"out of memory at step {state.step} with {was} pairs at once: from there on {state.micro_batch} at once"
        )

    def _no_memory(self) -> RunBroken:
        return RunBroken(
            f"Out of memory at step {self.state.step} of {self.steps}, with one pair in memory at once.\n"
            "Set gradient_checkpointing = true, lower rank, leave out the longest pairs, or take a smaller model."
        )

    def _evaluate(self) -> float:
        """The validation loss; the best adapter is kept, and too many evaluations without improvement end the fit."""
        started = time.perf_counter()
        self.adapted.eval()
        loss = self._mean_loss(self.held_out)
        self.adapted.train()
        state = self.state
        if math.isfinite(loss) and (state.best_loss is None or loss < state.best_loss):
            state.best_loss, state.best_step, state.bad_evaluations = loss, state.step, 0
            self.best = {name: value.clone() for name, value in adapter_weights(self.adapted).items()}
        else:
            state.bad_evaluations += 1
            state.stopped_early = state.bad_evaluations >= self.settings.patience and state.step < self.steps
        state.evaluation_seconds += time.perf_counter() - started
        return loss

    def keep_best(self) -> None:
        """Restore the best adapter in the model."""
        if self.best is not None:
            load_weights(self.adapted, self.best)

    def _log(self, loss: float, norm: float, validation_loss: float | None) -> None:
        state = self.state
        line = {
            "step": state.step,
            "epoch": round(state.step / self.per_epoch, 4),
            "train_loss": _number(loss),
            "validation_loss": _number(validation_loss),
            "learning_rate": self._rate_of(state.step),
            "gradient_norm": _number(norm),
        }
        state.log.append(line)
        if self.processes.first:
            self._append_to_log(line)

    def _append_to_log(self, line: dict[str, Any]) -> None:
        """A failed write does not end the fit: the whole log is written again with the next line, and at the end."""
        try:
            if not self.log_whole:
                return self.write_log()
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        except OSError as error:
            if self.log_whole:
                why = error.strerror or error
                self.notices.append(f"from step {self.state.step} on log.jsonl could not always be written ({why})")
            self.log_whole = False

    def write_log(self) -> None:
        """All lines of `log.jsonl` so far.

        Raises: OSError if the disk fails.
        """
        write_whole(self.out / "log.jsonl", "".join(json.dumps(line) + "\n" for line in self.state.log))
        self.log_whole = True

    def _report(self, loss: float, norm: float, validation_loss: float | None) -> StepReport:
        step = self.state.step
        return StepReport(
            step, self.steps, step / self.per_epoch, loss, validation_loss, self._rate_of(step), norm, self.rate(),
            self._seconds_left(),
        )  # fmt: skip

    def _rate_of(self, step: int) -> float:
        return learning_rate(step, steps=self.steps, top=self.top)

    def rate(self) -> float:
        """Real tokens per second over the steps so far, all processes together."""
        return self.state.tokens / max(self.state.train_seconds, 1e-9)

    def _seconds_left(self) -> float:
        state = self.state
        done = sum(mark <= state.step for mark in self.marks)
        each = state.evaluation_seconds / done if done else 0.0
        return (self.steps - state.step) * state.train_seconds / state.step + (len(self.marks) - done) * each

    def _write_checkpoint(self) -> None:
        """A checkpoint that cannot be written costs the ability to resume, not the fit."""
        if not self.processes.first:
            return
        started = time.perf_counter()
        try:
            write_checkpoint(
                self.checkpoint, self.state, adapter=adapter_weights(self.adapted), optimizer=self.optimizer,
                best=self.best, pair_losses=self.pair_losses, key=self.key,
            )  # fmt: skip
        except OSError as error:
            self.notices.append(
                f"the checkpoint of step {self.state.step} could not be written ({error.strerror or error}): a fit that is "
                "stopped goes on from the one before it"
            )
        self.state.checkpoint_seconds += time.perf_counter() - started


def _number(value: float | None) -> float | None:
    """JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None
