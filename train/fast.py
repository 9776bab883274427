"""All fast paths that fit a model, behind one door: what training, its preflight and the benchmark run."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from .attention import sequence_attention
from .examples import Example
from .lora import lora_layers, replace_forward, restore_forward
from .norms import fast_norms
from .steps import LossPath, split_head

__all__ = ["fast_paths"]


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
        use = stack.enter_context(sequence_attention(base, longest=max(len(e.ids) for e in examples)))
        if use is None:
            notices.append("this model's attention is its own: batches are padded, beginnings computed in each row")
        parts = split_head(base, examples[0])
        if parts is None:
            notices.append("this model's logits are made at every position, which is slower and takes more memory")
        yield LossPath(base, parts, use), notices
