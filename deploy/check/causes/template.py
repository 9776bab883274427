"""Another chat template than the judged one: the first token that differs, or what the counts of probe chats tell."""

from collections.abc import Sequence

from ....core import say
from ..seen import Reading, Seen
from .begin import begin
from .cause import Cause

__all__ = ["template"]

AROUND = 6  # tokens shown on each side of a difference
LEAST_ROWS = 3
ADVICE = (
    "Give the server the chat template of the run's adapter (chat_template.jinja in train/adapter): --chat-template-file for "
    "llama.cpp, --chat-template for vLLM, TEMPLATE in a Modelfile; `tuneworth export` writes it."
)


def template(seen: Seen) -> Cause | None:
    """Claimed if the server's tokens of a request differ; without them, if its counts of probe chats do, or else if it counts
    the same number of tokens more or fewer in every request."""
    if begin(seen) is not None:
        return None
    if seen.reading is not None:
        return _read_otherwise(seen.reading)
    return _by_probes(seen) if _known(seen) else _by_rows(seen)


def _known(seen: Seen) -> bool:
    return bool(seen.probes) and all(probe.offset is not None for probe in seen.probes.values())


def _read_otherwise(reading: Reading) -> Cause | None:
    place = reading.first_difference
    if place is None or reading.same_text:
        return None
    ours, theirs = reading.expected, reading.server
    what = _kind(ours, theirs)
    return Cause(
        "template",
        f"The server's chat template is another one: {what}token {place + 1} of the first request is "
        f"{_token(reading, theirs, place)} and was {_token(reading, ours, place)} at judging.",
        ADVICE,
        {
            "first_differing_token": place + 1,
            "judged": _around(reading, ours, place),
            "served": _around(reading, theirs, place),
            "judged_tokens": len(ours),
            "served_tokens": len(theirs),
        },
    )


def _kind(ours: Sequence[int], theirs: Sequence[int]) -> str:
    """What the server does otherwise, if it is one stretch of tokens that it adds or leaves out; else nothing."""
    start, end = _shared(ours, theirs), _shared(ours[::-1], theirs[::-1])
    more = len(theirs) - len(ours)
    if more < 0 and start == len(theirs):
        return "it does not begin the answer; "
    if more > 0 and start == len(ours):
        return f"it writes {say.count(more, 'token')} after the request; "
    if more > 0 and start + end >= len(ours):
        return f"it adds {say.count(more, 'token')}, such as a default system message; "
    if more < 0 and start + end >= len(theirs):
        return f"it leaves out {say.count(-more, 'token')}, such as a default system message; "
    return ""


def _shared(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """The number of first tokens that both have."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(ours), len(theirs)))


def _token(reading: Reading, ids: Sequence[int], place: int) -> str:
    return repr(reading.spell(ids[place])) if place < len(ids) else "none"


def _around(reading: Reading, ids: Sequence[int], place: int) -> str:
    return "".join(reading.spell(id) for id in ids[max(0, place - AROUND) : place + AROUND])


def _by_probes(seen: Seen) -> Cause | None:
    offsets = {name: probe.offset or 0 for name, probe in seen.probes.items()}
    alone, system, turns = (offsets[name] for name in ("alone", "with system", "two turns"))
    if not any(offsets.values()):
        return None
    unopened = seen.probes["alone"]
    opening = (unopened.expected or 0) - (unopened.unopened or 0)
    if alone == turns and system == 0:
        does = "adds a system message of its own" if alone > 0 else "leaves out the system message that it should add"
        counts = f"it counts {say.count(abs(alone), 'token')} {_more(alone)}"
        what = f"without a system message {counts}, and with one the same number: it {does}"
    elif alone == system == turns == -opening:
        counts = f"it counts {say.count(opening, 'token')} fewer for every chat"
        what = f"{counts}, as many as begin the answer: it does not begin it"
    else:
        counts = ", ".join(f"{abs(offset)} {_more(offset)} {_PLACE[name]}" for name, offset in offsets.items())
        what = f"for short chats it counts other numbers of tokens ({counts})"
    return Cause("template", f"The server's chat template is another one: {what}.", ADVICE, {"offsets": offsets})


_PLACE = {"alone": "for one message", "with system": "with a system message", "two turns": "for two turns"}


def _more(offset: int) -> str:
    return "more" if offset >= 0 else "fewer"


def _by_rows(seen: Seen) -> Cause | None:
    """Without the judged template at hand: every request has the same number of tokens more or fewer."""
    offsets = seen.prompt_offsets
    if len(offsets) < LEAST_ROWS or offsets.n_unique() > 1 or offsets[0] == 0:
        return None
    return Cause(
        "template",
        f"The server's chat template is another one: it counts {say.count(abs(offsets[0]), 'token')} {_more(offsets[0])} in "
        f"each of {say.count(len(offsets), 'request')} than at judging.",
        ADVICE,
        {"offset": offsets[0], "requests": len(offsets)},
    )
