"""Explains the outcome of one row: the rule, and the other row involved."""

import mmap
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from ...core import DataError, notebook_page, open_stored, printable, read_stored_lines, stored_line
from ...style import field_text, render_fields
from ..match import GRAM
from ..read import comparable_fields, comparable_input
from ..run_files import (
    MISPAIRED,
    PAIRS,
    SET_ASIDE,
    ledger_rows,
    read_summary,
    scan_ledger,
    set_aside_files,
    split_files,
)
from ..split import SPLITS

_MOST = 64 * 2**20  # bytes of split files that are searched: a second or two


def nearest_kept(run: Path, pair: dict[str, Any]) -> tuple[str, float] | None:
    """The id of the kept row whose input is most similar to this pair's, with their similarity.

    None if no row is similar, or the files are too large to search for one answer.
    """
    paths = [path for split in SPLITS for path in split_files(run, split)]
    if sum(path.stat().st_size for path in paths) > _MOST:
        return None
    identifiers = read_summary(run).get("identifiers") or []
    grams = _grams(_comparable(pair, identifiers))
    ids, texts = [], []
    for path in paths:
        for other in read_stored_lines(path, PAIRS):
            if other["row"] != pair["row"]:
                ids.append(other["id"])
                texts.append(_comparable(other, identifiers))
    best = _most_similar(grams, texts, ids)
    return None if best is None else (ids[best[0]], best[1])


def _most_similar(grams: frozenset[str], texts: Sequence[str], ids: Sequence[str]) -> tuple[int, float] | None:
    """The position of the text with the most similar grams; ties go to the smallest id."""
    shared = pl.DataFrame({"text": texts}).select(
        n=pl.col("text").str.extract_many(sorted(grams), overlapping=True).list.unique().list.len()
    )["n"]
    best: tuple[float, str, int] | None = None
    # Most promising first: n shared grams of |grams| give a similarity of at most n / |grams|.
    for place in shared.arg_sort(descending=True).to_list():
        n = shared[place]
        if not n or (best is not None and n / len(grams) < -best[0]):
            break
        other = _grams(str(texts[place]))
        both = len(grams & other)
        candidate = (-both / len(grams | other), str(ids[place]), int(place))
        if both and (best is None or candidate < best):
            best = candidate
    return None if best is None else (best[2], -best[0])


def _grams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + GRAM] for i in range(len(text) - GRAM + 1)) or frozenset((text,))


def _comparable(pair: dict[str, Any], identifiers: Sequence[str]) -> str:
    if pair["fields"] is None:
        return comparable_input(pair["input"], None, identifiers)
    return comparable_fields(pair["fields"], identifiers)


_SHOWN = 2000  # characters of a text
_NEAR_IDS = 20_000  # ids compared with a misspelt one
_ROW = re.compile(r"(?:row[ :=]?)?([0-9]{1,9})")
_ID = 80  # characters of an id
_MEANS = {
    "kept": "It is in the {split} split",
    "duplicate": "It repeats a row that is kept",
    "conflict": "Its input also has another answer; a person must decide which one is right",
    "invalid": "It cannot be used",
    "leaked": "It would be in two splits",
    "quarantined": "A person must review it",
    "decided": "A person dropped it",
}


