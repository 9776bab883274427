"""The check `clean`: what a model or an export leaves behind in a text, and refusals."""

import re
from dataclasses import dataclass

import polars as pl

from ..columns import Columns
from ..findings import Findings, faults, regex_places
from ..kind import Kind
from ..schema import Check
from ..words import ready_pattern

__all__ = ["CLEAN", "refused"]

# Each with what it is called in a message. Rust syntax; case is ignored.
_LEFTOVERS = {
    "fences": r"```",
    "assistant phrases": r"\bas an ai\b|\bas a (?:large )?language model\b|^\s*(?:sure|certainly|of course|absolutely)[,!.]"
    r"|^\s*here(?:'s| is| are) (?:the|a|an|your|my)\b|\bi hope this helps\b|\blet me know if\b|\bfeel free to\b"
    r"|<\|[a-z_]+\|>|\[/?inst\]|^\s*(?:assistant|ai)\s*:",
    "placeholders": r"\blorem ipsum\b|\bTODO\b|\bTBD\b|\{\{[^}]*\}\}|\[(?:insert|your|name|company|product)\b[^\]]*\]|\bxxx+\b",
    "mojibake": r"\x{FFFD}|Ã[\x{80}-\x{BF}¡-¿]|â€|Â[ °±µ·]|ï»¿",
}
# A refusal stands at the beginning: the same words inside a long text are ordinary language.
_REFUSAL = (
    r"(?i)\A\s*(?:i['’]?m sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)[,.]?\s+(?:but\s+)?(?:i|we)\s+"
    r"(?:can(?:no|['’])?t|am unable|['’]m unable|do not|don['’]t)"
    r"|\A\s*(?:i|we)\s+(?:can(?:not|['’]t)|am unable to|['’]m unable to|won['’]t)\s+"
    r"(?:help|assist|provide|write|create|generate|comply|fulfil)"
)
# An echo is a line of the request that stands in the output; shorter lines may well be said again.
_ECHO_CHARACTERS = 24


@dataclass(frozen=True)
class CleanParameters:
    """`allow`: texts, or names of whole sorts of leftovers, that are no violation."""

    allow: tuple[str, ...] = ()


def refused(outputs: pl.Series) -> pl.Series:
    """Where an output opens with a refusal to do the task."""
    return outputs.str.contains(_REFUSAL)


def _find_clean(check: Check, columns: Columns) -> Findings:
    p: CleanParameters = check.parameters
    allowed = {text.lower() for text in p.allow}
    rows = []
    for name, pattern in _LEFTOVERS.items():
        if name not in allowed:
            for index, found, start, end in regex_places(columns.output, ready_pattern(pattern, ignore_case=True)):
                if found.strip().lower() not in allowed:
                    rows.append((index, found, start, end, f"no {name}"))
    if "refusals" not in allowed:
        rows += [(i, text, start, end, "no refusal") for i, text, start, end in regex_places(columns.output, _REFUSAL)]
    if "prompt echo" not in allowed:
        rows += _echoes(columns)
    return Findings(faults(sorted(rows, key=lambda row: (row[0], row[2]))))


def _echoes(columns: Columns) -> list[tuple[int, str, int, int, str]]:
    """Lines `name: value` of the request that stand in the output word for word."""
    rows = []
    for index, (output, request) in enumerate(zip(columns.output, columns.input, strict=True)):
        for line in request.splitlines():
            if len(line) >= _ECHO_CHARACTERS and re.match(r"\w[\w ]*: ", line) and (start := output.find(line)) >= 0:
                rows.append((index, line, start, start + len(line), "no line of the request"))
    return rows


def _say_clean(check: Check) -> str:
    return "Give the text alone: no introduction, no remarks, no code fences, no placeholders, no part of the request repeated."


CLEAN = Kind("clean", "form", CleanParameters, _find_clean, _say_clean)
