"""How far two outputs agree, and how strongly a server's arithmetic differs from the judged model's."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Margins", "Place", "is_noisier", "next_token_share", "parting", "rounding_noise", "words"]

_WORD = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")
Split = Callable[[str], Sequence[int | str]]


def words(text: str) -> list[str]:
    """The words and marks of a text with the space before each: what stands for tokens where no tokenizer is at hand.

    >>> words("4.7 kohm, 0603")
    ['4', '.', '7', ' kohm', ',', ' 0603']
    """
    return _WORD.findall(text)


@dataclass(frozen=True)
class Place:
    """Where two outputs part: after `agreed` tokens; `parts` is False if they are the same to the end."""

    agreed: int
    parts: bool


def parting(recorded: str, served: str, split: Split) -> Place:
    """Where the served output leaves the recorded one. The end of an output counts as a token.

    >>> parting("a red box", "a blue box", words), parting("a", "a", words)
    (Place(agreed=1, parts=True), Place(agreed=2, parts=False))
    """
    if recorded == served:
        return Place(len(split(recorded)) + 1, parts=False)
    ours, theirs = split(recorded), split(served)
    agreed = next(
        (n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
    )
    return Place(agreed, parts=True)


def next_token_share(places: Iterable[Place]) -> float | None:
    """The share of places at which the server wrote the recorded next token, given the same text before; None for no place.

    Behind the first difference the two write about other texts, so only the places up to it count.
    """
    agreed = parted = 0
    for place in places:
        agreed, parted = agreed + place.agreed, parted + place.parts
    return agreed / (agreed + parted) if agreed + parted else None


@dataclass(frozen=True)
class Margins:
    """How sure the judged model was, in nats, at each place up to the first difference.

    `kept` (places,): its likeliest token over the second one, where the server wrote the recorded token. `left` (rows,): the
    recorded token over the one that the server wrote instead, at each first difference.
    """

    kept: np.ndarray
    left: np.ndarray


FINEST, WIDEST, STEPS = 1e-3, 30.0, 32  # nats, and steps between them before the best is refined


def rounding_noise(margins: Margins) -> float | None:
    """The most likely standard deviation, in nats, of what the server adds to the judged model's margins.

    A server that computes the same function with other rounding leaves the recorded text only where two tokens are nearly
    equally likely. With normally distributed additions of standard deviation s, a token with margin m is kept with
    probability Phi(m / s); s is the maximum of the likelihood over all places. None without places.
    """
    from scipy.optimize import minimize_scalar

    if not len(margins.kept) and not len(margins.left):
        return None
    grid = np.linspace(np.log(FINEST), np.log(WIDEST), STEPS)
    best = int(np.argmin([_unlikelihood(step, margins) for step in grid]))
    if best == 0:
        return FINEST
    bounds = (grid[best - 1], grid[min(best + 1, STEPS - 1)])
    found: Any = minimize_scalar(_unlikelihood, bounds=bounds, args=(margins,), method="bounded")
    return float(np.exp(found.x))


SURE = 6.63  # twice the difference of log likelihoods that chance exceeds once in a hundred times (Wilks 1938)


def is_noisier(margins: Margins, noise: float) -> bool:
    """Whether the server adds more than `noise`, with 99% confidence by the likelihood ratio; a few differences do not tell."""
    likely = rounding_noise(margins)
    if likely is None or likely <= noise:
        return False
    return 2 * (_unlikelihood(float(np.log(noise)), margins) - _unlikelihood(float(np.log(likely)), margins)) > SURE


def _unlikelihood(log_noise: float, margins: Margins) -> float:
    from scipy.special import log_ndtr

    noise = np.exp(log_noise)
    kept, left = np.maximum(margins.kept, 0), np.maximum(margins.left, 0)
    return -float(log_ndtr(kept / noise).sum() + log_ndtr(-left / noise).sum())
