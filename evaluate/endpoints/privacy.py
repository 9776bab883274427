"""Keeps texts with personal data on this machine: everything that would be sent is looked through first."""

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from itertools import chain

import polars as pl

from ...core import ConfigError
from ...curate import find_personal, mask_text
from ..outputs.prompts import examples_of
from .remote_plan import RemotePlan

__all__ = ["MASK_ADVICE", "check_privacy", "personal_data_sent"]


MOST_NAMED = 5  # ids in a message
MASK_ADVICE = (
    "Nothing was sent. Set mask = true under [curate] and start a new run to mask the pairs, or set personal_data "
    '= "allow" under [evaluate] to send them unmasked.'
)


def check_privacy(plans: Sequence[RemotePlan], *, store: Container[str]) -> None:
    """Check all texts that would be sent to other hosts for personal data; nothing is sent. `store` has the keys of answers
    that exist.

    Raises: ConfigError with the kinds, their counts and where they occur, but no values.
    """
    hosts: dict[str, dict[tuple[str, str, str], None]] = {}
    for plan in plans:
        if not plan.endpoint.on_this_machine:
            hosts.setdefault(plan.host, {}).update(dict.fromkeys(_texts(plan, store)))
    if problems := [text for host, texts in hosts.items() if (text := personal_data_sent(host, list(texts)))]:
        raise ConfigError("\n".join([*problems, MASK_ADVICE]))


def _texts(plan: RemotePlan, store: Container[str]) -> Iterable[tuple[str, str, str]]:
    """The texts to be sent: the part of the request, its variant or pair, the text."""
    missing = plan.missing(store)
    if not missing:
        return
    variant = plan.variant
    if variant.guide:
        yield "guide", variant.name, variant.guide
    pairs = plan.pairs[sorted({request.index for request in missing if request.index >= 0})]
    for question, answer in dict.fromkeys(chain(variant.examples, *examples_of(variant, pairs))):
        yield "few-shot examples", variant.name, question
        yield "few-shot examples", variant.name, answer
    for id, text, system in pairs.select("id", "input", "system").iter_rows():
        yield "input", id, text
        if system:
            yield "system message", id, system


def personal_data_sent(host: str, texts: list[tuple[str, str, str]]) -> str | None:
    """The personal data in texts that would be sent, in words: kinds, counts and places, no values; None if there is none.

    Each text comes with its part of the request and the variant or pair that it belongs to.
    """
    hits = find_personal(pl.Series([text for _, _, text in texts], dtype=pl.String))
    if not len(hits):
        return None
    kinds = Counter(hits["what"])
    owners: dict[str, dict[str, None]] = {}
    for index in hits["index"]:
        part, owner, _ = texts[index]
        owners.setdefault(part, {})[owner] = None
    places = "; ".join(f"in the {part} of {_named(list(names))}" for part, names in owners.items())
    counts = ", ".join(f"{count} {what}" for what, count in sorted(kinds.items()))
    return f"personal data would be sent to {host}: {counts}; {places}"


def _named(names: list[str]) -> str:
    """The first names; an id may itself be an address, so it is masked."""
    shown = ", ".join(f'"{mask_text(name)}"' for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
