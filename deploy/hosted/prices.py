"""What providers charge for training: a few models each, dated and sourced. `[train.hosted] price` overrides it.

Nothing was confirmed with a provider. Prices that a page shows only in a browser come from copies of that page, or from
people who published what they paid; `source` says which.
"""

from decimal import Decimal

from .provider import TrainingPrice

__all__ = ["FIREWORKS", "STALE_DAYS", "TOGETHER"]

STALE_DAYS = 180  # an older price has probably changed; the same as for the price list of hosted models

# Together's own page (docs.together.ai/docs/fine-tuning/pricing, read on 28 November 2026) names no rate and says that there
# is no minimum; a customer who published a bill of 2026 paid 0.48 USD per million tokens, and 4 USD for a small job.
_TOGETHER = "a published bill of 2026 for LoRA on a model of up to 16B; 4 USD at least, though the documentation names no minimum"
TOGETHER = {
    model: TrainingPrice(Decimal("0.48"), _TOGETHER, None, minimum=Decimal(4))
    for model in (
        "Qwen/Qwen3-4B", "Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen3.5-9B",
        "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference",
    )
}  # fmt: skip

_FIREWORKS = (
    "fireworks.ai/pricing in an undated copy, read on 28 November 2026: up to 16B parameters 0.50 USD, to 80B 3.00 USD"
)
FIREWORKS = {
    f"accounts/fireworks/models/{model}": TrainingPrice(Decimal(price), _FIREWORKS)
    for model, price in {
        "qwen3-4b": "0.50", "qwen3-8b": "0.50", "qwen3-14b": "0.50", "qwen3-32b": "3.00",
        "llama-v3p1-8b-instruct": "0.50", "llama-v3p3-70b-instruct": "3.00",
    }.items()
}  # fmt: skip
