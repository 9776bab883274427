"""What was seen of a server, beside what was recorded at judging: the material of every test of a cause."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from .agreement import Margins, Place, Split, next_token_share, parting, words
from .probes import Probe

__all__ = ["ROW_SCHEMA", "Marks", "Reading", "Seen"]

# One row per pair asked. Tokens are counts; `recorded_prompt` is the judged model's count of the whole prompt. `error` is a
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
class Seen:
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
        """Whether the judged model was asked at temperature 0, so that its texts can be expected again."""
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
