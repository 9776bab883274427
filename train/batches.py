"""Batches of examples of similar length, in an order that is a pure function of seed and epoch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .examples import Example
from .model.attention import Layout
from .model.chat import common_beginning

__all__ = ["Batch", "collate", "epoch_order", "length_order"]

POOL = 16  # batches sorted by length together: 21 to 30% less padding, and batches still differ by epoch


@dataclass(frozen=True)
class Batch:
    """Token ids, the positions and values of labels, and the rows they belong to; all on one device.

    With a layout, ids and positions are `(1, tokens)`. Without one, ids are `(rows, longest)`, padded on the right,
    and positions None. `places` are positions in the flattened hidden states whose next token is `labels`; `owners`
    the rows they belong to.
    """

    ids: Tensor
    positions: Tensor | None
    places: Tensor
    labels: Tensor
    owners: Tensor
    rows: int
    tokens: int  # real tokens of all rows, without padding, with shared prefixes counted in each row
    computed: int  # tokens that the model computes: fewer with a shared prefix, more with padding
    layout: Layout | None = None


def epoch_order(examples: Sequence[Example], *, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Which examples are in which batch of this epoch, each example once."""
    chance = random.Random(f"{seed}:{epoch}")  # a text seed is hashed, so epochs of neighbouring seeds differ
    order = list(range(len(examples)))
    chance.shuffle(order)
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = sorted(order[start : start + POOL * size], key=lambda i: len(examples[i].ids))
        batches += [pool[i : i + size] for i in range(0, len(pool), size)]
    chance.shuffle(batches)
    return batches


def length_order(lengths: Sequence[int], *, size: int) -> list[list[int]]:
    """Batches from the longest to the shortest: a pure function of the lengths and their order."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[i : i + size] for i in range(0, len(order), size)]


def collate(examples: Sequence[Example], *, device: Any, one_sequence: bool = False) -> Batch:
    """The examples as one batch: padded rows, or one sequence, which needs an attention that supports the layout."""
    return _in_one_sequence(examples, device=device) if one_sequence else _padded(examples, device=device)


def _padded(examples: Sequence[Example], *, device: Any) -> Batch:
    """Padding needs no mask: it is on the right, and attention is causal."""
    longest = max(len(e.ids) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
    starts = [row * longest for row in range(len(examples))]
    return _batch(examples, ids=ids, positions=None, starts=starts, layout=None, device=device)


def _in_one_sequence(examples: Sequence[Example], *, device: Any) -> Batch:
    shared = _shared(examples)
    rests = [e.ids[shared:] for e in examples]
    longest = max(len(rest) for rest in rests)
    ids, positions = list(examples[0].ids[:shared]), list(range(shared))
    gather, scatter, starts = [], [], []
    for row, rest in enumerate(rests):
        begins = len(ids)
        starts.append(begins - shared)
        gather += [begins + min(at, len(rest) - 1) for at in range(longest)]
        scatter += [row * longest + at for at in range(len(rest))]
        ids += rest
        positions += range(shared, shared + len(rest))
    layout = Layout(
        shared, len(rests), longest, torch.tensor(gather, device=device), torch.tensor(scatter, device=device)
    )
    return _batch(
        examples, ids=torch.tensor([ids]), positions=torch.tensor([positions], device=device), starts=starts,
        layout=layout, device=device,
    )  # fmt: skip


def _shared(examples: Sequence[Example]) -> int:
    """The length of the prefix shared by all rows, without the last token of a prompt, which predicts a label."""
    if len(examples) < 2:
        return 0
    return min(common_beginning([e.ids for e in examples]), *(e.prompt_tokens - 1 for e in examples))


def _batch(
    examples: Sequence[Example],
    *,
    ids: Tensor,
    positions: Tensor | None,
    starts: Sequence[int],
    layout: Layout | None,
    device: Any,
) -> Batch:
    """`starts[row] + n` is the position of the row's token n, for all tokens that predict a label."""
    places, labels, owners = [], [], []
    for row, (example, start) in enumerate(zip(examples, starts, strict=True)):
        places += range(start + example.prompt_tokens - 1, start + len(example.ids) - 1)
        labels += example.ids[example.prompt_tokens :]
        owners += [row] * example.answer_tokens
    return Batch(
        ids=ids.to(device),
        positions=positions,
        places=torch.tensor(places, device=device),
        labels=torch.tensor(labels, device=device),
        owners=torch.tensor(owners, device=device),
        rows=len(examples),
        tokens=sum(len(e.ids) for e in examples),
        computed=ids.numel(),
        layout=layout,
    )
