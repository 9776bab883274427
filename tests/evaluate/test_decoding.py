"""The attention of one new token against torch's own, with and without a common beginning."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tuneworth.evaluate.decoding import growing_cache, next_token


@pytest.mark.parametrize("prefix", [0, 1, 7])
@pytest.mark.parametrize("masked", [False, True])
def test_one_token_attends_as_torch_says(prefix, masked):
    torch.manual_seed(prefix)
    batch, heads, groups, n, d = 3, 6, 2, 5, 8
    q = torch.randn(batch, heads, 1, d)
    keys, values = torch.randn(2, batch, groups, n, d)
    front = torch.randn(2, 1, groups, prefix, d)
    whole = [torch.cat([f.expand(batch, -1, -1, -1), own], 2) for f, own in zip(front, (keys, values), strict=True)]
    mask = torch.ones(batch, 1, 1, prefix + n, dtype=torch.bool)
    if masked:
        mask[1, ..., prefix : prefix + 2] = False
    expected = F.scaled_dot_product_attention(q, *whole, attn_mask=mask, enable_gqa=True).transpose(1, 2)
    found = next_token(
        q, keys, values, mask if masked else None, scale=d**-0.5, prefix=(front[0], front[1]) if prefix else None
    )
    torch.testing.assert_close(found, expected)


def test_a_cache_grows_and_keeps_chosen_rows(tiny_model):
    torch.manual_seed(0)
    cache = growing_cache(tiny_model.model.config)
    tokens = torch.randn(2, 4, 2, 300, 8)  # more than one copy's room
    for place in range(300):
        cache.update(*tokens[:, :, :, place : place + 1], layer_idx=0)
    torch.testing.assert_close(cache.layers[0].keys, tokens[0])
    cache.batch_select_indices(torch.tensor([3, 1]))
    kept, values = cache.update(*tokens[:, [3, 1], :, :1], layer_idx=0)
    torch.testing.assert_close(kept, torch.cat([tokens[0, [3, 1]], tokens[0, [3, 1], :, :1]], 2))
    torch.testing.assert_close(values, torch.cat([tokens[1, [3, 1]], tokens[1, [3, 1], :, :1]], 2))
    assert cache.get_seq_length() == 301
