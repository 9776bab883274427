"""Fast decoding on a CPU: prompts in one sequence without padding, keys and values written in place.

The library's cache copies everything for each new token, its attention reads a guide's keys and values once per row,
and torch's fused kernel is slow for a single new token: 2.3 ms a layer for 32 rows after 150 tokens, against 0.2 ms
here (bf16, two cores).
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from ...train import fast_norms, own_attention


class PaddedRows:
    """Prompts decoded together. A row is `[common beginning | padding | its own part | new tokens]`.

    The beginning's keys and values are computed once and repeated; the padding is masked and takes no position.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._beginning: list[int] = []
        self._front: Any = None  # the cache of the common beginning

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
        """A copy of the rows' state, for `restore`."""
        return copy.deepcopy((self._cache, self._mask, self._positions))

    def restore(self, saved: Any) -> None:
        """Resume from the state of `save`, with all rows of that time; may be called repeatedly."""
        self._cache, self._mask, self._positions = copy.deepcopy(saved)

    def keep(self, places: Sequence[int]) -> list[int]:
        """Continue with the rows at these places only; returns the rows that are computed from now on, in order.

        Finished rows are computed along until they are half of all: dropping them copies the cache.
        """
        if len(places) > len(self._mask) / 2:
            return list(range(len(self._mask)))
        kept = torch.tensor(places, device=self._model.device)
        self._cache.batch_select_indices(kept)
        self._positions, self._mask = self._positions[kept], self._mask[kept]
        return list(places)

    def _with_front(self, beginning: list[int], rows: int) -> DynamicCache:
        """A cache for this many rows that contains the common beginning."""
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


NAME = "tuneworth_decoding"
ROOM = 32  # columns by which the room for keys and values grows: a product over the whole room needs no copy of a part
SCORES = 2**21  # attention scores computed at a time: 4 MB in bf16, which fits a processor's cache
MOST = 2**26  # scores of one row; beyond them torch's fused kernel is used, which stores none
AGREE = 0.2  # root mean square of the difference, as a share of the spread of the logits; rounding in bf16 makes 0.05
TRIAL = 48  # tokens of a prompt on which both decoders are compared

Pair = tuple[Tensor, Tensor]  # keys and values


@contextmanager
def decoding(model: Any, prompt: Sequence[int], *, longest: int) -> Iterator[Any]:
    """A decoder for the model while the block lasts, with `begin`, `advance` and `keep`.

    A SequenceRows on a CPU if the model's attention is the ordinary one, otherwise a PaddedRows. Both are tried on a
    part of `prompt` and compared. `longest` is the length of the longest row to come, new tokens included.
    """
    stock = PaddedRows(model)
    if model.device.type != "cpu":
        yield stock
        return
    expected = _trial(stock, prompt)
    fast = SequenceRows(model)
    with own_attention(model, NAME, fast.attend, longest=longest) as used, fast_norms(model):
        if used and (_trial(fast, prompt) - expected).pow(2).mean().sqrt() <= AGREE * expected.std():
            yield fast
            return
    yield stock


