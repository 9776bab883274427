"""What was observed of a server, next to what was recorded at judging, and how far the outputs of the two agree.

Every test of a cause (`prompt_causes.py`, `answer_causes.py`) gets the same `Observations`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

# --- agreement of outputs -------------------------------------------------------------------------------------------

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


# --- probe chats ----------------------------------------------------------------------------------------------------

Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Probe:
    """Prompt tokens of one probe chat: as the server counted them, as the judged model's template makes them, and without
    what it writes to begin the answer; None if unknown."""

    server: int | None
    expected: int | None
    unopened: int | None = None

    @property
    def offset(self) -> int | None:
        """How many more tokens the server counted; None if one of the counts is unknown."""
        return None if self.server is None or self.expected is None else self.server - self.expected


def probe_chats() -> dict[str, Chat]:
    """The chats by name. A default system message shows in `alone` and not in `with system`; a missing beginning of the answer
    or a doubled begin token is the same in all; another template changes with the number of turns."""

    def message(role: str, text: str = "Hello.") -> dict[str, str]:
        return {"role": role, "content": text}

    return {
        "alone": [message("user")],
        "with system": [message("system"), message("user")],
        "two turns": [message("user"), message("assistant"), message("user")],
    }


def read_probes(
    counted: Mapping[str, int | None], expected: Callable[[Sequence[Chat], bool], Sequence[int]] | None
) -> dict[str, Probe]:
    """The probes with both counts. `expected` counts chats with the judged template, with or without the beginning of an
    answer; None without its tokenizer."""
    chats = probe_chats()
    if expected is None:
        return {name: Probe(counted.get(name), None) for name in chats}
    opened, unopened = expected(list(chats.values()), True), expected(list(chats.values()), False)
    return {
        name: Probe(counted.get(name), ours, bare) for name, ours, bare in zip(chats, opened, unopened, strict=True)
    }


# --- observations and causes ----------------------------------------------------------------------------------------

# One row per requested pair. Tokens are counts; `recorded_prompt` is the judged model's count of the whole prompt. `error` is a
# failure after all tries; then the served columns are null.
ROW_SCHEMA = {
    "id": pl.String, "recorded": pl.String, "served": pl.String, "recorded_prompt": pl.Int64, "served_prompt": pl.Int64,
    "recorded_tokens": pl.Int64, "served_tokens": pl.Int64, "recorded_finish": pl.String, "served_finish": pl.String,
    "recorded_seconds": pl.Float64, "served_seconds": pl.Float64, "reasoning_tokens": pl.Int64, "error": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Marks:
    """What the judged model's tokenizer and template write: the text that ends a turn, the texts of all control tokens, and
    the text that begins an input, if there is one."""

    end_of_turn: str
    controls: tuple[str, ...] = ()
    begin: str | None = None


@dataclass(frozen=True)
class Reading:
    """One request as the two read it: the judged model's token ids and the server's, and how a token is spelt.

    `server_text` is the server's rendering where it tells it, `expected_text` the judged one.
    """

    expected: Sequence[int]
    server: Sequence[int]
    spell: Callable[[int], str] = field(repr=False)
    server_text: str | None = None
    expected_text: str | None = None

    @property
    def same_text(self) -> bool:
        """Whether both cut the same text into tokens; False if the server's text is unknown."""
        return self.server_text is not None and self.server_text == self.expected_text

    @property
    def first_difference(self) -> int | None:
        """The place of the first token that differs, or at which one ends; None if they are the same."""
        pairs = zip(self.expected, self.server, strict=False)
        shorter = min(len(self.expected), len(self.server))
        place = next((n for n, (ours, theirs) in enumerate(pairs) if ours != theirs), shorter)
        return None if place == len(self.expected) == len(self.server) else place


@dataclass(frozen=True)
class Observations:
    """All that was seen. What could not be looked at is None or empty, and no test may claim anything from it.

    `again`: rows (`id`, `first`, `second`) of requests that were sent twice. `probes`: short chats with the prompt tokens that
    were counted and expected. `base`: the base model's output by id, where known, by the same request. `margins`: how sure the
    judged model was, if its weights are here. `declared_bits`: bits per weight, and `declared_context`: tokens, as the server
    says. `split` cuts a text into tokens.
    """

    rows: pl.DataFrame
    temperature: float = 0.0
    max_new_tokens: int = 0
    again: pl.DataFrame | None = None
    probes: Mapping[str, Probe] = field(default_factory=dict)
    reading: Reading | None = None
    base: Mapping[str, str] = field(default_factory=dict)
    margins: Margins | None = None
    marks: Marks | None = None
    declared_bits: float | None = None
    declared_context: int | None = None
    split: Split = words

    @cached_property
    def answered(self) -> pl.DataFrame:
        """The rows with an answer of the server, even an empty one."""
        return self.rows.filter(pl.col("error").is_null()).with_columns(pl.col("recorded", "served").fill_null(""))

    @property
    def greedy(self) -> bool:
        """Whether the judged model generated at temperature 0, so that its texts can be expected again."""
        return self.temperature == 0

    @cached_property
    def places(self) -> list[Place]:
        """Where each answered output leaves the recorded one."""
        texts = self.answered.select("recorded", "served").iter_rows()
        return [parting(recorded, served, self.split) for recorded, served in texts]

    @cached_property
    def next_token_share(self) -> float | None:
        """The share of places at which the server wrote the recorded next token; None where texts cannot be compared."""
        return next_token_share(self.places) if self.greedy else None

    @cached_property
    def prompt_offsets(self) -> pl.Series:
        """How many more prompt tokens the server counted than the judged model, for each row where both are known."""
        known = self.answered.select("recorded_prompt", "served_prompt").drop_nulls()
        return known["served_prompt"] - known["recorded_prompt"]


@dataclass(frozen=True)
class Cause:
    """Why a server's outputs are not the judged ones: `says` is a sentence with the figures, `advice` what to do about it.

    `id` names the test, `evidence` are its numbers.
    """

    id: str
    says: str
    advice: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The cause as `check.json` holds it."""
        return {"id": self.id, "says": self.says, "advice": self.advice, "evidence": dict(self.evidence)}
