"""New tokens of any model on any device: rows padded on the left, the library's own cache."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

__all__ = ["PaddedRows"]


class PaddedRows:
    """Prompts that go on together. A row is `[common beginning | padding | its own part | new tokens]`.

    The beginning's keys and values are computed once and repeated; the padding is masked and takes no position.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._beginning: list[int] = []
        self._front: Any = None  # the cache of the beginning

    def begin(self, prompts: Sequence[Sequence[int]], *, shared: int = 0) -> Tensor:
        """Logits `(rows, vocabulary)` after the prompts, whose first `shared` tokens are the same."""
        device = self._model.device
        tails = [list(prompt[shared:]) for prompt in prompts]
        width = max(len(tail) for tail in tails)
        ids = torch.tensor([[0] * (width - len(tail)) + tail for tail in tails], device=device)
        real = torch.tensor([[0] * (width - len(tail)) + [1] * len(tail) for tail in tails], device=device)
        self._mask = torch.cat([real.new_ones(len(tails), shared), real], dim=1)
        self._positions = (self._mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
        self._cache = self._with_front(list(prompts[0][:shared]), len(tails))
        return self._logits(ids)

    def advance(self, tokens: Sequence[int]) -> Tensor:
        """Logits after one more token in each row."""
        ids = torch.tensor(tokens, device=self._model.device)[:, None]
        self._positions = self._positions[:, -1:] + 1
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], dim=1)
        return self._logits(ids)

    def save(self) -> Any:
        """A copy of where the rows stand, for `restore`."""
        return copy.deepcopy((self._cache, self._mask, self._positions))

    def restore(self, saved: Any) -> None:
        """Go on from where `save` was called, with all rows of that time; more than once where it is wanted."""
        self._cache, self._mask, self._positions = copy.deepcopy(saved)

    def keep(self, places: Sequence[int]) -> list[int]:
        """Go on with the rows at these places only; which rows are carried from now on, in their order.

        Rows that are done are carried along until they are half of all: leaving them out copies the cache.
        """
        if len(places) > len(self._mask) / 2:
            return list(range(len(self._mask)))
        kept = torch.tensor(places, device=self._model.device)
        self._cache.batch_select_indices(kept)
        self._positions, self._mask = self._positions[kept], self._mask[kept]
        return list(places)

    def _with_front(self, beginning: list[int], rows: int) -> DynamicCache:
        """A cache for this many rows that holds the common beginning."""
        if not beginning:
            return DynamicCache(config=self._model.config)
        if self._front is None or beginning != self._beginning:
            front = DynamicCache(config=self._model.config)
            ids = torch.tensor([beginning], device=self._model.device)
            self._forward(ids, torch.ones_like(ids), torch.arange(len(beginning), device=ids.device)[None], front)
            self._beginning, self._front = beginning, front
        cache = copy.deepcopy(self._front)
        cache.batch_repeat_interleave(rows)
        return cache

    def _logits(self, ids: Tensor) -> Tensor:
        return self._forward(ids, self._mask, self._positions, self._cache)

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        # A tensor, not the number 1: a slice is not contiguous, and torch then copies the head once per row.
        last = ids.new_tensor([ids.shape[1] - 1])
        out = self._model(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=last,
            **{_cache_argument(self._model): cache},
        )  # fmt: skip
        return out.logits[:, -1]


def _cache_argument(model: Any) -> str:
    """transformers 5.24 renamed `past_key_values` to `cache`."""
    import inspect

    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"
