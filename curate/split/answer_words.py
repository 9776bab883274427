"""How many answers stand in train, in words: for a warning, a verdict and a report, without loading what counted them."""

from collections.abc import Mapping
from typing import Any

from ...core import say


def answers_in_train(summary: Mapping[str, Any]) -> str:
    """How many answers stand in train, as a clause: of the test rows, or of validation where test has none; else empty."""
    found, splits = summary.get("certificate") or {}, summary.get("splits") or {}
    in_test = found.get("answers_in_test") or {}
    kinds = ("verbatim", "similar")
    verbatim, similar = (in_test.get(kind) or 0 for kind in kinds)
    name = "test"
    if not verbatim + similar:
        verbatim, similar = (found.get(f"answers_{kind}") or 0 for kind in kinds)
        name = "validation"
    n, of = verbatim + similar, splits.get(name)
    if not n:
        return ""
    share = f" ({say.percent(n / of)})" if of else ""
    nearly = "word for word" + (" or nearly so" if similar else "") if verbatim else "nearly word for word"
    rows = f"{say.count(n)} of the {say.count(of)} {name} rows{share}"
    return f"{rows} {'has' if n == 1 else 'have'} an output that is also in train, {nearly}"
