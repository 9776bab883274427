"""Counts what curating would give after people's decisions: what does not depend on them is done once and kept.

Decisions drop rows, keep them, put them into splits, or replace outputs; inputs never change. So reading, masking, the
checks of each row and the join are done once. Every count runs the same steps as `curate` on the rows that remain, up to
the certificate.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import polars as pl

from ..core import Clock, ConfigError, DataError
from .check import mask_text
from .check_parts import CheckedPairs, CheckedParts, check_each, combine, corpus_in_memory
from .decisions import Override, decide
from .each import InMemory
from .match import Corpus, Memory
from .part import Changes, CheckedPart, CurateRequest, PairTexts, check_part, content_forms, find_values, names_found
from .read import RawPairs, ReadParts
from .split import PinnedSplits, find_crossing
from .steps import (
    RelatedPairs,
    SplitPairs,
    leaked_as_stated,
    relate,
    relate_by_meaning,
    settle,
    split,
    without_crossing,
)
from .summary import Counts


class Recount:
    """The counts that `curate` would give for the same pairs, whatever people decide.

    A count of 50,000 rows takes about half a second of one core (`benchmarks/recount.md`), more with many similar inputs, and
    some seconds where `tie_meaning` ties rows again for each count. It changes what is kept, so one thread counts at a time.
    With method "auto" the join of all rows says whether it is exact or by candidates: decisions that bring millions of rows
    below that limit are not noticed.

    >>> rows = [{"id": f"r{n}", "input": f"part {n}", "output": f"Part number {n}."} for n in range(50)]
    >>> asked = CurateRequest(style=None, settings=CurateSettings())
    >>> recount = Recount.of(read_frame(rows), asked, pinned=PinnedSplits(), seed=0)
    >>> recount.counts([Override(id="r7", decision="drop")]).outcomes["decided"]
    1
    """

    def __init__(self, found: CheckedParts, pinned: PinnedSplits, seed: int) -> None:
        (part,) = found.parts
        self._found = found
        self._rows = _Rows(part, found.request)
        self._pinned = pinned
        self._seed = seed
        self._forms: list[list[str]] | None = None
        text = corpus_in_memory(found.parts, identifiers=found.request.identifiers).text
        self._memory = Memory.of(part.numbers["row"].to_numpy(), text)

    @classmethod
    def of(cls, raw: RawPairs, request: CurateRequest, *, pinned: PinnedSplits, seed: int) -> "Recount":
        """Check and join the pairs once; the decisions of the `request` do not matter.

        Raises:
            ConfigError: as `curate`.
        """
        counter = request.token_counter()
        # Requests that say the same in other words are listed in the summary; no row depends on them unless they are tied.
        settings = replace(
            request.settings, meaning=request.settings.meaning if request.settings.tie_meaning else False
        )
        request = replace(request, settings=settings, overrides=(), count_tokens=lambda: counter)
        recount = cls(check_each(ReadParts.of(raw), request, clock=Clock({})), pinned, seed)
        with suppress(DataError):  # without decisions no pair to train on may remain
            recount.counts(())
        return recount

    def counts(self, overrides: Sequence[Override]) -> Counts:
        """The counts of `curate` with these decisions.

        Raises:
            ConfigError, DataError: as `curate`, for example if no pair to train on remains.
        """
        settings, pairs = self._found.request.settings, self._checked(overrides)
        related = relate(pairs, settings, pinned=self._pinned)
        settled = settle(pairs, related, settings)
        related = relate_by_meaning(pairs, related, settled, settings)
        divided = split(pairs, related, settled, settings, seed=self._seed)
        if related.relations.method.name == "candidates":
            divided = self._without_crossing(pairs, related, divided)
        rejected, outcomes = pairs.raw.rejected.select("outcome", "rule"), leaked_as_stated(pairs, divided)
        outcome = pl.Series("outcome", outcomes.outcome.tolist(), dtype=pl.String).append(rejected["outcome"])
        rule = pl.Series("rule", outcomes.rule.tolist(), dtype=pl.String).append(rejected["rule"])
        return Counts.of(outcome, rule, divided.table["split"])

    def _checked(self, overrides: Sequence[Override]) -> CheckedPairs:
        """The pairs that remain with these decisions, with the outputs that people gave."""
        raw, decided = decide(self._found.raw, overrides, self._contents)
        mask = self._found.request.settings.mask
        texts = {row: mask_text(text) if mask else text for row, text in decided.texts.items()}
        places = np.searchsorted(self._memory.rows, raw.pairs["row"].to_numpy())
        found = replace(self._found, raw=raw, decided=decided, parts=[self._rows.at(places, texts)])

        def remembered(parts: Sequence[CheckedPart], *, identifiers: Collection[str]) -> Corpus:
            corpus = corpus_in_memory(parts, identifiers=identifiers)
            return corpus.remembering(self._memory, np.array(sorted(texts), np.int64))

        return combine(found, clock=Clock({}), corpus_of=remembered)

    def _contents(self) -> list[list[str]]:
        """The hashes by which decisions may name the pairs, made once."""
        if self._forms is None:
            forms = content_forms(self._rows.as_read, identifiers=self._found.request.identifiers)
            self._forms = [form.to_list() for form in forms]
        return self._forms

    def _without_crossing(self, pairs: CheckedPairs, related: RelatedPairs, divided: SplitPairs) -> SplitPairs:
        """Without the train rows that the certificate would find."""
        if related.relations.skew.capped:
            raise ConfigError(
                "so many inputs follow one template that only curating tells the counts: which of them meet depends on all"
            )
        threshold = self._found.request.settings.near_duplicate
        crossing = find_crossing(pairs.corpus, divided.kept, divided.rows, threshold=threshold)
        return without_crossing(divided, crossing, pairs) if len(crossing.train) else divided


class _Rows:
    """What is known of all rows as read, followed by that of rows with another output, each checked once."""

    def __init__(self, part: CheckedPart, request: CurateRequest) -> None:
        self._request = request
        self._whole = part
        self._read = len(part.numbers)
        self._edited: dict[tuple[int, str], int] = {}  # row number and text: the position among the rows

    @property
    def as_read(self) -> pl.DataFrame:
        """The pairs as they were read."""
        return self._whole.texts.pairs.read()[: self._read]

    def at(self, positions: np.ndarray, texts: Mapping[int, str]) -> CheckedPart:
        """The part with the rows as read at these positions, with the outputs `texts` by row number; with all texts."""
        rows = self._whole.numbers["row"][: self._read].to_numpy()
        here = np.array(sorted(set(texts) & set(rows[positions].tolist())), np.int64)
        self._check(np.searchsorted(rows, here), {row: texts[row] for row in here.tolist()})
        chosen = positions.copy()
        chosen[np.searchsorted(rows[positions], here)] = [self._edited[row, texts[row]] for row in here.tolist()]
        whole, total = self._whole, len(self._whole.numbers)
        pairs, numbers = whole.texts.pairs.read()[chosen], whole.numbers[chosen]
        repairs = _of_rows(whole.texts.repairs.read(), chosen, total)
        findings = replace(
            whole.findings,
            rows=whole.findings.rows[chosen],
            evidence=_of_rows(whole.findings.evidence, chosen, total),
            repairs=_of_rows(whole.findings.repairs, chosen, total),
        )
        columns = self._request.columns
        found = {
            name: numbers[f"value {name}"].is_not_null().any() or find_values(pairs, column)[1]
            for name, column in columns.items()
        }
        return replace(
            whole, texts=PairTexts(InMemory(pairs), whole.texts.dropped, InMemory(repairs)), numbers=numbers, findings=findings,
            found=found, fields=names_found(pairs, self._request.identifiers),
        )  # fmt: skip

    def _check(self, positions: np.ndarray, texts: Mapping[int, str]) -> None:
        """Append these rows with these outputs, where they are not known yet."""
        new = [at for at, edit in zip(positions.tolist(), texts.items(), strict=True) if edit not in self._edited]
        if not new:
            return
        whole, total = self._whole, len(self._whole.numbers)
        pairs = whole.texts.pairs.read()[new].drop("written")
        rows = pairs["row"].to_list()
        changes = Changes(texts={row: texts[row] for row in rows})
        made = check_part(pairs, changes=changes, request=self._request, buckets=1)
        self._edited |= {(row, texts[row]): total + place for place, row in enumerate(rows)}
        outputs = _appended(whole.outputs.read(), made.outputs.read())
        self._whole = replace(
            whole,
            texts=PairTexts(
                InMemory(_appended(whole.texts.pairs.read(), made.texts.pairs.read())),
                whole.texts.dropped,
                InMemory(_appended(whole.texts.repairs.read(), made.texts.repairs.read(), total)),
            ),
            numbers=_appended(whole.numbers, made.numbers),
            outputs=InMemory(outputs.unique("key", keep="first", maintain_order=True)),
            findings=replace(
                whole.findings,
                rows=_appended(whole.findings.rows, made.findings.rows),
                evidence=_appended(whole.findings.evidence, made.findings.evidence, total),
                repairs=_appended(whole.findings.repairs, made.findings.repairs, total),
            ),
        )


def _appended(table: pl.DataFrame, made: pl.DataFrame, moved: int = 0) -> pl.DataFrame:
    """The table with further rows, whose `index` is moved by this much."""
    made = made.with_columns(pl.col("index") + pl.lit(moved, pl.UInt32)) if moved else made
    return pl.concat([table, made], how="vertical_relaxed", rechunk=True)


def _of_rows(table: pl.DataFrame, chosen: np.ndarray, total: int) -> pl.DataFrame:
    """The entries of the chosen rows, whose positions become those in `chosen`."""
    place = np.full(total, -1)
    place[chosen] = np.arange(len(chosen))
    at = place[table["index"].to_numpy()]
    index = pl.Series("index", at[at >= 0], dtype=pl.UInt32)
    return table.filter(pl.Series(at >= 0)).with_columns(index).sort("index", maintain_order=True)
