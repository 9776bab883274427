"""How many pairs show a difference, and how small a difference so many pairs show."""

import math
from statistics import NormalDist


def pairs_needed(
    p_baseline: float,
    difference: float,
    discordant_share: float | None = None,
    *,
    power: float = 0.8,
    confidence: float = 0.95,
    correlation: float = 0.0,
) -> int | None:
    """Pairs that show a difference this large with this power; None for no difference or one beyond 0..1.

    Connor 1987 (Biometrics 43, 207). Without `discordant_share` it follows from both shares and their correlation, 0 if
    unknown; this is cautious, since outcomes with a positive correlation need fewer pairs.
    The exact test is slightly more conservative than the formula: at 80% it reaches 77 to 78% on these numbers.

    >>> pairs_needed(0.70, 0.24), pairs_needed(0.70, 0.24, power=0.9)
    (42, 55)
    """
    needed = _connor(p_baseline, difference, discordant_share, power, confidence, correlation)
    return None if needed is None else math.ceil(needed - 1e-9)


def detectable_difference(p_baseline: float, n: float, discordant_share: float | None = None) -> float | None:
    """The smallest gap from `p_baseline` that n pairs show with 80% power, upwards or else downwards.

    `discordant_share` is the measured share; a gap cannot exceed it, so it grows with the gap if necessary. Without it the
    correlation is assumed to be 0. None if even the widest gap needs more pairs.
    """
    for end in (1 - p_baseline, -p_baseline):
        needed = _shown_by(p_baseline, end, discordant_share)
        if needed is None or needed > n:
            continue
        near, far = 0.0, 1.0
        for _ in range(60):  # the number needed falls as the gap grows: bisect until it is n
            middle = (near + far) / 2
            at = _shown_by(p_baseline, end * middle, discordant_share)
            near, far = (middle, far) if at is None or at > n else (near, middle)
        return abs(end) * far
    return None


def _shown_by(p_baseline: float, difference: float, discordant_share: float | None) -> float | None:
    if abs(difference) <= 1e-9:
        return None
    share = None if discordant_share is None else max(discordant_share, abs(difference))
    return _connor(p_baseline, difference, share, 0.8, 0.95, 0.0)


def _connor(
    p_baseline: float, difference: float, share: float | None, power: float, confidence: float, correlation: float
) -> float | None:
    other = p_baseline + difference
    if difference == 0 or not -1e-12 <= other <= 1 + 1e-12:
        return None
    if share is None:
        together = correlation * math.sqrt(max(p_baseline * (1 - p_baseline) * other * (1 - other), 0.0))
        share = p_baseline * (1 - other) + other * (1 - p_baseline) - 2 * together
    if share < abs(difference) - 1e-12:
        raise ValueError(f"a difference of {difference} needs at least that share of discordant pairs, not {share}")
    spread = math.sqrt(max(share - difference**2, 0.0))
    normal = NormalDist()
    root = normal.inv_cdf(0.5 + confidence / 2) * math.sqrt(share) + normal.inv_cdf(power) * spread
    return (root / difference) ** 2
