"""One input of the money: its value, its range, its unit and its source."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from ...results import Assumption, Source
from .settings import Number, RoiSettings, Triangular

# A single volume is drawn between these multiples of it; the report says that the range is Tuneworth's own.
VOLUME_SHARES = (Decimal("0.5"), Decimal(1), Decimal("1.5"))


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
    source: Source
    range: Triangular | None = None
    detail: str | None = None
    items: np.ndarray | None = None
    per: np.ndarray | None = None
    n: int | None = None

    @property
    def drawn_range(self) -> Triangular | None:
        """The range that it is drawn from; a single volume has Tuneworth's own."""
        if self.key == "requests_per_day" and self.range is None and self.value is not None:
            return Triangular(*(self.value * share for share in VOLUME_SHARES))
        return self.range

    def assumption(self) -> Assumption:
        """Its entry of `money.assumptions`."""
        value = None if self.value is None else float(self.value)
        ends, detail = self.drawn_range, self.detail
        shown = None if ends is None else [float(end) for end in ends]
        if self.range is None and ends is not None:
            detail = "the range is Tuneworth's own; state [low, likely, high]"
        elif shown is None and self.n is not None and value is not None:
            low, high = share_quantiles(value, self.n)
            shown = [low, value, high]
        return Assumption(
            key=self.key, value=value, unit=self.unit, source=self.source, range=shown, detail=detail or None
        )


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


def quantity_of(key: str, value: Number | None, unit: str, source: Source, detail: str | None = None) -> Quantity:
    """A number, or a range around its likely value."""
    if isinstance(value, Triangular):
        return Quantity(key, value.likely, unit, source, value, detail)
    return Quantity(key, value, unit, source, None, detail)
