"""All fast paths that fit a model, behind one door: what training, its preflight and the benchmark run."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from .attention import Use, sequence_attention
from .examples import Example
from .lora import lora_layers, replace_forward, restore_forward
from .norms import fast_norms
from .steps import LossPath, split_head

__all__ = ["fast_paths"]

SHOWN = 24  # tokens of each end of a pair that are compared: enough to see a wrong neighbour
# Relative difference of a row's loss, in bf16 and in fp32: on the default model rounding makes up to 0.007 and 8e-7.
LOSS_AGREES = (0.02, 1e-4)


@contextmanager
def fast_paths(adapted: Any, examples: Sequence[Example]) -> Iterator[tuple[LossPath, list[str]]]:
    """The way from pairs to their loss, as fast as this model allows while the block lasts; and what could not be used.

    `examples` are all that will come: the longest decides whether a window of attention is full.
    """
    base, notices = adapted.get_base_model(), []
    with ExitStack() as stack:
        if base.dtype == torch.bfloat16:  # in fp32 peft's own forward is as fast
            stack.callback(restore_forward, adapted)
            if stock := replace_forward(adapted):
                notices.append(f"{stock} of {len(lora_layers(adapted))} layers keep peft's own, slower forward")
        if base.device.type == "cpu":  # 4 % of a step's time; a GPU has kernels of its own
            stack.enter_context(fast_norms(base))
        use = _one_sequence(base, examples, stack)
        if use is None:
            notices.append("this model's attention is its own: batches are padded, beginnings computed in each row")
        parts = split_head(base, examples[0])
        if parts is None:
            notices.append("this model's logits are made at every position, which is slower and takes more memory")
        yield LossPath(base, parts, use), notices


def _one_sequence(base: Any, examples: Sequence[Example], stack: ExitStack) -> Use | None:
    """What must be told each batch's layout, where a batch in one sequence gives the losses of padded rows.

    Some models name transformers' attention in their configuration and compute their own: two short rows are run both
    ways and compared.
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
