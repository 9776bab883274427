"""The loss at the labels, by the fastest method that suits the model, and its gradients over all processes."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core import RunBroken, is_out_of_memory
from .batches import Batch, Schedule, collate, length_order
from .checkpoint import FitState
from .examples import Example
from .model.attention import Use, sequence_attention
from .model.kernels import fast_norms, lora_layers, replace_forward, restore_forward
from .processes import Processes

# --- cross-entropy in chunks -------------------------------------------------------------------------------------

CHUNK = 128  # rows per chunk on a CPU: 128 x 49,152 fp32 logits are 25 MB; larger chunks were no faster
GPU_BYTES = 2**28  # of fp32 logits in one chunk on a GPU, which small products underuse: 1,365 rows of 49,152


def chunk_rows(vocabulary: int, *, cuda: bool) -> int:
    """How many labels' logits are in memory at once."""
    return max(CHUNK, GPU_BYTES // (4 * vocabulary)) if cuda else CHUNK


class ChunkedLoss(torch.autograd.Function):
    """Cross-entropies and their sum; the gradient for the hidden states is computed in the forward pass."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, bias: Tensor | None, labels: Tensor) -> tuple[Tensor, Tensor]:
        """hidden `(n, d)`, head `(vocabulary, d)`, labels `(n,)`; a scalar and `(n,)`, both in fp32."""
        each = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
        wanted = ctx.needs_input_grad[0]
        grad = torch.empty_like(hidden) if wanted else None
        size = chunk_rows(len(head), cuda=hidden.is_cuda)
        for start in range(0, len(labels), size):
            rows = slice(start, start + size)
            logits = torch.nn.functional.linear(hidden[rows], head, bias).float()
            log_shares = torch.log_softmax(logits, dim=-1)
            picked = labels[rows, None]
            each[rows] = -log_shares.gather(1, picked)[:, 0]
            if grad is not None:
                # d loss / d logits = softmax - one-hot
                slope = log_shares.exp_()
                slope.scatter_add_(1, picked, torch.full_like(picked, -1, dtype=slope.dtype))
                grad[rows] = slope.to(head.dtype) @ head
        ctx.save_for_backward(grad if grad is not None else hidden.new_empty(0))
        ctx.mark_non_differentiable(each)
        return each.sum(), each

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """The stored gradient times the incoming one; the single losses have no gradient."""
        (stored,) = ctx.saved_tensors
        return stored * grad, None, None, None  # a scalar times a tensor keeps the tensor's type


def label_loss(hidden: Tensor, head: Tensor, labels: Tensor, *, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Sum (not mean) of the cross-entropies of `hidden @ head.T` against `labels`, and each of them (no gradient)."""
    return ChunkedLoss.apply(hidden, head, bias, labels)  # type: ignore[return-value]


# --- methods -----------------------------------------------------------------------------------------------------

AGREE = 0.05  # of the logits' own spread: bf16 rounds by 0.4%, over a few dozen layers to about 1%


def split_head(base: Any, example: Example) -> tuple[Any, Any] | None:
    """The model as (body, head), so that logits are computed only at labels; None if that would change them.

    Some families scale or cap their logits after the head: one short example is run both ways and compared.
    """
    body, head = base.base_model, base.get_output_embeddings()
    capped = getattr(base.config.get_text_config(), "final_logit_softcapping", None)
    if body is base or type(head) is not torch.nn.Linear or capped:
        return None
    ids = torch.tensor([example.ids[-64:]], device=base.device)
    with torch.no_grad():
        whole = base(input_ids=ids, use_cache=False).logits.float()
        apart = head(body(input_ids=ids, use_cache=False).last_hidden_state).float()
    return (body, head) if (whole - apart).abs().max() <= AGREE * whole.std() else None


@dataclass(frozen=True)
class BatchLoss:
    """Sum of the cross-entropies at a batch's labels, and the sum of each row `(rows,)`, without gradient."""

    total: Tensor
    rows: Tensor


@dataclass(frozen=True)
class LossPath:
    """How to compute the loss of pairs with this model.

    `parts` is the result of `split_head`; `use` takes each batch's layout if the attention supports one.
    """

    base: Any
    parts: tuple[Any, Any] | None = None
    use: Use | None = None

    def batch(self, examples: Sequence[Example]) -> Batch:
        """The examples as a batch for this method."""
        return collate(examples, device=self.base.device, one_sequence=self.use is not None)

    def loss(self, batch: Batch) -> BatchLoss:
        """The batch's loss."""
        if self.use is not None:
            self.use(batch.layout)
        total, each = self._label_losses(batch)
        rows = torch.zeros(batch.rows, dtype=torch.float32, device=each.device)
        return BatchLoss(total, rows.index_add_(0, batch.owners, each.detach()))

    def _label_losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.parts is None:
            logits = self.base(input_ids=batch.ids, position_ids=batch.positions, use_cache=False).logits
            picked = logits.flatten(0, 1)[batch.places].float()
            each = torch.nn.functional.cross_entropy(picked, batch.labels, reduction="none")
            return each.sum(), each
        body, head = self.parts
        hidden = body(input_ids=batch.ids, position_ids=batch.positions, use_cache=False).last_hidden_state
        return label_loss(hidden.flatten(0, 1)[batch.places], head.weight, batch.labels, bias=head.bias)


def summed_loss(path: LossPath, examples: Sequence[Example], *, size: int) -> tuple[float, int]:
    """Sum of the losses of all labels of the examples, and the number of labels: avoids a mean of means."""
    total, count = 0.0, 0
    with torch.no_grad():
        for rows in length_order([len(e.ids) for e in examples], size=size):
            batch = path.batch([examples[i] for i in rows])
            total += float(path.loss(batch).total)
            count += len(batch.labels)
    return total, count


SHOWN = 24  # tokens at each end of a pair that are compared: enough to see a wrong neighbour
# Relative difference of a row's loss, in bf16 and in fp32: on the default model rounding causes up to 0.007 and 8e-7.
LOSS_AGREES = (0.02, 1e-4)


@contextmanager
def fast_paths(adapted: Any, examples: Sequence[Example]) -> Iterator[tuple[LossPath, list[str]]]:
    """Yields the fastest loss computation for this model, valid while the block lasts, and notices on what is slower.

    `examples` are all that will occur: the longest one decides whether a sliding attention window fills up.
    """
    base, notices = adapted.get_base_model(), []
    with ExitStack() as stack:
        if base.dtype == torch.bfloat16:  # in fp32 peft's own forward is as fast
            stack.callback(restore_forward, adapted)
            if stock := replace_forward(adapted):
                notices.append(f"{stock} of {len(lora_layers(adapted))} layers use peft's own, slower forward pass")
        if base.device.type == "cpu":  # 4% of a step's time; a GPU has kernels of its own
            stack.enter_context(fast_norms(base))
        use = _one_sequence(base, examples, stack)
        if use is None:
            notices.append(
                "this model has its own attention: batches are padded, and a shared prefix is computed for each row"
            )
        parts = split_head(base, examples[0])
        if parts is None:
            notices.append("this model computes logits at every position, which is slower and takes more memory")
        yield LossPath(base, parts, use), notices


def _one_sequence(base: Any, examples: Sequence[Example], stack: ExitStack) -> Use | None:
    """The function that takes each batch's layout; None if packed rows and padded rows give different losses.

    Some models name transformers' attention in their configuration but compute their own, so two short rows are run
    both ways and compared.
    """
    ids = [examples[0].ids, examples[-1].ids]
    rows = [Example("", ids[0][:SHOWN] + own[-SHOWN:], min(len(ids[0]), SHOWN) + 1) for own in ids]
    with torch.no_grad():
        padded = LossPath(base)
        theirs = padded.loss(padded.batch(rows))
        attempt = ExitStack()
        use = attempt.enter_context(sequence_attention(base, longest=max(len(e.ids) for e in examples)))
        if use is not None:
            ours = LossPath(base, None, use)
            found = ours.loss(ours.batch(rows))
            use(None)
            off = ((found.rows - theirs.rows).abs() / theirs.rows.clamp(min=1e-6)).max()
            if off <= LOSS_AGREES[base.dtype == torch.float32]:
                stack.push(attempt.pop_all())
                return use
    attempt.close()
    return None


# --- gradients ---------------------------------------------------------------------------------------------------


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
