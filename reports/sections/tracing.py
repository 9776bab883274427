"""Anchors of the lines and assumptions of the money, and links to them from the figures that rest on them."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

__all__ = ["ASSUMPTION", "LINE", "anchor", "link", "traced"]

LINE, ASSUMPTION = "f", "a"  # a figure's derivation, an assumption


def anchor(kind: str, key: str) -> str:
    """The id of a line or an assumption: `f-payback_days`, `a-tuned.price_input`. Blanks, which no id holds, become _."""
    joined = re.sub(r"\s", "_", key)
    return f"{kind}-{joined}"


def link(kind: str, key: str, text: str) -> Markup:
    """A link with this text to where the line or the assumption stands."""
    return Markup('<a href="#{}">{}</a>').format(quote(anchor(kind, key), safe=""), text)


def traced(money: Mapping[str, Any], kind: str, key: str, text: str) -> Markup | str:
    """The text as a link to its origin, or alone where this account has no such line or assumption."""
    entries = money.get("derivation" if kind == LINE else "assumptions") or []
    return link(kind, key, text) if any(entry.get("key") == key for entry in entries) else text
