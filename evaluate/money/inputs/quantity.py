"""One input of the money: its value, its range, its unit and its source."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from .settings import Number, RoiSettings, Triangular

__all__ = ["Quantity", "quantity_of", "share_prior", "share_quantiles", "stated_input"]


@dataclass(frozen=True)
class Quantity:
    """One input: its point value (None if unknown), its range if it has one, and its source.

    `source` is measured, stated, price list or default. `items` are the measured values per item; with `per`, also per
    item, the value is the mean of `items` divided by the mean of `per`. A stated share of `n` outputs is as uncertain as
    so many outputs leave it.
    """

    key: str
    value: Decimal | None
    unit: str
    source: str
    range: Triangular | None = None
    detail: str | None = None
    items: np.ndarray | None = None
    per: np.ndarray | None = None
    n: int | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of `money.assumptions`."""
        entry: dict[str, Any] = {"key": self.key, "value": None if self.value is None else float(self.value)}
        entry |= {"unit": self.unit, "source": self.source}
        if self.n is not None and self.value is not None:
            likely = float(self.value)
            low, high = share_quantiles(likely, self.n)
            entry["range"] = [low, likely, high]
        if self.range is not None:
            entry["range"] = [float(end) for end in self.range]
        return entry | ({"detail": self.detail} if self.detail else {})


def share_prior(share: float, n: int) -> tuple[float, float]:
    """The parameters of the Beta distribution of a share, after `n` outputs and with Jeffreys' prior."""
    return share * n + 0.5, (1 - share) * n + 0.5


def share_quantiles(share: float, n: int) -> tuple[float, float]:
    """The 5th and 95th percentile of a share that was counted on `n` outputs."""
    from scipy.special import betaincinv

    low, high = (float(betaincinv(*share_prior(share, n), level)) for level in (0.05, 0.95))
    return low, high


def stated_input(
    settings: RoiSettings, key: str, value: Number | None, unit: str, detail: str | None = None
) -> Quantity:
    """A number of `[roi]`: stated, or its default."""
    return quantity_of(key, value, unit, "stated" if key in settings.stated else "default", detail)


def quantity_of(key: str, value: Number | None, unit: str, source: str, detail: str | None = None) -> Quantity:
    """A number, or a range around its likely value."""
    if isinstance(value, Triangular):
        return Quantity(key, value.likely, unit, source, value, detail)
    return Quantity(key, value, unit, source, None, detail)
