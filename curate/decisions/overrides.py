"""People's decisions about single rows, as lines of `overrides.jsonl`, and the contents by which they name rows."""

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import polars as pl

from ...core import ConfigError, DataError, nearest, parsed_line, read_regular
from ..read import clean_text, pair_contents
from ..run_files import pair_lines, read_ledger, read_summary

# Bytes of a file of decisions, which is read as a whole: some two million decisions.
_MOST = 500_000_000

Decision = Literal["keep", "drop", "train", "validation", "test"]
EDITED = "with another output"  # in the ledger's evidence for a row that a person edited
DECISIONS: tuple[Decision, ...] = get_args(Decision)


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """A decision about the row with this id.

    content: the hash of the pair as it was read (`pair_contents`), by which it is found again under another id; without
    it, the id alone counts. keep: kept whatever the rules say. drop: dropped. train, validation, test: kept in that
    split. text: the output of a kept row, in place of its own. when: the time in UTC (ISO 8601); decisions made together
    have the same.
    """

    id: str
    content: str = ""
    decision: Decision
    who: str = ""
    why: str = ""
    text: str | None = None
    when: str = ""

    def __post_init__(self) -> None:
        if self.decision not in DECISIONS:
            raise ConfigError(f'unknown decision "{self.decision}"; {nearest(self.decision, list(DECISIONS))}')
        if self.text is not None and self.decision == "drop":
            raise ConfigError("a dropped row cannot be given another output; decide keep, or leave the text out")
        if self.text is not None and not self.text.strip():
            raise ConfigError('the text is empty; to remove the row, decide "drop"')
        for name in ("id", "who", "why", "text"):
            value = getattr(self, name) or ""
            if clean_text(value) != value:
                raise ConfigError(f'"{name}" holds half of a character (a lone surrogate); write it again')

    def __str__(self) -> str:
        by = f" by {self.who}" if self.who else ""
        text = f", {EDITED}" if self.text is not None else ""
        return f"Decided{by}: {self.decision}{text}" + (f" ({self.why})" if self.why else "")


_KEYS = ("id", "content", "decision", "who", "why", "text", "when")
_BEGINS = b'{"id": '  # every line that Tuneworth writes
_SHOWN = 80  # characters of an unfinished line that a message shows


def stamp(override: Override | None) -> str:
    """A short hash of a decision, by which another one is noticed; empty for none."""
    return "" if override is None else hashlib.blake2b(override_line(override), digest_size=8).hexdigest()


def override_line(override: Override) -> bytes:
    """The line of a decision, with its line feed."""
    stated = {name: value for name, value in asdict(override).items() if value or name in ("id", "decision")}
    return json.dumps(stated, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True)
class Lines:
    """The decisions in the bytes of a file, one per line that is not blank.

    whole: the number of bytes that hold them. torn: the bytes after them, which a writer left unfinished that was
    killed or is at work; no one was told that they are saved.
    """

    overrides: tuple[Override, ...] = ()
    whole: int = 0
    torn: bytes = b""

    @property
    def cut(self) -> str:
        """A sentence about the unfinished line; empty if there is none."""
        if not self.torn:
            return ""
        shown = self.torn.replace(b"\0", b"").decode(errors="replace").strip()
        shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
        return f"a half-written line at the end of overrides.jsonl, never confirmed as saved: {shown or 'zero bytes'}"


def parse_lines(data: bytes, *, where: Path, after: int = 0) -> Lines:
    """The decisions in the bytes of the file `where`, of which they follow that many lines.

    Raises: DataError naming every line that is not a decision, and what is wrong with it.
    """
    whole = _whole(data)
    found, problems = [], []
    for number, line in enumerate(data[:whole].split(b"\n"), start=after + 1):
        if not is_blank(line):
            try:
                found.append(_override(line.removeprefix(BOM_UTF8)))
            except (ConfigError, ValueError) as error:
                problems.append(f"line {number}: {error}")
    if problems:
        raise DataError.of(problems, where=str(where))
    return Lines(tuple(found), whole, data[whole:])


def _whole(data: bytes) -> int:
    """The number of bytes before an unfinished line or batch.

    A batch is written with a zero byte in place of its first one, which is set last and makes it valid. When a system
    crashes, its file may also end in zero bytes.
    """
    batch = b"\0" + _BEGINS[1:]
    if data.startswith(batch):
        return 0
    if (line_feed := data.find(b"\n" + batch)) >= 0:
        return line_feed + 1
    last = data.rfind(b"\n") + 1
    return last if _is_torn(data[last:]) else len(data)


def _is_torn(line: bytes) -> bool:
    """Whether a last line without line feed is the beginning of one of ours; editors leave whole ones like that."""
    if line.startswith(b"\0"):
        return True
    if not line or not (line.startswith(_BEGINS) or _BEGINS.startswith(line)):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return False


def is_blank(line: bytes) -> bool:
    """Whether a line holds no decision; some editors put a byte order mark before the first."""
    return not line.removeprefix(BOM_UTF8).strip()


def read_overrides(path: Path) -> tuple[Override, ...]:
    """The decisions of a file, in its order; empty if there is no such file. An unfinished last line is left out.

    Raises:
        DataError: naming every line that is not a decision, and what is wrong with it.
    """
    return parse_lines(file_bytes(path), where=path).overrides


def file_bytes(path: Path) -> bytes:
    """The content of a file of decisions; empty if there is no such file.

    Raises: DataError if it cannot be read.
    """
    try:
        return read_regular(path, what="file of decisions", most=_MOST)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error})") from None


def _override(line: bytes) -> Override:
    value = parsed_line(line, "overrides.jsonl")
    if unknown := [name for name in value if name not in _KEYS]:
        raise ValueError("; ".join(f'unknown key "{name}"; {nearest(name, list(_KEYS))}' for name in unknown))
    # An id that the data hold as a number is text everywhere else.
    return Override(**{name: str(value[name]) for name in _KEYS if value.get(name) is not None})  # type: ignore[arg-type]


_TEXTS: dict[str, Any] = dict.fromkeys(("input", "fields", "output"), pl.String)


def row_contents(run: Path, ids: Collection[str]) -> dict[str, str]:
    """The content of each of these rows before a person or a repair changed it; rows that were no pair are left out.

    Raises: DataError if the run has no ledger, or it is damaged.
    """
    wanted = pl.Series(sorted(set(ids)), dtype=pl.String)
    rows = read_ledger(run, ["row", "id", "content", "evidence"], pl.col("id").is_in(wanted.implode()))
    found = dict(rows.drop_nulls("content").select("id", "content").rows())
    # The ledger holds the content that counts: of an edited row that of its new text, of a dropped one none.
    edited = pl.col("evidence").str.contains(EDITED, literal=True).fill_null(False)
    others = set(rows.filter(edited | pl.col("content").is_null())["row"].to_list())
    identifiers = read_summary(run).get("identifiers") or []
    pairs = [pair for pair in pair_lines(run) if pair["row"] in others] if others else []
    return found | dict(zip((pair["id"] for pair in pairs), contents_as_read(pairs, identifiers), strict=True))


def contents_as_read(pairs: Sequence[Mapping[str, Any]], identifiers: Collection[str]) -> list[str]:
    """The content of each canonical pair before a person or a repair changed its output, by which decisions know it."""
    texts = [
        (
            pair["input"],
            None if pair["fields"] is None else json.dumps(pair["fields"], ensure_ascii=False),
            pair["output"] if pair.get("written") is None else pair["written"],
        )
        for pair in pairs
    ]
    return pair_contents(pl.DataFrame(texts, schema=_TEXTS, orient="row"), identifiers)
