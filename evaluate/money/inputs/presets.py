"""The usual ways to run a tuned model, each with a public price, its source and its date: a start, not a quote."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from .settings import Number, Triangular, VariantMoney

CURRENCY = "USD"


@dataclass(frozen=True)
class Preset:
    """The price of one machine-hour in USD, None if the adapter is paid by its base model's prices; where it stands, and
    the day on which it was read there."""

    hourly: Decimal | None
    what: str
    source: str
    read: date


# No provider's price for training a serverless adapter has a public source with a date, so none is here.
PRESETS = {
    "serverless-lora": Preset(
        None, "requests to an adapter cost what its base model costs",
        "docs.wandb.ai/serverless-training/usage-limits", date(2026, 11, 28),
    ),
    "dedicated": Preset(
        Decimal("3.99"), "one H100 80 GB of a dedicated endpoint at Together AI, whatever it serves",
        "docs.together.ai/docs/dedicated-endpoints/overview", date(2026, 11, 28),
    ),
    "dedicated-fireworks": Preset(
        Decimal("7.00"), "one H100 80 GB of a dedicated deployment at Fireworks AI, billed by the second",
        "docs.fireworks.ai/fine-tuning/multi-turn-cost-comparison", date(2026, 11, 28),
    ),
    "own-gpu": Preset(
        Decimal("2.89"), "one H100 PCIe 80 GB rented at RunPod Secure Cloud", "www.runpod.io/pricing", date(2026, 11, 9)
    ),
}  # fmt: skip


def in_currency(price: Decimal, rate: Any) -> Number:
    """A price in USD at a rate, which may be a range."""
    return Triangular(*(price * end for end in rate)) if isinstance(rate, Triangular) else price * Decimal(str(rate))


def note_of(table: VariantMoney) -> str | None:
    """What a preset states, with its source and its date; None without a preset."""
    if table.preset is None:
        return None
    preset = PRESETS[table.preset]
    price = "" if preset.hourly is None else f"{preset.hourly} {CURRENCY} an hour for "
    return f'preset "{table.preset}": {price}{preset.what} ({preset.source}, read on {preset.read})'
