"""What the style's rules accept: own outputs, outputs of other requests, and texts that only repeat the input."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ....core import decimals_beside, from_json
from ....core import unbroken as say
from ....style import Discrimination

__all__ = ["Accepted", "accepted_rows", "accepts_sentence"]


class Accepted(NamedTuple):
    """The shares that a rule accepts, as text, and the difference between own outputs and those of other requests."""

    rule: str
    own: str
    shuffled: str
    fields_only: str
    difference: str


def accepts_sentence(data: Mapping[str, Any]) -> str:
    """How well the rules of a curation or a run tell right answers from wrong ones; empty if that was not measured."""
    found = _found(data)
    return from_json(found, Discrimination).sentence if found else ""


def accepted_rows(data: Mapping[str, Any]) -> list[Accepted]:
    """All must rules together, then each of them, those that tell most first; empty if that was not measured."""
    found = _found(data)
    if not found:
        return []
    rules = sorted((found.get("by_check") or {}).items(), key=lambda item: (-_difference(item[1]), item[0]))
    return [_row("all must rules", found), *(_row(name, shares) for name, shares in rules)]


def _found(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return (data.get("style") or {}).get("discrimination") or {}


def _difference(shares: Mapping[str, Any]) -> float:
    return shares["own"] - shares["shuffled"]


def _row(rule: str, shares: Mapping[str, Any]) -> Accepted:
    shuffled, own, _ = say.change(shares["shuffled"], shares["own"])
    difference = say.points(_difference(shares), decimals_beside(shares["shuffled"], shares["own"]))
    return Accepted(rule, own, shuffled, say.percent(shares["fields_only"]), difference)
