"""The names of the two volumes at which tuning pays, which every page uses.

One covers the investment over the horizon, by the likely numbers. The other, usually much higher, pays it back within the
target in most draws, which is what the verdict asks for.
"""

from ...core import say

__all__ = ["BREAK_EVEN", "break_even", "pays_in_time"]

BREAK_EVEN = "break-even over the horizon"


def break_even(volume: float | None, horizon_days: float | None) -> str:
    """Where the saving over the horizon covers the investment; None for no volume."""
    if not volume:
        return "at no volume" if volume is None else "at any volume"
    over = "the horizon" if horizon_days is None else say.days(horizon_days)
    return f"over {over} at {say.count(volume, 'request')} a day"


def pays_in_time(about: str, target_days: float | None) -> str:
    """From which volume on the verdict would be that it pays."""
    back = "pay back in time" if target_days is None else f"pay back within {say.days(target_days)}"
    return f"it would {back} at about {about} requests a day or more"
