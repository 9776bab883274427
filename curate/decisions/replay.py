"""Replays people's decisions: finds their rows, by id, or by content where ids were renumbered; drops, keeps, places these."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

import numpy as np
import polars as pl

from ...core import say
from ..check import Checked
from ..match import Corpus, Edges, Outcomes, Relations, settle
from ..read import RawPairs
from ..records import EditedReference, Overrides, SplitCounts
from ..settings import CurateSettings
from ..split import SPLITS
from .overrides import Override

RULE = "override"
_NAMED = 5  # unmatched ids that a warning shows
_LISTED = 200  # edited references; their texts stand in the summary


# The hashes by which each row may be known, one list per form, rows in the order of the table.
Contents = Callable[[], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Applied:
    """What decisions are about.

    by_place: the last decision about each row, by its place in the table. repeated: ids of rows with earlier ones that
    say something else. gone: decisions about ids that no row has. changed: decisions about rows that hold another pair
    since, which no other row holds.
    """

    by_place: Mapping[int, Override]
    repeated: Sequence[str] = ()
    gone: Sequence[Override] = ()
    changed: Sequence[Override] = ()


def apply_decisions(ids: Sequence[str], overrides: Sequence[Override], contents: Contents) -> Applied:
    """The decision that applies to each row: the last one about it.

    A decision that holds a content is about the row with its id if the row has that content, else about the rows with
    that content; one without is about its id. `contents` is asked only if a decision holds one.
    """
    # By id and content, since an id may have been another row's when an earlier decision named it.
    last = {(override.id, override.content): number for number, override in enumerate(overrides)}
    places = {name: place for place, name in enumerate(ids)} if last else {}
    forms = contents() if any(content for _, content in last) else ()
    own = {
        number: places[name]
        for (name, content), number in last.items()
        if name in places and (not content or any(form[places[name]] == content for form in forms))
    }
    elsewhere = [number for number in last.values() if number not in own and overrides[number].content]
    taken = {place for number, place in own.items() if overrides[number].content}
    about = {number: [place] for number, place in own.items()} | _moved(elsewhere, overrides, forms, taken)
    by_place = {place: overrides[number] for number in sorted(about) for place in about[number]}
    idle = [overrides[number] for number in last.values() if not about.get(number)]
    earlier = [(override, about.get(last[override.id, override.content], ())) for override in overrides]
    return Applied(
        by_place,
        sorted({ids[at] for made, found in earlier for at in found if made.decision != by_place[at].decision}),
        [override for override in idle if override.id not in places],
        [override for override in idle if override.id in places],
    )


def _moved(
    numbers: Iterable[int], overrides: Sequence[Override], forms: Sequence[Sequence[str]], taken: Collection[int]
) -> dict[int, list[int]]:
    """The rows of decisions whose id no longer has their content: those that have it and are not `taken` by their own.

    Several decisions about one content get a row each, those that keep first; further rows follow the last of them.
    """
    made = defaultdict(list)
    for number in numbers:
        made[overrides[number].content].append(number)
    rows = defaultdict(set)
    for form in forms if made else ():
        for place, content in enumerate(form):
            if content in made and place not in taken:
                rows[content].add(place)
    about = {}
    for content, several in made.items():
        found = sorted(rows[content])
        for at, number in enumerate(sorted(several, key=lambda number: overrides[number].decision == "drop")):
            about[number] = found[at:] if at == len(several) - 1 else found[at : at + 1]
    return about


@dataclass(frozen=True)
class Decided:
    """kept, side, evidence: one entry per pair, in the order of the table; side is -1 if no split was chosen.

    edits: the decisions that give another output, by row number. dropped: the pairs dropped by decision, as read.
    applied: the number of rows with a decision. unmatched: ids that no row has. changed: ids whose rows hold another
    pair since. edited: by row number, the output before and after an edit, as they are kept.
    """

    kept: np.ndarray
    side: np.ndarray
    evidence: np.ndarray
    edits: Mapping[int, Override]
    dropped: pl.DataFrame
    applied: int
    unmatched: tuple[str, ...]
    changed: tuple[str, ...]
    warnings: tuple[dict[str, str], ...]
    edited: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def texts(self) -> dict[int, str]:
        """The outputs that people gave, by row number."""
        return {row: override.text for row, override in self.edits.items() if override.text is not None}


def decide(raw: RawPairs, overrides: Sequence[Override], contents: Contents) -> tuple[RawPairs, Decided]:
    """The pairs without those dropped by decision, which then count as rejected; and the decisions applied.

    `contents` gives the hashes of the pairs, if a decision holds one.
    """
    ids = raw.pairs["id"].to_list() if overrides else []
    found = apply_decisions(ids, overrides, contents)
    applied = found.by_place
    drop = np.zeros(len(raw.pairs), bool)
    drop[[place for place, override in applied.items() if override.decision == "drop"]] = True
    evidence = np.full(len(raw.pairs), None, object)
    side = np.full(len(raw.pairs), -1)
    for place, override in applied.items():
        evidence[place] = str(override)
        side[place] = SPLITS.index(override.decision) if override.decision in SPLITS else -1
    kept = np.array([text is not None for text in evidence], bool) & ~drop
    rows = raw.pairs["row"]
    rejected = set(raw.rejected["id"].drop_nulls().to_list()) if found.gone else set()
    unmatched = tuple(dict.fromkeys(override.id for override in found.gone if override.id not in rejected))
    decided = Decided(
        kept[~drop],
        side[~drop],
        evidence[~drop],
        {rows[place]: override for place, override in applied.items() if override.text is not None},
        raw.pairs.filter(pl.Series(drop)),
        len(applied),
        unmatched,
        tuple(dict.fromkeys(override.id for override in found.changed)),
        tuple(_warnings(found, unmatched, ids)),
    )
    return (_without(raw, drop, evidence) if drop.any() else raw), decided


def _without(raw: RawPairs, drop: np.ndarray, evidence: np.ndarray) -> RawPairs:
    dropped = raw.pairs.filter(pl.Series(drop)).select(
        "row",
        "id",
        outcome=pl.lit("decided"),
        rule=pl.lit(RULE),
        evidence=pl.Series(evidence[drop].tolist(), dtype=pl.String),
    )
    rejected = pl.concat([raw.rejected, dropped.cast(raw.rejected.schema)]).sort("row")
    return replace(raw, pairs=raw.pairs.filter(pl.Series(~drop)), rejected=rejected)


def _warnings(found: Applied, unmatched: Sequence[str], ids: Sequence[str]) -> Iterator[dict[str, str]]:
    if found.repeated:
        last = {ids[place]: override.decision for place, override in found.by_place.items()}
        shown = _listed([f'"{name}": {last[name]}' for name in found.repeated])
        text = f"overrides.jsonl decided more than once about {say.count(len(found.repeated), 'row')}; the last one applies"
        yield {"code": "override_repeated", "text": f"{text}: {shown}"}
    for override in found.gone:
        if override.id not in unmatched and override.decision != "drop":
            text = f'overrides.jsonl: "{override.id}" cannot be read as a pair, so it cannot be kept; fix the row in the data'
            yield {"code": "override_unread", "text": text}
    if unmatched:
        text = f"overrides.jsonl has {say.count(len(unmatched), 'decision')} for ids that no row has"
        shown = _listed([_with_nearest(name, ids) for name in unmatched[:_NAMED]], len(unmatched))
        yield {"code": "override_unmatched", "text": f"{text}: {shown}"}
    if found.changed:
        named = list(dict.fromkeys(f'"{override.id}"' for override in found.changed))
        count = f"{say.count(len(named), 'decision')} that {'does' if len(named) == 1 else 'do'} not apply"
        text = f"overrides.jsonl has {count}, since the row holds another pair now: {_listed(named)}"
        yield {"code": "override_changed", "text": f"{text}. Decide again about what is there now."}


def _listed(names: Sequence[str], of: int | None = None) -> str:
    """The first names, and how many more there are."""
    more = (of or len(names)) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _with_nearest(name: str, ids: Sequence[str]) -> str:
    # Comparing with a million ids takes seconds; it is enough to compare those with the same first letters.
    close = get_close_matches(name, [i for i in ids if i[:2] == name[:2]][:20_000], n=1, cutoff=0.6)
    return f'"{name}"' + (f' (did you mean "{close[0]}"?)' if close else "")


def without_failures(checked: Checked, decided: Decided) -> Checked:
    """The check results, where a row kept by decision breaks no rule: its output counts as a good reference."""
    if not decided.kept.any():
        return checked
    return replace(checked, must=np.where(decided.kept, 0, checked.must), unfit=checked.unfit & ~decided.kept)


def preferred_first(rank: np.ndarray, decided: Decided, current: np.ndarray, pinned: np.ndarray) -> np.ndarray:
    """The order of preference: rows kept by decision first, then those already in a split.

    Among the latter, test precedes validation and train, so that copies do not shrink the test set. Among copies in
    one split, the one whose id is pinned comes first: a new copy does not replace it.
    """
    order = np.lexsort((rank, ~pinned, -current, ~decided.kept))
    preferred = np.empty(len(rank), np.int64)
    preferred[order] = np.arange(len(rank))
    return preferred


def settle_decided(
    corpus: Corpus, relations: Relations, rank: np.ndarray, decided: Decided, *, settings: CurateSettings
) -> Outcomes:
    """The outcomes before the split, where rows kept by decision are kept and resolve their own conflicts.

    Such a row is never a duplicate of another one, and pairs that contradict it are conflicts that name it.
    """
    if not decided.kept.any():
        return settle(corpus, relations, rank, settings=settings)
    firm = np.zeros(int(relations.item.max()) + 1, bool)
    firm[relations.item[decided.kept]] = True
    duplicates, conflicts = relations.duplicates, relations.conflicts
    one, both = _ends(firm, conflicts)
    lost = conflicts.take(one & (settings.conflicts == "quarantine"))
    gone = np.zeros(len(firm), bool)
    gone[lost.left] = gone[lost.right] = True
    gone &= ~firm
    separate = _ends(firm, duplicates)[1] | gone[duplicates.left] | gone[duplicates.right]
    settled = both | one if settings.conflicts == "quarantine" else both
    open_ = replace(relations, duplicates=duplicates.take(~separate), conflicts=conflicts.take(~settled))
    outcomes = settle(corpus, open_, rank, settings=settings)
    outcomes = _contradicting(outcomes, corpus.pairs["id"], relations.item, rank, lost, firm)
    kept = np.flatnonzero(decided.kept)
    return outcomes.mark(kept, "kept", rule=RULE, evidence=decided.evidence[kept])


def _contradicting(
    outcomes: Outcomes, ids: pl.Series, item: np.ndarray, rank: np.ndarray, lost: Edges, firm: np.ndarray
) -> Outcomes:
    """Mark rows whose item contradicts one kept by decision as conflicts with the most similar such row."""
    if not len(lost.left):
        return outcomes
    best = np.full(len(firm), -1)
    order = np.argsort(-rank, kind="stable")
    best[item[order]] = order
    keeper = best[np.where(firm[lost.left], lost.left, lost.right)]
    loser = np.where(firm[lost.left], lost.right, lost.left)
    similarity = np.minimum(lost.inputs, lost.outputs)
    by_similarity = np.lexsort((rank[keeper], -similarity, loser))
    _, first = np.unique(loser[by_similarity], return_index=True)
    chosen = by_similarity[first]
    against = np.full(len(firm), -1)
    against[loser[chosen]] = chosen
    rows = np.flatnonzero(against[item] >= 0)
    edge = against[item[rows]]
    names = ids.gather(keeper[edge])
    evidence = [f'The input of "{name}" with another answer; "{name}" is kept by decision.' for name in names]
    return outcomes.mark(
        rows, "conflict", rule="conflict", evidence=evidence, other=keeper[edge], similarity=similarity[edge]
    )


def _ends(firm: np.ndarray, edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    """Edges with one end kept by decision, and edges with both."""
    left, right = firm[edges.left], firm[edges.right]
    return left != right, left & right


def despite_decision(outcomes: Outcomes, decided: Decided) -> Outcomes:
    """Add to the evidence of rows that are dropped, because they would leak, although a decision keeps them."""
    rows = np.flatnonzero(decided.kept & ~outcomes.kept)
    sentences = [f"{outcomes.evidence[row]} {decided.evidence[row]}; leaking comes first." for row in rows.tolist()]
    column = outcomes.evidence.copy()
    column[rows] = sentences
    return replace(outcomes, evidence=column)


def summarise_decisions(decided: Decided, kept: pl.DataFrame) -> Overrides:
    """The entry about decisions in curate/summary.json; `kept` has the columns `row, id, split` of the kept rows."""
    edited = kept.filter(pl.col("row").is_in(list(decided.edited)))
    references = edited.filter(split="test").sort("row").select("row", "id").head(_LISTED)
    return Overrides(
        applied=decided.applied,
        unmatched=list(decided.unmatched),
        changed=list(decided.changed),
        edited=SplitCounts.of(edited["split"]),
        references=[_reference(decided, *row) for row in references.rows()],
    )


def _reference(decided: Decided, row: int, id: str) -> EditedReference:
    made, (before, after) = decided.edits[row], decided.edited[row]
    return EditedReference(row=row, id=id, who=made.who, why=made.why, when=made.when, before=before, after=after)


def edit_warnings(decided: Decided, kept: pl.DataFrame) -> Iterator[dict[str, str]]:
    """That references which people edited may favour the outputs that these people had seen."""
    rows = kept.filter((pl.col("split") == "test") & pl.col("row").is_in(list(decided.edited)))["row"].to_list()
    if rows:
        by = Counter(decided.edits[row].who or "unnamed" for row in rows)
        people = ", ".join(
            f"{name} {say.count(n)}" for name, n in sorted(by.items(), key=lambda one: (-one[1], one[0]))
        )
        are = "test reference was" if len(rows) == 1 else "test references were"
        text = f"{say.count(len(rows))} {are} edited by people ({people})."
        yield {
            "code": "references_edited",
            "text": f"{text} Edited after outputs were seen, a reference favours what was seen: let someone edit who has not.",
        }
