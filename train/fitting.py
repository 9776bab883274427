"""Fit a LoRA on pairs: the loop, its log, its checkpoints and what it leaves behind."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import torch

from ..style.errors import DataError, RunBroken
from ..style.files import write_whole
from .adapter import adapter_weights, load_weights, write_adapter
from .attention import sequence_attention
from .batches import epoch_order
from .checkpoint import FitState, read_checkpoint, write_checkpoint
from .examples import Example, to_examples
from .lora import attach_adapter, detach_adapter, lora_layers, replace_forward, restore_forward
from .memory import peak_memory_bytes
from .model import LoadedModel
from .settings import TrainSettings
from .steps import LossPath, learning_rate, mean_loss, split_head

__all__ = ["Progress", "TrainResult", "fit"]

EVALUATIONS = 5  # of the validation loss over a fit: enough to see it turn, about a sixth of the time on the example
CLIP = 1.0  # the gradient's largest norm

Progress = Callable[[int, int, float, float | None, float, float], None]
"""Called after each step with step, steps, train loss, validation loss (None: not measured now), tokens per second
and seconds left."""


@dataclass(frozen=True)
class TrainResult:
    """What a fit did. Losses are means per learnt token; `train_loss` is that of the last epoch's steps.

    `validation_loss` is the best one, at `best_step`, whose adapter was kept; None without validation pairs.
    `tokens_per_second` counts real tokens, prompt and output, over the steps alone.
    """

    adapter: Path
    steps: int
    seconds: float
    tokens_per_second: float
    train_loss: float
    validation_loss: float | None
    best_step: int
    stopped_early: bool
    trainable_parameters: int
    peak_memory_bytes: int
    dtype: str
    train_pairs: int
    validation_pairs: int
    longest_tokens: int
    log: tuple[dict[str, Any], ...]
    notices: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """What stands in `summary.json`."""
        table = {name: value for name, value in asdict(self).items() if name not in ("adapter", "log")}
        return {**table, "notices": list(self.notices)}


def fit(
    train: pl.DataFrame,
    validation: pl.DataFrame,
    *,
    model: LoadedModel,
    settings: TrainSettings,
    out: Path,
    progress: Progress | None = None,
    resume: bool = False,
) -> TrainResult:
    """Fit a LoRA on the train pairs and keep the adapter with the best validation loss.

    Both tables hold id, input, output and optionally system. Writes `adapter/`, `log.jsonl` and `summary.json` into
    `out`; `resume` goes on from the checkpoint there, with the same result as a fit that was never stopped. The
    model in memory is afterwards as it was before. Same seed, same adapter (same machine and threads).
    Raises DataError without train pairs or with unfit ones, RunBroken where the loss is no longer a number.
    """
    if train.is_empty():
        raise DataError(
            "There are no train pairs: nothing to learn from.\nSee the ledger of the curated data for where they went."
        )
    examples = to_examples(train, model=model)
    held_out = to_examples(validation, model=model) if len(validation) else []
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        adapted = attach_adapter(
            model.model, rank=settings.rank, alpha=settings.alpha, seed=settings.seed, name=model.base_name
        )
        stack.callback(detach_adapter, model.model)
        loop = _Loop(adapted, model, examples, held_out, settings, out, stack)
        result = loop.run(progress=progress, resume=resume)
        loop.keep_best()
        write_adapter(out / "adapter", adapted, model=model, settings=settings, result=result)
    write_whole(out / "summary.json", json.dumps(result.summary(), indent=1) + "\n")
    loop.checkpoint.unlink(missing_ok=True)
    return result


class _Loop:
    """One fit in progress."""

    def __init__(
        self,
        adapted: Any,
        model: LoadedModel,
        examples: Sequence[Example],
        held_out: Sequence[Example],
        settings: TrainSettings,
        out: Path,
        stack: ExitStack,
    ) -> None:
        self.adapted, self.model, self.settings, self.out = adapted, model, settings, out
        self.examples, self.held_out = examples, held_out
        self.base = adapted.get_base_model()
        self.parameters = [p for p in adapted.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=settings.learning_rate, weight_decay=0.0, fused=True)
        self.checkpoint = out / "checkpoint.safetensors"
        self.key = _key(model, examples, held_out, settings)
        self.state, self.best = FitState(), None
        self.per_epoch = math.ceil(len(examples) / settings.batch_size)
        self.steps = settings.max_steps or settings.epochs * self.per_epoch
        self.marks = sorted({math.ceil(self.steps * i / EVALUATIONS) for i in range(1, EVALUATIONS + 1)})
        self.epoch, self.order = -1, []
        self.notices: list[str] = []
        self._prepare(stack)

    def _prepare(self, stack: ExitStack) -> None:
        """Take the fast paths that fit this model, and say so where one does not."""
        if self.base.dtype == torch.bfloat16:  # in fp32 peft's own forward is as fast
            stack.callback(restore_forward, self.adapted)
            if stock := replace_forward(self.adapted):
                self.notices.append(
                    f"{stock} of {len(lora_layers(self.adapted))} layers keep peft's own, slower forward"
                )
        longest = max(len(e.ids) for e in [*self.examples, *self.held_out])
        use = stack.enter_context(sequence_attention(self.base, longest=longest))
        self.path = LossPath(self.base, split_head(self.base, self.examples[0]), use)
        if use is None:
            self.notices.append(
                "this model's attention is its own: batches are padded, beginnings computed in each row"
            )
        if self.path.parts is None:
            self.notices.append("this model's logits are made at every position, which is slower and takes more memory")
        if not self.held_out:
            self.notices.append("no validation pairs: all epochs are trained and nothing shows overfitting")

    def run(self, *, progress: Progress | None, resume: bool) -> TrainResult:
        """Step until the last step or until the validation loss has stopped falling."""
        if resume and self.checkpoint.is_file():
            self.state, weights, self.best = read_checkpoint(self.checkpoint, optimizer=self.optimizer, key=self.key)
            load_weights(self.adapted, weights)
        self._write_log()
        state = self.state
        self.adapted.train()
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as log:
            while state.step < self.steps and not state.stopped_early:
                started = time.perf_counter()
                train_loss = self._step()
                state.train_seconds += time.perf_counter() - started
                validation_loss = self._evaluate() if self.held_out and state.step in self.marks else None
                state.log.append({"step": state.step, "train_loss": train_loss, "validation_loss": validation_loss})
                log.write(json.dumps(state.log[-1]) + "\n")
                log.flush()
                if progress:
                    progress(state.step, self.steps, train_loss, validation_loss, self._rate(), self._seconds_left())
                if self.settings.checkpoint_steps and state.step % self.settings.checkpoint_steps == 0:
                    self._write_checkpoint()
        return self._result()

    def _step(self) -> float:
        """One optimizer step; returns its mean loss per learnt token."""
        self.state.step += 1
        step = self.state.step
        epoch, place = divmod(step - 1, self.per_epoch)
        if epoch != self.epoch:
            size, seed = self.settings.batch_size, self.settings.seed
            self.epoch, self.order = epoch, epoch_order(self.examples, size=size, seed=seed, epoch=epoch)
        batch = self.path.batch([self.examples[i] for i in self.order[place]])
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, steps=self.steps, top=self.settings.learning_rate)
        loss = self.path.loss(batch).total / len(batch.labels)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, CLIP)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise RunBroken(
                f"Training diverged at step {step} of {self.steps}: the loss is no longer a number.\n"
                f'Lower "learning_rate" (now {self.settings.learning_rate:g}) to a third of that.'
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.state.tokens += batch.tokens
        return loss.item()

    def _evaluate(self) -> float:
        """The validation loss; the best adapter so far is kept, and too many bad ones in a row end the fit."""
        started = time.perf_counter()
        self.adapted.eval()
        loss = mean_loss(self.path, self.held_out, size=2 * self.settings.batch_size)
        self.adapted.train()
        state = self.state
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_step, state.bad_evaluations = loss, state.step, 0
            self.best = {name: value.clone() for name, value in adapter_weights(self.adapted).items()}
        else:
            state.bad_evaluations += 1
            state.stopped_early = state.bad_evaluations >= self.settings.patience and state.step < self.steps
        state.evaluation_seconds += time.perf_counter() - started
        return loss

    def keep_best(self) -> None:
        """Put the best adapter back into the model."""
        if self.best is not None:
            load_weights(self.adapted, self.best)

    def _rate(self) -> float:
        return self.state.tokens / max(self.state.train_seconds, 1e-9)

    def _seconds_left(self) -> float:
        state = self.state
        done = sum(mark <= state.step for mark in self.marks)
        each = state.evaluation_seconds / done if done else 0.0
        return (self.steps - state.step) * state.train_seconds / state.step + (len(self.marks) - done) * each

    def _write_checkpoint(self) -> None:
        started = time.perf_counter()
        weights = adapter_weights(self.adapted)
        write_checkpoint(
            self.checkpoint, self.state, adapter=weights, optimizer=self.optimizer, best=self.best, key=self.key
        )
        self.state.checkpoint_seconds += time.perf_counter() - started

    def _write_log(self) -> None:
        """Begin the log anew, with what a checkpoint holds: lines of steps after it will come again."""
        write_whole(self.out / "log.jsonl", "".join(json.dumps(line) + "\n" for line in self.state.log))

    def _result(self) -> TrainResult:
        state = self.state
        last_epoch = [line["train_loss"] for line in state.log][-min(self.per_epoch, len(state.log)) :]
        return TrainResult(
            adapter=self.out / "adapter",
            steps=state.step,
            seconds=round(state.train_seconds + state.evaluation_seconds + state.checkpoint_seconds, 3),
            tokens_per_second=round(self._rate(), 1),
            train_loss=sum(last_epoch) / len(last_epoch),
            validation_loss=state.best_loss,
            best_step=state.best_step or state.step,
            stopped_early=state.stopped_early,
            trainable_parameters=sum(p.numel() for p in self.parameters),
            peak_memory_bytes=peak_memory_bytes(),
            dtype=self.model.dtype,
            train_pairs=len(self.examples),
            validation_pairs=len(self.held_out),
            longest_tokens=max(len(e.ids) for e in [*self.examples, *self.held_out]),
            log=tuple(state.log),
            notices=tuple(self.notices),
        )


def _key(model: LoadedModel, examples: Sequence[Example], held_out: Sequence[Example], settings: TrainSettings) -> str:
    """What a checkpoint belongs to: weights, number format, pairs and every setting that changes the result."""
    told = asdict(replace(settings, checkpoint_steps=0, model="-"))
    digest = hashlib.sha256(f"{model.sha256}|{model.dtype}|{sorted(told.items())}".encode())
    for example in [*examples, *held_out]:
        digest.update(f"|{example.prompt_tokens}:{example.ids}".encode())
    return digest.hexdigest()