@dataclass(frozen=True, repr=False)
class Explanation:
    """A row's outcome with its reason; texts are None if the row could not be read or there is no other row.

    other_row, other_id: the row that this one repeats, contradicts or would leak to; for a kept row the most similar
    kept row, with the similarity of their inputs, if the data are small enough to search, or the one whose request its
    output fits better (then `similarity` is the probability that it belongs to its own). written, fixed: the output as it
    was read, if a repair or a person changed it, and the rules by which it was repaired. fields, other_fields: the inputs as
    fields, if they are. numbered_id: if the requested id is also the number of another row, that row's id in quotes.
    """

    row: int
    id: str | None
    outcome: str
    split: str | None
    rule: str | None
    evidence: str | None
    other_id: str | None
    similarity: float | None
    input: str | None
    output: str | None
    other_input: str | None
    other_output: str | None
    other_row: int | None = None
    other_outcome: str | None = None
    other_split: str | None = None
    file: str | None = None
    group: str | None = None
    reference_ok: bool | None = None
    written: str | None = None
    fixed: tuple[str, ...] = ()
    numbered_id: str | None = None
    fields: dict[str, Any] | None = None
    other_fields: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return printable(str(self))

    def _repr_html_(self) -> str:
        texts = [
            (title, text) for part, texts in self._texts() for title, text in [*([(part, "")] if part else []), *texts]
        ]
        return notebook_page(self._title(), figures=self._facts(), texts=texts, notes=self._notes())

    def __str__(self) -> str:
        lines = [self._title(), *(f"{name}: {text}" for name, text in self._facts()), *self._notes()]
        for part, texts in self._texts():
            lines += [
                "",
                *([part] if part else []),
                *(line for title, text in texts for line in (f"{title}:", _indented(text))),
            ]
        return "\n".join(lines)

    def _title(self) -> str:
        named = f" {_named(self.id)}" if self.id else ""
        place = f" of {self.file}" if self.file else ""
        return f"Row {self.row}{place}{named}: {self.outcome}" + (f" ({self.split})" if self.split else "")

    def _facts(self) -> list[tuple[str, str]]:
        note = None
        if self.numbered_id is not None:
            note = f'"{self.id}" is its id; for the row with that number, {self.numbered_id}, write "row {self.id}"'
        found = (("Note", note), ("Rule", self.rule), ("Why", self._reason()))
        return [(name, text) for name, text in found if text]

    def _notes(self) -> list[str]:
        if self.input is not None:
            return []
        return ["Its text was not stored, because it could not be read as a pair. See that row of the file."]

    def _texts(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The texts of the row, and those of the other one under a title."""
        parts = []
        if self.input is not None:
            own = [("Input", self._shown_input()), ("Output", self.output or "")]
            before = "Output before repair" if self.fixed else "Output as it was read"
            parts.append(("", own + ([(before, self.written)] if self.written is not None else [])))
        if self.other_input is not None:
            other = [("Input", self._shown_other_input()), ("Output", self.other_output or "")]
            parts.append((self._other_title(), other))
        return parts

    def _shown_input(self) -> str:
        """The input; with another one to compare it with, the fields that differ come first."""
        if self.fields is None or self.other_fields is None:
            return self.input or ""
        differ = _differing(self.fields, self.other_fields)
        return render_fields(dict(sorted(self.fields.items(), key=lambda field: field[0] not in differ)))

    def _shown_other_input(self) -> str:
        """The other input: only the fields that differ, and the names of the others."""
        if self.input == self.other_input:
            return "(the same)"
        if self.fields is None or self.other_fields is None:
            return self.other_input or ""
        differ = _differing(self.fields, self.other_fields)
        same = [name for name, value in self.other_fields.items() if name not in differ and field_text(value)]
        lines = [render_fields({name: value for name, value in self.other_fields.items() if name in differ})]
        return "\n".join([*filter(None, lines), *([f"(the same: {', '.join(same)})"] if same else [])])

    def _reason(self) -> str:
        means = _MEANS[self.outcome].format(split=self.split) + "."
        reason = f"{means} {self.evidence}" if self.fixed else self.evidence or means
        if self.reference_ok is False and self.outcome == "kept":
            reason += (
                " Its output breaks a must rule, so it is no reference; test rows are not chosen by their outputs."
            )
        return reason

    def _other_title(self) -> str:
        similarity = f"similarity {self.similarity:.2f}, " if self.similarity is not None else ""
        outcome = f"{self.other_outcome}, {self.other_split}" if self.other_split else f"{self.other_outcome}"
        title = "Most similar kept row:" if self.outcome == "kept" else "Compared with"
        if self.rule == MISPAIRED:
            title, similarity = "Its output fits better:", ""
        return f"{title} {_named(self.other_id or '')} ({similarity}row {self.other_row}, {outcome})"


def why(run: Path, row_or_id: str, *, nearest: bool = True) -> Explanation:
    """The explanation of the row with this id or, if no id matches, of this row number.

    `row 817` is the row of that number, even if another one has the id `817`. With `nearest`, a kept row is compared with
    the most similar kept one, which is searched for.

    Raises:
        DataError: there is no such row (the closest ids and the range of rows are named), or the run is not curated.
    """
    run, row_or_id = Path(run), str(row_or_id)
    found = ledger_rows(run, pl.col("id") == row_or_id)
    numbered = _numbered(run, row_or_id)
    if not len(found):
        found, numbered = numbered, numbered.clear()
    if not len(found):
        raise DataError(_unknown(run, row_or_id))
    entry = found.row(0, named=True)
    pair = _pair(run, entry)
    searched = nearest and entry["outcome"] == "kept" and entry["other_id"] is None
    near = nearest_kept(run, pair) if searched and pair is not None else None
    other_id, similarity = near or (entry["other_id"], entry["similarity"])
    other = _entry(run, other_id)
    other_pair = None if other is None else _pair(run, other)
    pair, other_pair, other = pair or {}, other_pair or {}, other or {}
    names = ("row", "id", "outcome", "split", "rule", "evidence")
    return Explanation(
        **{name: entry[name] for name in names},
        other_id=other_id,
        similarity=similarity,
        input=pair.get("input"),
        output=pair.get("output"),
        other_input=other_pair.get("input"),
        other_output=other_pair.get("output"),
        other_row=other.get("row"),
        other_outcome=other.get("outcome"),
        other_split=other.get("split"),
        file=entry.get("file"),
        group=pair.get("group"),
        reference_ok=pair.get("reference_ok"),
        written=pair.get("written"),
        fixed=tuple(entry["fixed"].split(", ")) if entry.get("fixed") else (),
        fields=pair.get("fields"),
        other_fields=other_pair.get("fields"),
        numbered_id=None if entry["row"] in numbered["row"] else _id_of(numbered),
    )


def _differing(fields: Mapping[str, Any], others: Mapping[str, Any]) -> set[str]:
    """The names of the fields that differ between two inputs."""
    return {name for name in {*fields, *others} if field_text(fields.get(name)) != field_text(others.get(name))}


def _numbered(run: Path, query: str) -> pl.DataFrame:
    """The row with this number, written alone or as `row 817`."""
    number = _ROW.fullmatch(query)
    return ledger_rows(run, pl.col("row") == int(number[1]) if number else pl.lit(False))


def _id_of(rows: pl.DataFrame) -> str | None:
    return (_named(rows["id"][0]) if rows["id"][0] else "which could not be read") if len(rows) else None


def _entry(run: Path, id: str | None) -> dict[str, Any] | None:
    if id is None:
        return None
    found = ledger_rows(run, pl.col("id") == id)
    return found.row(0, named=True) if len(found) else None


def _pair(run: Path, entry: dict[str, Any]) -> dict[str, Any] | None:
    """The canonical line of a row; None if it is in no file because it could not be read."""
    files = split_files(run, entry["split"]) if entry["split"] else set_aside_files(run)
    kind = PAIRS if entry["split"] else SET_ASIDE
    return next(_lines_of(files[entry["part"]], entry["row"], kind), None) if entry["part"] < len(files) else None


def _lines_of(path: Path, row: int, kind: str) -> Iterator[dict[str, Any]]:
    """Lines of this row. The bytes are searched first: parsing all lines of a large file would take a minute."""
    wanted = f'"row": {row},'.encode()
    with ExitStack() as held:
        file = held.enter_context(open_stored(path, kind))
        if not path.stat().st_size:  # it cannot be mapped
            return
        data = held.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        at = data.find(wanted)
        while at >= 0:
            start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            value = stored_line(data[start : end if end >= 0 else len(data)], kind, path=path, start=start)
            if value["row"] == row:  # not a field of the data with the same text
                yield value
            at = data.find(wanted, end) if end >= 0 else -1


def _unknown(run: Path, query: str) -> str:
    near = get_close_matches(query, _candidates(run, query), n=3, cutoff=0.5)
    hint = "similar ids: " + ", ".join(f'"{name}"' for name in near) if near else "no id is similar"
    first, last = scan_ledger(run).select(first=pl.col("row").min(), last=pl.col("row").max()).collect().row(0)
    return f'{run} has no row "{query}"; {hint}\nRow numbers go from {first} to {last}.'


def _candidates(run: Path, query: str) -> Collection[str]:
    """The ids to compare with; if there are very many, only those with the same beginning."""
    ids = scan_ledger(run).select("id").drop_nulls()
    first = ids.head(_NEAR_IDS + 1).collect()["id"]
    if len(first) <= _NEAR_IDS:
        return first.to_list()
    return ids.filter(pl.col("id").str.starts_with(query[:3])).head(_NEAR_IDS).collect()["id"].to_list()


def _named(id: str) -> str:
    """The id in quotes, on one line and truncated."""
    flat = " ".join(id.split())
    return f'"{flat if len(flat) <= _ID else flat[:_ID] + "…"}"'


def _indented(text: str) -> str:
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + f"… ({len(text):,} characters)"
    return "\n".join("  " + line for line in shown.splitlines())
