"""Builds requests in the form that the model was tuned and judged on. Needs only Python 3.9 or later.

python request.py '{"name": "value"}'         prints the body of a chat completion
python request.py --text '{"name": "value"}'  prints the text of the request alone
python request.py < records.jsonl             prints a body for each line
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

# --- of this model ---
MODEL: str = "model"
FIELDS: list[str] = []  # in their order; if empty, in the order of the record
BEFORE: list[dict[str, str]] = []  # messages between the system message and the request
GUIDE: str | None = None  # begins the system message
SETTINGS: dict[str, Any] = {}  # of every call
STRIPPED: list[str] = []  # roles whose texts are stripped here, since the served template does not strip them
IN_USER_TURN: bool = False  # whether the system message goes to the beginning of the first user message
# --- end ---


def field_text(value: object) -> str:
    """The text of a value: lists joined by ", ", objects as compact JSON, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return ", ".join(field_text(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def request_text(record: str | Mapping[str, Any]) -> str:
    """A line `name: value` for each field that is not empty; a text is used as it is.

    Raises: ValueError for a field that the model never saw.
    """
    if isinstance(record, str):
        return _whole(record)
    texts = {name: text for name, value in record.items() if (text := field_text(value))}
    unknown = [name for name in texts if FIELDS and name not in FIELDS]
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; the model knows {', '.join(FIELDS)}")
    return _whole("\n".join(f"{name}: {texts[name]}" for name in FIELDS or texts if name in texts))


def messages(record: str | Mapping[str, Any], system: str | None = None) -> list[dict[str, str]]:
    """The chat for one record; `system` is the record's own system message, if the data have one."""
    guide = "\n\n".join(part for part in (GUIDE, system) if part)
    chat = [{"role": "system", "content": guide}] if guide else []
    chat += [*BEFORE, {"role": "user", "content": request_text(record)}]
    if IN_USER_TURN and guide:
        chat[:2] = [{"role": "user", "content": f"{guide}\n\n{chat[1]['content']}"}]
    return [{**turn, "content": turn["content"].strip()} if turn["role"] in STRIPPED else turn for turn in chat]


def body(record: str | Mapping[str, Any], system: str | None = None) -> dict[str, Any]:
    """The body of a call of /v1/chat/completions."""
    return {"model": MODEL, "messages": messages(record, system), **SETTINGS}


def _whole(text: str) -> str:
    """The text with lone surrogates replaced, since no request can contain them."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def _main(words: list[str]) -> None:
    if words and words[0] in ("-h", "--help"):
        print((__doc__ or "").strip())
        return
    as_text = bool(words) and words[0] == "--text"
    for line in words[as_text:] or sys.stdin:
        if line.strip():
            record = json.loads(line, parse_constant=lambda name: None if name == "NaN" else name)
            print(request_text(record) if as_text else json.dumps(body(record), ensure_ascii=False))


if __name__ == "__main__":
    _main(sys.argv[1:])
