"""The fields of a request: given as an object, or read from a text that is written in a form of fields."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

_PARSED_AT_ONCE = 2_000


def field_text(value: Any) -> str:
    """The value of one field as text: lists joined with `, `, nested objects as compact JSON, null as empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # Plain types first: `isinstance` with abstract types is the slowest part of reading fields.
    if isinstance(value, list | tuple) or (
        not isinstance(value, dict | int | float | bytes) and isinstance(value, Sequence)
    ):
        return ", ".join(field_text(item) for item in value)
    if isinstance(value, dict) or (not isinstance(value, int | float) and isinstance(value, Mapping)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def render_fields(fields: Mapping[str, Any], *, leave_out: Sequence[str] = ()) -> str:
    """The fields as `name: value` lines in their order, without null and empty ones and those in `leave_out`."""
    lines = []
    for name, value in fields.items():
        text = field_text(value)
        if text and name not in leave_out:
            lines.append(f"{name}: {text}")
    return "\n".join(lines)


# --- fields in texts ----------------------------------------------------------------------------------------------

_NAME = r"[^\W\d_][\w /().#%&+-]{0,39}"
_LINE = re.compile(rf"\s*(?:[-*•]\s+)?(\**{_NAME}?\**)\s*:(?:\s+(.*))?", re.DOTALL)
_MOST_NAME_WORDS = 4
# A name of a field begins with none of these words, a sentence often does.
_SENTENCE = re.compile(
    r"(?:an?|and|but|he|here|i|if|it|please|she|so|that|the|there|these|they|this|we|when|you)\s", re.I
)
_BRACKET = rf"\s*({_NAME}?)\s*\[([^\[\]]*)\]\s*(?:[,;]|\Z)"
_BRACKETS, _ALL_BRACKETS = re.compile(_BRACKET), re.compile(rf"(?:{_BRACKET})++")
_ONE_BRACKET = re.compile(r"[^\W\d_]\w*\[[^\[\]]*\]")  # a single field has a name of one word
# Dialogue acts: `inform(name='x',food=y)`, `?request(area)`, several of them joined by `&` or a space.
_QUOTED = r"'(?:[^'\\]|\\.|'(?![,;)]))*'" + r'|"(?:[^"\\]|\\.)*"'
_ASSIGNED, _ASKED = r"[^\W\d]\w*", r"[^\W\d]\w+"
_ACT = re.compile(rf"(\??[^\W\d]\w+)\(((?:{_QUOTED}|[^()'\"]|(?<=\w)['\"])*+)\)\s*[&|,]?\s*")
_SLOT = {
    mark: re.compile(rf"\s*(?:({_ASSIGNED})\s*=\s*({_QUOTED}|{value})|({_ASKED}))\s*(?:{mark}|\Z)")
    for mark, value in ((";", r"[^;]*"), (",", rf"(?:[^,]|,(?!\s*{_ASSIGNED}\s*=|{_ASKED}(?:,|\Z)))*"))
}
# A dialogue is written like fields. Its speakers have roles or names, and what they say is speech.
_ROLE = re.compile(
    r"(?:agent|ai|assistant|bot|caller|customer|human|operator|person|speaker|system|tool|user|q|a)[ _#]?\d*", re.I
)
_GREETING = re.compile(r"(?:hi|hello|hey|thanks|thank you|good (?:morning|afternoon|evening|night))\b", re.I)
# What may be fields, looked for in many texts at once: anchored, so that it costs nothing for other texts.
_MAY_BE = rf"\A\s*(?:\{{|(?:[-*•]\s+)?\**{_NAME}\s*(?:\[[^\[\]]*\]|\**\s*:(?:\s|\z))|\??\w+\()".replace(
    "[^\\W\\d_]", r"\p{L}"
)


def read_fields(text: str, *, known: Collection[str] = ()) -> dict[str, Any] | None:
    """The fields that a text consists of: a JSON object, `name[value], name[value]`, `name: value` lines (or between `;`
    or ` | `), or dialogue acts such as `inform(name='x',food=y)`.

    An act is the field `act`, and what it asks for without a value is `requested`. None if anything else is in the text,
    a line's name occurs twice, there is only one line, or the lines are a dialogue. With `known`, the names of all fields
    that there may be, one line is enough, and other names are none.
    """
    text = text.strip()
    if text.startswith("{"):
        return _json_fields(text)
    if text.endswith("]"):
        return _bracket_fields(text)
    if text.endswith(")") and (acts := _act_fields(text)) is not None:
        return acts
    return _line_fields(text, known) if ":" in text else None


def all_fields(objects: pl.Series, texts: pl.Series) -> list[Mapping[str, Any]]:
    """The fields of many rows: those of the JSON object, or else those that the text consists of; or an empty mapping."""
    rows: list[Mapping[str, Any]] = []
    given = objects.replace("", None)
    for part in given.fill_null("{}").to_frame().iter_slices(_PARSED_AT_ONCE):
        # Parsing many objects as one text takes half the time of parsing them one by one.
        rows += json.loads(f"[{','.join(part.to_series())}]")
    written = (given.is_null() & texts.str.contains(_MAY_BE)).fill_null(False).arg_true()
    read: dict[str, Mapping[str, Any]] = {}
    for row, text in zip(written, texts.gather(written), strict=True):
        if text not in read:
            read[text] = read_fields(text) or {}
        rows[row] = read[text]
    return rows


def _json_fields(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found else None


def _bracket_fields(text: str) -> dict[str, str] | None:
    if not _ALL_BRACKETS.fullmatch(text):
        return None
    pairs = _BRACKETS.findall(text)
    fields = dict(pairs)
    if len(fields) < len(pairs) or (len(pairs) == 1 and not _ONE_BRACKET.fullmatch(text)):
        return None
    return fields


def _act_fields(text: str) -> dict[str, Any] | None:
    fields: dict[str, list[str]] = {"act": []}
    at = 0
    while at < len(text):
        if (act := _ACT.match(text, at)) is None:
            return None
        at = act.end()
        fields["act"].append(act[1])
        mark, slots, start = ";" if ";" in act[2] else ",", act[2].strip(), 0
        while start < len(slots):
            if (slot := _SLOT[mark].match(slots, start)) is None:
                return None
            start = slot.end()
            name, value = (slot[1], _unquoted(slot[2].strip())) if slot[1] else ("requested", slot[3])
            fields.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value


def _line_fields(text: str, known: Collection[str]) -> dict[str, str] | None:
    separator = next((mark for mark in ("\n", " | ", ";") if mark in text), None) if not known else "\n"
    first, *others = text.split(separator)
    if (not others and not known) or _LINE.fullmatch(first) is None:  # most texts
        return None
    fields: dict[str, str] = {}
    for part in (first, *others):
        if not part.strip():
            continue
        found = _LINE.fullmatch(part)
        if found is None or (name := found[1].strip("* ")) in fields:
            return None
        if name not in known and (known or len(name.split()) > _MOST_NAME_WORDS or _SENTENCE.match(name)):
            return None
        fields[name] = (found[2] or "").strip()
    return fields if known or (len(fields) > 1 and not _is_dialogue(fields)) else None


def _is_dialogue(fields: Mapping[str, str]) -> bool:
    """Whether names are speakers and values what they say."""
    if all(map(_ROLE.fullmatch, fields)):
        return True
    said = list(fields.values())
    named = all(name.isalpha() and name.istitle() for name in fields)
    asks = any(text.endswith(("?", "!")) for text in said) and all(text.endswith((".", "?", "!", "…")) for text in said)
    return named and (asks or _GREETING.match(said[0]) is not None)
