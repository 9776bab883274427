"""The bill: never below what the provider can charge by its tokens, exact where a tokenizer counts."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import ConfigError, ModelError
from tuneworth.deploy.hosted.bill import TokenCount, count_tokens, make_bill, price_doubts, price_for
from tuneworth.deploy.hosted.fireworks import Fireworks
from tuneworth.deploy.hosted.provider import JobRequest, TrainingPrice
from tuneworth.deploy.hosted.together import Together

from ..conftest import tiny_tokenizer

CHATS = st.lists(
    st.lists(st.text(max_size=30), min_size=2, max_size=3).map(
        lambda texts: [
            {"role": role, "content": text}
            for role, text in zip(["system", "user", "assistant"][-len(texts) :], texts, strict=True)
        ]
    ),
    min_size=1,
    max_size=5,
)


def request(epochs: int = 3, evaluations: int = 0) -> JobRequest:
    return JobRequest(key="k", model="m", suffix="s", epochs=epochs, evaluations=evaluations)


def counted(*tokens: int) -> TokenCount:
    return TokenCount(tokens, tokens, "counted", exact=True)


def test_the_total_is_tokens_of_all_epochs_and_evaluations_times_the_price() -> None:
    price = TrainingPrice(Decimal("0.48"), "stated")
    bill = make_bill(counted(400_000, 600_000), counted(100_000), request(3, 3), price)
    assert bill.trained_tokens == bill.trained_tokens_most == 3_300_000
    assert bill.likely == bill.most == Decimal("1.584")
    assert make_bill(counted(1_000_000), counted(100_000), request(2), price).most == Decimal("0.96")


def test_a_small_job_costs_the_minimum() -> None:
    bill = make_bill(counted(1000), None, request(), TrainingPrice(Decimal(1), "stated", minimum=Decimal(4)))
    assert bill.likely == bill.most == 4


@given(CHATS)
def test_bytes_bound_the_tokens_of_any_text(chats: Any) -> None:
    """The test's tokenizer makes a token of every byte, more than any real one."""
    tokenizer = tiny_tokenizer()
    found = count_tokens(chats, tokenizer=None)
    assert not found.exact
    for chat, most, likely in zip(chats, found.most, found.likely, strict=True):
        text = tokenizer.apply_chat_template(chat, tokenize=False)
        assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) <= most
        assert likely <= most


@pytest.mark.slow
def test_a_tokenizer_beside_the_project_counts_exactly(tiny_folder: Path) -> None:
    chats = [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]]
    found = count_tokens(chats, tokenizer=str(tiny_folder))
    text = tiny_tokenizer().apply_chat_template(chats[0], tokenize=False)
    assert found.exact
    assert list(found.most) == [len(tiny_tokenizer()(text, add_special_tokens=False)["input_ids"])]
    with pytest.raises(ModelError, match="cannot be read"):
        count_tokens(chats, tokenizer=str(tiny_folder / "nothing"))


@pytest.mark.parametrize("provider", [Together(), Fireworks(account="acme")], ids=lambda provider: provider.name)
def test_an_unknown_model_needs_a_stated_price(provider: Any) -> None:
    with pytest.raises(ConfigError, match=r'State "price" in \[train.hosted\]'):
        price_for(provider, "nobody/model", None)
    assert price_for(provider, "nobody/model", Decimal(2)).per_million == 2


def test_a_price_without_a_date_or_an_old_one_is_doubted() -> None:
    today = date(2026, 11, 28)
    assert "has no date" in price_doubts(price_for(Together(), "Qwen/Qwen3-8B", None), today)[0]
    assert "393 days old" in price_doubts(TrainingPrice(Decimal(1), "a page", date(2025, 10, 31)), today)[0]
    assert price_doubts(TrainingPrice(Decimal(1), "a page", date(2026, 11, 1)), today) == []
    assert price_doubts(price_for(Together(), "Qwen/Qwen3-8B", Decimal(1)), today) == []