def _trial(rows: Any, prompt: Sequence[int]) -> Tensor:
    """Logits of two rows of different lengths, after their prompts and after one more token."""
    whole = list(prompt[:TRIAL])
    begun = rows.begin([whole, whole[: len(whole) // 2 + 1]], shared=min(2, len(whole) // 2))
    return torch.stack([begun, rows.advance(whole[:1] * 2)]).float()


@dataclass(frozen=True)
class Prompts:
    """The layout of the prompts' own parts in one sequence: `gather` `(rows * longest,)` and `scatter` `(tokens,)` map

    the sequence to rows of `longest` tokens, padded on the left, and back. `mask` `(rows, longest, longest)` is 0
    where a query sees a key of its row and -inf where not.
    """

    lengths: tuple[int, ...]
    rows: int
    longest: int
    gather: Tensor
    scatter: Tensor
    mask: Tensor


class SequenceRows:
    """Prompts decoded together, each pass through the model being one sequence: no row contains padding.

    Only attention knows the rows: their keys and values are in rooms `(rows, groups, columns, d)`, one pair a layer,
    padded on the left so that all rows write their next token into the same column; those of the common beginning
    are stored separately, once.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._beginning: list[int] = []
        self._front: dict[int, Pair] = {}  # by layer, `(groups, tokens, d)`
        self._rooms: dict[int, Pair] = {}
        self._prompts: Prompts | None = None  # while prompts are read

    def begin(self, prompts: Sequence[Sequence[int]], *, shared: int = 0) -> Tensor:
        """Logits `(rows, vocabulary)` after the prompts, whose first `shared` tokens are the same."""
        beginning = list(prompts[0][:shared])
        if beginning != self._beginning:
            self._beginning, self._front = beginning, {}
            if beginning:
                self._read([beginning], before=0)
                self._front = {
                    n: (k[0, :, :shared].clone(), v[0, :, :shared].clone()) for n, (k, v) in self._rooms.items()
                }
        return self._read([list(prompt[shared:]) for prompt in prompts], before=shared)

    def advance(self, tokens: Sequence[int]) -> Tensor:
        """Logits after one more token in each row."""
        if self._column == self._mask.shape[-1]:
            self._mask = nn.functional.pad(self._mask, (0, ROOM), value=float("-inf"))
            self._rooms = {n: (_wider(k), _wider(v)) for n, (k, v) in self._rooms.items()}
        self._mask[:, :, self._column] = 0
        self._positions = self._positions + 1
        found = self._forward(torch.tensor([tokens]), self._positions[None], torch.arange(len(tokens)))
        self._column += 1
        return found

    def save(self) -> Any:
        """A copy of where the rows stand, for `restore`."""
        return copy.deepcopy((self._rooms, self._mask, self._positions, self._column))

    def restore(self, saved: Any) -> None:
        """Resume from the state of `save`, with all rows of that time; may be called repeatedly."""
        self._rooms, self._mask, self._positions, self._column = copy.deepcopy(saved)

    def keep(self, places: Sequence[int]) -> list[int]:
        """Continue with the rows at these places only; returns the rows that are computed from now on, in order.

        The last rows move into the gaps, so that only as many rows are copied as leave.
        """
        wanted, count = set(places), len(places)
        gaps = [place for place in range(count) if place not in wanted]
        moved = [place for place in places if place >= count]
        order = list(range(count))
        for gap, place in zip(gaps, moved, strict=True):
            order[gap] = place
        if gaps:
            to, source = torch.tensor(gaps), torch.tensor(moved)
            for room in self._rooms.values():
                for tensor in room:
                    tensor[to] = tensor[source]
        self._rooms = {n: (k[:count], v[:count]) for n, (k, v) in self._rooms.items()}
        self._mask, self._positions = self._mask[order], self._positions[order]
        return order

    def attend(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **settings: Any
    ) -> tuple[Tensor, None]:
        """Replacement for the model's attention: q `(1, heads, tokens, d)`, k and v of fewer heads."""
        look = self._look_at_prompts if self._prompts else self._look_back
        scale = settings.get("scaling") or query.shape[-1] ** -0.5
        return look(module.layer_idx, query, key, value, scale), None  # type: ignore[arg-type]

    def _read(self, rows: list[list[int]], *, before: int) -> Tensor:
        """Logits after rows that follow `before` common tokens; their keys and values fill new rooms."""
        lengths = torch.tensor([len(row) for row in rows])
        self._prompts = prompts = _prompts(lengths, dtype=self._model.dtype)
        self._column = prompts.longest
        columns = -(-(prompts.longest + 1) // ROOM) * ROOM
        self._mask = prompts.mask.new_full((len(rows), 1, columns), float("-inf"))
        self._mask[:, :, : prompts.longest] = prompts.mask[:, -1:]
        self._positions = lengths + before - 1
        ids = torch.tensor([[token for row in rows for token in row]])
        places = torch.cat([torch.arange(before, before + len(row)) for row in rows])
        try:
            return self._forward(ids, places[None], lengths.cumsum(0) - 1)
        finally:
            self._prompts = None

    def _forward(self, ids: Tensor, positions: Tensor, wanted: Tensor) -> Tensor:
        """Logits `(rows, vocabulary)` at the wanted places of the sequence."""
        self._row_mask = None
        return self._model(input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=wanted).logits[0]

    def _look_at_prompts(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Attention `(1, tokens, heads, d)` of prompts: causal, each row after the common beginning."""
        prompts = self._prompts
        assert prompts is not None
        q, k, v = (
            t[0].index_select(1, prompts.gather).unflatten(1, (prompts.rows, prompts.longest)).transpose(0, 1)
            for t in (q, k, v)
        )
        self._rooms[layer] = (_room(k, self._mask.shape[-1]), _room(v, self._mask.shape[-1]))
        seen = torch.empty(prompts.rows, prompts.longest, *q.shape[1::2], dtype=q.dtype)
        for rows, first in self._chunks(prompts, q.shape[1]):
            part = (
                rows,
                slice(None),
                slice(first, None),
            )  # rows of similar length go together: less padding than over all rows
            found = _causal(
                q[part], k[part], v[part], prompts.mask[rows, first:, first:], scale, self._front.get(layer)
            )
            seen[rows, first:] = found.transpose(1, 2)
        return seen.flatten(0, 1).index_select(0, prompts.scatter)[None]

    def _chunks(self, prompts: Prompts, heads: int) -> list[tuple[slice, int]]:
        """Rows whose attention is computed together, and the first column where one of them has a token."""
        each = heads * prompts.longest * (len(self._beginning) + prompts.longest)
        size = max(1, SCORES // each)
        parts = [slice(start, start + size) for start in range(0, prompts.rows, size)]
        return [(part, prompts.longest - max(prompts.lengths[part])) for part in parts]

    def _look_back(self, layer: int, q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
        """Attention `(1, rows, heads, d)` of one new token per row to all tokens before it."""
        keys, values = self._rooms[layer]
        keys[:, :, self._column], values[:, :, self._column] = k[0].transpose(0, 1), v[0].transpose(0, 1)
        if self._row_mask is None:  # the same for all layers
            self._row_mask = self._mask.repeat_interleave(keys.shape[1], 0)
        found = next_token(
            q[0].transpose(0, 1), keys, values, self._row_mask, scale=scale, front=self._front.get(layer)
        )
        return found[None]


def next_token(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, *, scale: float, front: Pair | None = None) -> Tensor:
    """One new token's attention, `(rows, heads, d)`: q `(rows, heads, d)`, k and v `(rows, groups, n, d)`.

    `mask` `(rows * groups, 1, n)` is added to the scores. `front` has the keys and values `(groups, p, d)` that precede
    those of every row.
    """
    rows, heads, d = q.shape
    groups, n = k.shape[1:3]
    own = q.reshape(rows * groups, heads // groups, d)
    scores = torch.baddbmm(mask, own, k.flatten(0, 1).transpose(1, 2), alpha=scale)
    if front is None:
        return (torch.softmax(scores, -1) @ v.flatten(0, 1)).view(rows, heads, d)
    # all rows of a group have the same keys: one product
    together = own.view(rows, groups, -1, d).transpose(0, 1).reshape(groups, -1, d)
    before = (together @ front[0].transpose(1, 2)).mul_(scale).view(groups, rows, -1, front[0].shape[1])
    shares = torch.softmax(torch.cat([before.transpose(0, 1).flatten(0, 1), scores], -1), -1)
    before, scores = shares.split([front[0].shape[1], n], -1)
    seen = before.unflatten(0, (rows, groups)).transpose(0, 1).reshape(groups, -1, front[0].shape[1]) @ front[1]
    seen = seen.view(groups, rows, -1, d).transpose(0, 1).flatten(0, 1)
    return torch.baddbmm(seen, scores, v.flatten(0, 1)).view(rows, heads, d)


def _prompts(lengths: Tensor, *, dtype: torch.dtype) -> Prompts:
    rows, longest = len(lengths), int(lengths.max())
    column, pads = torch.arange(longest), longest - lengths
    own = column >= pads[:, None]  # (rows, longest): where there is a token
    starts = lengths.cumsum(0) - lengths
    gather = starts[:, None] + (column - pads[:, None]).clamp(min=0)  # padding repeats a row's first token
    seen = (column <= column[:, None]) & own[:, None]  # (rows, query, key)
    seen |= torch.eye(longest, dtype=torch.bool)  # a query that sees nothing would give NaN
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, float("-inf"))
    scatter = own.flatten().nonzero()[:, 0]
    return Prompts(tuple(lengths.tolist()), rows, longest, gather.flatten(), scatter, mask)


def _room(tensor: Tensor, columns: int) -> Tensor:
    """A copy `(rows, groups, columns, d)`; zeros where it is empty, since 0 times NaN would be NaN."""
    room = tensor.new_empty(*tensor.shape[:2], columns, tensor.shape[3])
    room[:, :, : tensor.shape[2]] = tensor
    room[:, :, tensor.shape[2] :] = 0
    return room


def _wider(room: Tensor) -> Tensor:
    return _room(room, room.shape[2] + ROOM)


def _causal(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float, front: Pair | None) -> Tensor:
    """Attention `(rows, heads, n, d)` of prompts after a common beginning; mask `(rows, n, n)` is of their own part."""
    if front is not None:
        k, v = (torch.cat([f.expand(len(t), -1, -1, -1), t], 2) for f, t in zip(front, (k, v), strict=True))
    rows, heads, n, d = q.shape
    groups, keys = k.shape[1:3]
    if heads * n * keys > MOST:
        mask = nn.functional.pad(mask, (keys - n, 0))[:, None]
        return nn.functional.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, scale=scale, enable_gqa=heads != groups
        )
    own = q.reshape(rows * groups, -1, d)
    scores = torch.bmm(own, k.flatten(0, 1).transpose(1, 2)).mul_(scale).view(rows, heads, n, keys)
    scores[..., keys - n :] += mask[:, None]
    shares = torch.softmax(scores, -1).view(rows * groups, -1, keys)
    return torch.bmm(shares, v.flatten(0, 1)).view(rows, heads, n, d)
