"""Personal data is held back: nothing that holds any goes to another machine unless the project allows it."""

from collections import Counter
from collections.abc import Iterable, Sequence

import polars as pl

from ...curate.masks import mask_text
from ...curate.personal import find_personal
from ...style.errors import ConfigError
from .answer_store import AnswerStore
from .remote_plan import RemotePlan

__all__ = ["check_privacy"]

MOST_NAMED = 5  # ids in a message


def check_privacy(plans: Sequence[RemotePlan], *, store: AnswerStore) -> None:
    """Look through everything that is still to be sent to hosts that are not this machine; nothing is sent.

    Raises: ConfigError with the sorts found, how many of each, and where they stand; never with a value.
    """
    hosts: dict[str, dict[tuple[str, str, str], None]] = {}
    for plan in plans:
        if not plan.endpoint.on_this_machine:
            hosts.setdefault(plan.host, {}).update(dict.fromkeys(_texts(plan, store)))
    if problems := [text for host, texts in hosts.items() if (text := _found(host, list(texts)))]:
        raise ConfigError(
            "\n".join(problems)
            + '\nNothing was sent. [curate] mask = true in a new run masks the pairs; [evaluate] personal_data = "allow" '
            "sends them as they are."
        )


def _texts(plan: RemotePlan, store: AnswerStore) -> Iterable[tuple[str, str, str]]:
    """What would be sent: the part of the request, whose it is, the text."""
    missing = plan.missing(store)
    if not missing:
        return
    variant = plan.variant
    if variant.guide:
        yield "guide", variant.name, variant.guide
    for asked, answered in variant.examples:
        yield "few-shot examples", variant.name, asked
        yield "few-shot examples", variant.name, answered
    places = sorted({request.index for request in missing if request.index >= 0})
    for id, text, system in plan.pairs[places].select("id", "input", "system").iter_rows():
        yield "input", id, text
        if system:
            yield "system message", id, system


def _found(host: str, texts: list[tuple[str, str, str]]) -> str | None:
    hits = find_personal(pl.Series([text for _, _, text in texts], dtype=pl.String))
    if not len(hits):
        return None
    sorts = Counter(hits["what"])
    owners: dict[str, dict[str, None]] = {}
    for index in hits["index"]:
        part, owner, _ = texts[index]
        owners.setdefault(part, {})[owner] = None
    said = "; ".join(f"in the {part} of {_named(list(names))}" for part, names in owners.items())
    counts = ", ".join(f"{count} {what}" for what, count in sorted(sorts.items()))
    return f"personal data would be sent to {host}: {counts}; {said}"


def _named(names: list[str]) -> str:
    """The first names; an id may itself be an address, which is not repeated."""
    shown = ", ".join(f'"{mask_text(name)}"' for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
