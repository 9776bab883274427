"""One renderer that turns a pair's structured input into text, everywhere."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["field_text", "render_fields"]


def field_text(value: Any) -> str:
    """The value of one field as text: lists joined with `, `, nested objects as compact JSON, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # The plain types first: asking for the abstract ones is what costs most in reading fields.
    if isinstance(value, list | tuple) or (not isinstance(value, dict | int | float | bytes) and _is_sequence(value)):
        return ", ".join(field_text(item) for item in value)
    if isinstance(value, dict) or (not isinstance(value, int | float) and isinstance(value, Mapping)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence)


def render_fields(fields: Mapping[str, Any], *, leave_out: Sequence[str] = ()) -> str:
    """The fields as `name: value` lines in their order; null and empty fields, and `leave_out`, are left out."""
    lines = []
    for name, value in fields.items():
        text = field_text(value)
        if text and name not in leave_out:
            lines.append(f"{name}: {text}")
    return "\n".join(lines)
