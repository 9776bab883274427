"""The training loop: one optimizer step after another, with validation, early stopping, checkpoints and a guard."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ..core import ConfigError, RunBroken, disk_refusals
from .batches import Schedule
from .checkpoint import FitState, PairLosses, read_checkpoint, write_checkpoint
from .examples import Example
from .log import Callback, LossLog, StepReport
from .loss import Gradients, LossPath
from .model.adapter import adapter_weights, load_weights
from .processes import Processes
from .settings import TrainSettings

# --- divergence --------------------------------------------------------------------------------------------------

MOST_SKIPPED = 3  # consecutive steps without a usable gradient: one can be a rare batch in bf16, three are a broken run
SKIPPED_SHARE = 0.25  # of all steps so far, once there are more than three
FIRST_LOOK = 10  # steps: a rate that is far too high shows by then
JUDGED = 3  # latest steps whose median counts: one bad batch means nothing, and a check costs the time of one step
CLIMB = 2.0  # times the lowest loss so far: a reason to check, not to stop
WORSE = 1.5  # times the untuned model's loss on the same pairs: no healthy fit is that high after its first steps
NEXT_LOOK = 0.25  # of the steps so far until the next check: if every check is needed, they cost 3% of 1,000 steps


def is_finite(loss: float | None, norm: float | None) -> bool:
    """Whether a step may be taken: loss and gradient are finite."""
    return loss is not None and norm is not None and math.isfinite(loss) and math.isfinite(norm)


class DivergenceGuard:
    """Watches losses and gradients, in constant time per step, and ends a fit that has diverged.

    Losses alone do not distinguish a diverging fit from one with hard batches. So a loss that looks bad only triggers
    a measurement of the untuned model's loss on the latest pairs: a fit clearly worse than no fit at all has diverged.
    """

    def __init__(self, *, steps: int, learning_rate: float) -> None:
        self.steps, self.learning_rate = steps, learning_rate
        self.step = self.skipped = self.skipped_in_a_row = 0
        self.recent: deque[tuple[int, float]] = deque(maxlen=JUDGED)
        self.lowest, self.untuned, self.next_look = math.inf, math.nan, min(FIRST_LOOK, steps)

    def note(self, loss: float | None, norm: float | None) -> None:
        """Record a step: its loss and its gradient's norm, None or NaN if there were none."""
        self.step += 1
        if loss is not None and is_finite(loss, norm):
            self.skipped_in_a_row = 0
            self.recent.append((self.step, loss))
            if len(self.recent) == JUDGED:
                self.lowest = min(self.lowest, self._now())
        else:
            self.skipped, self.skipped_in_a_row = self.skipped + 1, self.skipped_in_a_row + 1

    def check(self, untuned: Callable[[Sequence[int]], Sequence[float]]) -> None:
        """Stop a fit that has diverged. `untuned` measures the losses of these steps without the adapter.

        Raises: RunBroken with what to change.
        """
        self._check_skipped()
        if not self._suspect():
            return
        self.next_look = self.step + max(FIRST_LOOK, math.ceil(NEXT_LOOK * self.step))
        before = untuned([step for step, _ in self.recent])
        self.untuned = median(before)
        if median(now / max(then, 1e-9) for (_, now), then in zip(self.recent, before, strict=True)) > WORSE:
            raise self._broken(
                f"the loss of the latest pairs is {self._now():.3g}; without the adapter it would be {self.untuned:.3g}",
                f'Lower "learning_rate" (now {self.learning_rate:g}) to a third.',
            )

    def _now(self) -> float:
        return median(loss for _, loss in self.recent)

    def _suspect(self) -> bool:
        if self.step < self.next_look or len(self.recent) < JUDGED:
            return False
        now = self._now()
        return math.isnan(self.untuned) or now > self.untuned or now > CLIMB * self.lowest

    def _check_skipped(self) -> None:
        often = self.skipped > MOST_SKIPPED and self.skipped > SKIPPED_SHARE * self.step
        if not often and self.skipped_in_a_row < min(MOST_SKIPPED, self.steps):
            return
        why = f"the loss or its gradient was not a finite number at {self.skipped} of {self.step} steps"
        if self.skipped == self.step:  # nothing was learnt yet that could have diverged
            raise self._broken(
                f"{why}, starting with the first",
                "The learning rate is not the cause: the model's weights are damaged or too large for the number format. "
                'Try dtype = "float32".',
            )
        raise self._broken(why, f'Lower "learning_rate" (now {self.learning_rate:g}) to a third.')

    def _broken(self, why: str, what_to_do: str) -> RunBroken:
        return RunBroken(f"Training diverged at step {self.step} of {self.steps}: {why}.\n{what_to_do}")


