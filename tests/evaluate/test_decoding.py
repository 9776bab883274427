"""Next tokens of prompts in one sequence, compared with the library's cache and attention."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tuneworth.evaluate.outputs import decode as module
from tuneworth.evaluate.outputs.decode import PaddedRows, SequenceRows, decoding, next_token

PROMPTS = [[5, 6, 7, 8, *range(20, 20 + n)] for n in (19, 12, 12, 3, 1)]  # four tokens in common, longest first


@pytest.fixture
def fast(tiny_model: Any) -> Any:
    with torch.inference_mode(), decoding(tiny_model.model, PROMPTS[0], longest=128) as rows:
        yield SimpleNamespace(rows=rows, told=told(rows, shared=4), model=tiny_model.model)


def told(rows: Any, *, shared: int, steps: int = 40) -> torch.Tensor:
    """Logits after the prompts and after each of some more tokens (more than one room); rows 0 and 2 leave early."""
    found, active = [rows.begin(PROMPTS, shared=shared)], list(range(len(PROMPTS)))
    left = set(active)
    for step in range(steps):
        if step in (3, 30):
            left -= {0 if step == 3 else 2}
            active = [active[place] for place in rows.keep([n for n, row in enumerate(active) if row in left])]
        logits = rows.advance([(7 * step + row) % 250 for row in active])
        found.append(torch.stack([logits[active.index(row)] if row in left else found[-1][row] for row in range(5)]))
    return torch.stack(found)


@pytest.mark.parametrize("prefix", [0, 1, 7])
@pytest.mark.parametrize("masked", [False, True])
def test_one_token_attends_like_torch(prefix: int, masked: bool) -> None:
    torch.manual_seed(prefix)
    batch, heads, groups, n, d = 3, 6, 2, 5, 8
    q = torch.randn(batch, heads, 1, d)
    keys, values = torch.randn(2, batch, groups, n, d)
    front = torch.randn(2, 1, groups, prefix, d)
    whole = [torch.cat([f.expand(batch, -1, -1, -1), own], 2) for f, own in zip(front, (keys, values), strict=True)]
    mask = torch.ones(batch, 1, 1, prefix + n, dtype=torch.bool)
    if masked:
        mask[1, ..., prefix : prefix + 2] = False
    expected = F.scaled_dot_product_attention(q, *whole, attn_mask=mask, enable_gqa=True)[:, :, 0]
    added = torch.zeros(batch, 1, n).masked_fill(~mask[:, 0, :, prefix:], float("-inf")).repeat_interleave(groups, 0)
    pair = (front[0][0], front[1][0]) if prefix else None
    torch.testing.assert_close(next_token(q[:, :, 0], keys, values, added, scale=d**-0.5, front=pair), expected)


@pytest.mark.slow
def test_rows_in_one_sequence_equal_padded_rows(fast: Any) -> None:
    assert isinstance(fast.rows, SequenceRows)
    torch.testing.assert_close(told(fast.rows, shared=0), fast.told, rtol=1e-4, atol=1e-4)
    fast.model.set_attn_implementation("sdpa")
    for shared in (0, 4):
        torch.testing.assert_close(told(PaddedRows(fast.model), shared=shared), fast.told, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["SCORES", "MOST"])
def test_long_prompts_attend_in_parts_with_the_same_result(fast: Any, monkeypatch: Any, limit: str) -> None:
    monkeypatch.setattr(module, limit, 4 * 20 * 24)
    torch.testing.assert_close(told(fast.rows, shared=4), fast.told, rtol=1e-4, atol=1e-4)


def test_another_prefix_is_computed_again(fast: Any) -> None:
    other = [[9, *prompt[1:]] for prompt in PROMPTS]
    expected = fast.rows.begin(other, shared=0).clone()
    torch.testing.assert_close(anew(fast.rows, other), expected, rtol=1e-4, atol=1e-4)
    fast.model.set_attn_implementation("sdpa")
    torch.testing.assert_close(anew(PaddedRows(fast.model), other), expected, rtol=1e-4, atol=1e-4)


def anew(rows: Any, other: list[list[int]]) -> torch.Tensor:
    rows.begin(PROMPTS, shared=4)
    return rows.begin(other, shared=4)


def test_a_model_with_custom_attention_keeps_it(tiny_model: Any) -> None:
    import copy

    with torch.inference_mode():
        attention = tiny_model.model.model.layers[1].self_attn
        attention.config = copy.deepcopy(attention.config)  # one layer does not hear that attention is another one now
        with decoding(tiny_model.model, PROMPTS[0], longest=128) as rows:
            assert isinstance(rows, PaddedRows)
            assert tiny_model.model.config._attn_implementation == "sdpa"
        tiny_model.model.set_attn_implementation("eager")
        with decoding(tiny_model.model, PROMPTS[0], longest=128) as rows:
            assert isinstance(rows, PaddedRows)
