"""The inputs of the money, from which every figure can be computed again, and how each was computed."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ...core import Count, NonNegative, Proportion, Record
from .quality import Good

Source = Literal["measured", "stated", "price list", "default"]
"""Source of an input."""
Failures = Literal["ignore", "drop", "repair", "retry"]
"""Treatment of unacceptable outputs: ignored at no cost, dropped and generated again, repaired by a person, or retried."""


class Derivation(Record):
    """Calculation of one figure."""

    key: str
    """Path of the figure in money."""
    words: str
    """Explanation of the figure, as a sentence."""
    formula: str
    """Formula in words."""
    numbers: str
    """Formula with its numbers filled in."""
    result: str
    """Result as shown to readers, with its unit."""
    value: float | None
    """Exact result; null if there is none, such as for a payback of "never"."""
    inputs: Sequence[str]
    """Keys of the figures and assumptions that the formula uses."""


class CallInputs(Record):
    """Cost inputs of the calls of one variant; inputs that are unknown are null."""

    fixed_tokens: NonNegative | None
    """Mean tokens of the prompt part that all requests share."""
    input_tokens: NonNegative | None
    """Mean tokens of the request itself, without the fixed prompt."""
    output_tokens: NonNegative | None
    """Mean tokens of the answer."""
    price_input: NonNegative | None
    """Price per million input tokens."""
    price_cached: NonNegative | None
    """Price per million cached input tokens; null if it equals the input price."""
    price_cache_write: NonNegative | None
    """Price per million tokens written to the cache; null if it equals the input price."""
    price_output: NonNegative | None
    """Price per million output tokens."""
    cached_share: NonNegative | None
    """Share of the fixed prompt that is read from the cache."""
    cached_tokens: NonNegative | None
    """Tokens of the request beyond the fixed prompt that are read from the cache; null if none were measured."""
    price_cached_unknown: bool | None = None
    """Whether the price of cached tokens is unknown, so that half of the input price stands for it."""
    acceptance: NonNegative | None
    """Share of outputs that are acceptable."""
    extra_calls: NonNegative | None
    """Mean number of further calls after a first failure, measured on repeated outputs; null if not measured."""
    wrong_facts: Proportion | None
    """Share of outputs that break a must rule about facts; null unless such failures have a cost of their own."""
    rescued: NonNegative | None
    """Share of first failures that a retry turns into an acceptable output, measured on repeated outputs; null if not
    measured."""
    requests_per_second: NonNegative | None
    """Requests per second that one machine handles."""
    min_cached_tokens: NonNegative | None
    """Minimum length of a fixed prompt for a stated cached share to count, in tokens."""
    hourly: NonNegative | None
    """Price of one machine per hour."""
    min_replicas: NonNegative | None
    """Minimum number of machines."""
    peak_factor: NonNegative | None
    """Ratio of peak load to mean load."""
    cached_share_stated: bool
    """Whether the cached share was stated rather than measured."""
    prices_like: str | None
    """Name of the variant whose prices are used because this one is made from it or runs on the same model; null if the
    prices are this variant's own."""
    free: bool | None = None
    """Whether it calls no model and costs nothing."""
    metered: bool | None = None
    """Whether tokens are paid, with or without a machine that is paid by the hour."""
    self_hosted: bool
    """Whether the variant runs on your own machines, paid by the hour."""


class VariantInputs(CallInputs):
    """Cost inputs of one variant; inputs that are unknown are null."""

    sent: Proportion | None
    """Share of requests that a cascade sends on to its second variant; null for others."""
    second: CallInputs | None
    """Cost inputs of the second call of a cascade; null for others."""


class FormulaInputs(Record):
    """Inputs from which every point figure can be recomputed."""

    baseline: str
    """Name of the strongest way without training."""
    candidate: str
    """Name of the variant to decide about."""
    currency: str
    """Currency of all prices and amounts."""
    failures: Failures
    """Treatment of unacceptable outputs."""
    failure_cost: NonNegative | None
    """Cost of one unacceptable output."""
    facts_failure_cost: NonNegative | None
    """Cost of one output that is wrong about the facts; null if all failures cost the same."""
    good: Good = "acceptable"
    """What outputs are called that are no failures."""
    tries: Count
    """Maximum number of calls per request if failures are retried."""
    requests_per_day: NonNegative | None
    """Number of requests per day; null for a one-off batch or if not stated."""
    requests_total: NonNegative | None
    """Total number of requests in a one-off batch; null otherwise."""
    ramp_days: NonNegative | None
    """Days over which the volume grows evenly from zero to its full level."""
    horizon_days: NonNegative | None
    """Days over which savings count, unless the base model is retired earlier."""
    days_to_retirement: float | None
    """Days until the base model is retired; null if no date is stated."""
    discount_rate: float | None
    """Discount rate per year, as a share."""
    target_payback_days: NonNegative | None
    """Target for the payback, in days; null for a one-off batch."""
    investment: float | None
    """Spending still ahead for the candidate minus that for the baseline, without money already spent; negative where
    the baseline needs more, such as a prompt search."""
    upkeep_per_day: float | None
    """Daily cost of monitoring, retraining and style changes for the tuned model."""
    variants: Mapping[str, VariantInputs]
    """Cost inputs of the baseline and the candidate, by variant name."""


class Assumption(Record):
    """An input of the calculation."""

    key: str
    """Key of the input, such as requests_per_day or tuned.price_input."""
    value: float | str | Sequence[Any] | None
    """Likely value of the input; null if unknown."""
    unit: str | None
    """Unit of the value."""
    source: Source
    """Source of the value."""
    range: Sequence[float] | None = None
    """Low, likely and high values between which the input is drawn."""
    detail: str | None = None
    """Further detail about the value, such as the date of the price list."""