@contextmanager
def untuned(adapted: Any) -> Iterator[None]:
    """Switch the adapter off while the block lasts, whichever method computes its layers.

    With B = 0 the adapter's product is zero; afterwards B is restored bit for bit.
    """
    import torch

    kept = [(p, p.detach().clone()) for name, p in adapted.named_parameters() if "lora_B" in name]
    try:
        with torch.no_grad():
            for parameter, _ in kept:
                parameter.zero_()
        yield
    finally:
        with torch.no_grad():
            for parameter, value in kept:
                parameter.copy_(value)


# --- the loop ----------------------------------------------------------------------------------------------------

CLIP = 1.0  # the gradient's maximum norm
MOMENTS = frozenset({"step", "exp_avg", "exp_avg_sq"})  # AdamW's state per parameter, from its first step on


class Loop:
    """One fit in progress. `settings` are resolved: epochs and learning rate are numbers."""

    def __init__(
        self, path: LossPath, adapted: Any, examples: Sequence[Example], validation: Sequence[Example], *,
        settings: TrainSettings, out: Path, key: str, processes: Processes,
    ) -> None:  # fmt: skip
        self.adapted, self.examples, self.validation, self.settings = adapted, examples, validation, settings
        self.out, self.checkpoint, self.key, self.processes = out, out / "checkpoint.safetensors", key, processes
        self.schedule = Schedule.of(settings, examples, validation)
        self.parameters = [p for p in adapted.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=settings.learning_rate or 0.0, weight_decay=0.0, fused=True
        )
        self.state, self.best = FitState(micro_batch=settings.micro_batch or settings.batch_size), None
        self.pair_losses = PairLosses.of(len(examples))
        self.gradients = Gradients(path, self.parameters, self.schedule, self.state, processes)
        self.guard = DivergenceGuard(steps=self.schedule.steps, learning_rate=settings.learning_rate or 0.0)
        self.log = LossLog(out / "log.jsonl", self.state.log)
        self.checkpoint_notices: list[str] = []

    def run(self, callbacks: Sequence[Callback]) -> None:
        """Run until the last step, or until the validation loss has stopped falling."""
        self.adapted.train()
        if self.processes.first:
            self._delete_partial_files()
            with disk_refusals(self.out):
                self.log.write()  # a fit that was killed may have logged steps after its checkpoint
        while self.state.step < self.schedule.steps and not self.state.stopped_early:
            loss, norm = self._step()
            validation_loss = self._evaluate() if self.state.step in self.schedule.evaluations else None
            report = self._report(loss, norm, validation_loss)
            self.log.append(report, to_file=self.processes.first)
            self.guard.note(loss, norm)
            self.guard.check(self._untuned_losses)
            for callback in callbacks if self.processes.first else ():
                callback(report)
            if self.settings.checkpoint_steps and self.state.step % self.settings.checkpoint_steps == 0:
                self._write_checkpoint()

    def _step(self) -> tuple[float, float]:
        """One optimizer step; its mean loss per learnt token and its gradient's norm before clipping."""
        started, state = time.perf_counter(), self.state
        state.step += 1
        rows = self.schedule.rows(state.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(state.step)
        losses, tokens = self.gradients.backward(rows), [self.examples[i].answer_tokens for i in rows]
        self.pair_losses.note(rows, [loss / count for loss, count in zip(losses, tokens, strict=True)])
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, CLIP).item()
        loss = math.fsum(losses) / sum(tokens)
        if is_finite(loss, norm):
            self.optimizer.step()
        else:  # a gradient that is not finite would make every weight NaN
            state.skipped_steps += 1
        self.optimizer.zero_grad()
        state.tokens += sum(len(self.examples[i].ids) for i in rows)
        state.train_seconds += time.perf_counter() - started
        return loss, norm

    def _evaluate(self) -> float:
        """The validation loss; keeps the best adapter, and ends the fit after too many rounds without improvement."""
        started, state = time.perf_counter(), self.state
        self.adapted.eval()
        loss = self.gradients.mean_loss(self.validation)
        self.adapted.train()
        if math.isfinite(loss) and (state.best_loss is None or loss < state.best_loss):
            state.best_loss, state.best_step, state.bad_evaluations = loss, state.step, 0
            self.best = {name: value.clone() for name, value in adapter_weights(self.adapted).items()}
        else:
            state.bad_evaluations += 1
            state.stopped_early = state.bad_evaluations >= self.settings.patience and state.step < self.schedule.steps
        state.evaluation_seconds += time.perf_counter() - started
        return loss

    def _untuned_losses(self, steps: Sequence[int]) -> list[float]:
        """The losses of these steps' pairs without the adapter."""
        started = time.perf_counter()
        with untuned(self.adapted):
            losses = [self.gradients.mean_loss([self.examples[i] for i in self.schedule.rows(n)]) for n in steps]
        self.state.evaluation_seconds += time.perf_counter() - started
        return losses

    def keep_best(self) -> None:
        """Restore the best adapter in the model."""
        if self.best is not None:
            load_weights(self.adapted, self.best)

    # --- progress -------------------------------------------------------------------------------------------------

    def tokens_per_second(self) -> float:
        """Real tokens per second over the steps so far, all processes together."""
        return self.state.tokens / max(self.state.train_seconds, 1e-9)

    def notices(self) -> list[str]:
        """What went differently than planned in this process."""
        return [*self.gradients.notices, *self.log.notices, *self.checkpoint_notices]

    def _report(self, loss: float, norm: float, validation_loss: float | None) -> StepReport:
        step, schedule = self.state.step, self.schedule
        return StepReport(
            step=step, steps=schedule.steps, epoch=schedule.epoch(step), train_loss=loss,
            validation_loss=validation_loss, learning_rate=schedule.learning_rate(step), gradient_norm=norm,
            tokens_per_second=self.tokens_per_second(), seconds_left=self._seconds_left(),
        )  # fmt: skip

    def _seconds_left(self) -> float:
        state, evaluations = self.state, self.schedule.evaluations
        done = sum(step <= state.step for step in evaluations)
        per_evaluation = state.evaluation_seconds / done if done else 0.0
        training = (self.schedule.steps - state.step) * state.train_seconds / state.step
        return training + (len(evaluations) - done) * per_evaluation

    # --- checkpoints ----------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Continue from the checkpoint if there is one; the first process reads it for all.

        Raises: ConfigError if another version of Tuneworth wrote it.
        """
        mine = self.processes.first and self.checkpoint.is_file()
        try:
            found = self.processes.from_first(read_checkpoint(self.checkpoint, key=self.key) if mine else None)
            if found is None:
                return
            names = {frozenset(found.moments.get(i, ())) for i in range(len(self.parameters))}
            if names not in ({MOMENTS}, {frozenset()}):
                raise KeyError("moments")  # torch would only fail at the next step
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": found.moments, "param_groups": groups})
            load_weights(self.adapted, found.adapter)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # parts are missing or unexpected
            raise ConfigError(
                f"{self.checkpoint}: another version of Tuneworth wrote this checkpoint.\n"
                "Delete it to start over, or continue with the version that wrote it."
            ) from error
        found.state.micro_batch = min(found.state.micro_batch, self.state.micro_batch)
        self.state, self.pair_losses, self.best = found.state, found.pair_losses, found.best
        self.gradients.state, self.log.lines = self.state, self.state.log
        for line in self.state.log:
            self.guard.note(line["train_loss"], line["gradient_norm"])

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
            self.checkpoint_notices.append(
                f"the checkpoint of step {self.state.step} could not be written ({error.strerror or error}); "
                "a fit that is interrupted would resume from an earlier one"
            )
        self.state.checkpoint_seconds += time.perf_counter() - started

    def _delete_partial_files(self) -> None:
        """Delete partial files of a fit that was killed while writing."""
        for name in (self.checkpoint.name, "log.jsonl", "pair_losses.jsonl", "trainer_state.json", "summary.json"):
            for part in self.out.glob(f".{name}.*.part"):
                part.unlink(missing_ok=True)
