"""Causes of a difference in what the server reads: the begin token, the chat template, the tokenizer, the context."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import polars as pl

from ...core import say
from .observations import Cause, Observations, Reading

# --- the begin token ----------------------------------------------------------------------------------------------


def find_begin_token(observed: Observations) -> Cause | None:
    """Claimed if the server reads exactly one token more at the beginning of the request; without its tokens, if its counts of
    all probes and all requests are one higher."""
    reading = observed.reading
    if reading is not None:
        if list(reading.server[1:]) != list(reading.expected) or not reading.expected:
            return None
        doubled = reading.server[0] == reading.expected[0]
        first = [reading.spell(id) for id in reading.server[:3]]
        return _begin_cause(first[0], doubled, {"first_tokens": first})
    offsets = {name: probe.offset for name, probe in observed.probes.items()}
    if not offsets or set(offsets.values()) != {1} or set(observed.prompt_offsets.unique()) - {1}:
        return None
    mark = None if observed.marks is None else observed.marks.begin
    return _begin_cause(mark, mark is not None, {"probes": offsets, "requests": len(observed.prompt_offsets)})


def _begin_cause(token: str | None, doubled: bool, evidence: Mapping[str, Any]) -> Cause:
    named = "" if token is None else f' "{token}"'
    return Cause(
        "begin",
        f"The server begins each request with two begin tokens{named} instead of one."
        if doubled
        else f"The server puts a begin token{named} before each request, and the judged model read none.",
        "Let only the chat template or only the tokenizer write the begin token: set add_bos_token to false "
        "(tokenizer.ggml.add_bos_token in a GGUF file), or remove the token from the template.",
        evidence,
    )


# --- the chat template --------------------------------------------------------------------------------------------

AROUND = 6  # tokens shown on each side of a difference
LEAST_ROWS = 3


def find_template(observed: Observations) -> Cause | None:
    """Claimed if the server's tokens of a request differ; without them, if its counts of probe chats do, or else if it counts
    the same number of tokens more or fewer in every request."""
    if find_begin_token(observed) is not None:
        return None
    if observed.reading is not None:
        return _template_by_tokens(observed.reading)
    counted = bool(observed.probes) and all(probe.offset is not None for probe in observed.probes.values())
    return _template_by_probes(observed) if counted else _template_by_rows(observed)


def _template_by_tokens(reading: Reading) -> Cause | None:
    place = reading.first_difference
    if place is None or reading.same_text:
        return None
    ours, theirs = reading.expected, reading.server
    return _template_cause(
        f"{_added_or_missing(ours, theirs)}token {place + 1} of the first request is "
        f"{_token(reading, theirs, place)} and was {_token(reading, ours, place)} at judging",
        {
            "first_differing_token": place + 1,
            "judged": _around(reading, ours, place),
            "served": _around(reading, theirs, place),
            "judged_tokens": len(ours),
            "served_tokens": len(theirs),
        },
    )


def _added_or_missing(ours: Sequence[int], theirs: Sequence[int]) -> str:
    """What differs, if it is one stretch of tokens that the server adds or leaves out; else nothing."""
    start, end = _shared_beginning(ours, theirs), _shared_beginning(ours[::-1], theirs[::-1])
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


def _shared_beginning(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """The number of first tokens that both have."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(ours), len(theirs)))


def _token(reading: Reading, ids: Sequence[int], place: int) -> str:
    return repr(reading.spell(ids[place])) if place < len(ids) else "none"


def _around(reading: Reading, ids: Sequence[int], place: int) -> str:
    return "".join(reading.spell(id) for id in ids[max(0, place - AROUND) : place + AROUND])


def _template_by_probes(observed: Observations) -> Cause | None:
    offsets = {name: probe.offset or 0 for name, probe in observed.probes.items()}
    alone, system, turns = (offsets[name] for name in ("alone", "with system", "two turns"))
    if not any(offsets.values()):
        return None
    unopened = observed.probes["alone"]
    opening = (unopened.expected or 0) - (unopened.unopened or 0)
    if alone == turns and system == 0:
        does = "adds a system message of its own" if alone > 0 else "leaves out the system message that it should add"
        counts = f"it counts {say.count(abs(alone), 'token')} {_more(alone)}"
        what = f"without a system message {counts}, and with one the same number: it {does}"
    elif alone == system == turns == -opening:
        counts = f"it counts {say.count(opening, 'token')} fewer for every chat"
        what = f"{counts}, as many as begin the answer: it does not begin it"
    else:
        places = {"alone": "for one message", "with system": "with a system message", "two turns": "for two turns"}
        counts = ", ".join(f"{abs(offset)} {_more(offset)} {places[name]}" for name, offset in offsets.items())
        what = f"for short chats it counts other numbers of tokens ({counts})"
    return _template_cause(what, {"offsets": offsets})


def _template_by_rows(observed: Observations) -> Cause | None:
    """Without the judged template at hand: every request has the same number of tokens more or fewer."""
    offsets = observed.prompt_offsets
    if len(offsets) < LEAST_ROWS or offsets.n_unique() > 1 or offsets[0] == 0:
        return None
    return _template_cause(
        f"it counts {say.count(abs(offsets[0]), 'token')} {_more(offsets[0])} in each of {say.count(len(offsets), 'request')} "
        "than at judging",
        {"offset": offsets[0], "requests": len(offsets)},
    )


def _more(offset: int) -> str:
    return "more" if offset >= 0 else "fewer"


def _template_cause(what: str, evidence: Mapping[str, Any]) -> Cause:
    return Cause(
        "template",
        f"The server's chat template is another one: {what}.",
        "Give the server the chat template of the run's adapter (chat_template.jinja in train/adapter): --chat-template-file "
        "for llama.cpp, --chat-template for vLLM, TEMPLATE in a Modelfile; `tuneworth export` writes it.",
        evidence,
    )


# --- the tokenizer ------------------------------------------------------------------------------------------------

# Of next tokens. Above it, the answers do not suffer: llama.cpp 11549 reads an empty line as one token where SmolLM2's own
# tokenizer makes two.
AGREED = 0.95


def find_tokenizer(observed: Observations) -> Cause | None:
    """Claimed if the server renders the judged text, reads other tokens in it, and generates other answers."""
    reading, share = observed.reading, observed.next_token_share
    if reading is None or not reading.same_text or find_begin_token(observed) is not None:
        return None
    place = reading.first_difference
    if place is None or share is None or share >= AGREED:
        return None
    return Cause(
        "tokenizer",
        f"The server cuts the same text into other tokens, from token {place + 1} of the first request on, and writes the judged "
        f"next token at {say.percent(share)} of places.",
        "Make the server's tokenizer from the files of the run's adapter (tokenizer.json); for a GGUF file, convert them with a "
        "current llama.cpp, which knows more kinds of tokenizers.",
        {
            "first_differing_token": place + 1,
            "judged_tokens": len(reading.expected),
            "served_tokens": len(reading.server),
        },
    )


# --- the context --------------------------------------------------------------------------------------------------

SHORTAGE, SPREAD = 8, 2  # tokens: that the longest request lacks at least, and by which whole ones may vary
REFUSED = r"(?i)context|too long|too large|maximum.{0,20}(?:length|tokens)|max_model_len|exceed"


def find_context(observed: Observations) -> Cause | None:
    """Claimed if exactly the longest requests are refused, counted shorter than they are, or end at a common sum of tokens."""
    return _refused_requests(observed) or _cut_requests(observed) or _cut_answers(observed)


def _refused_requests(observed: Observations) -> Cause | None:
    refused = observed.rows.filter(pl.col("error").str.contains(REFUSED))
    lengths = _known(refused["recorded_prompt"])
    if not lengths or max(_known(observed.answered["recorded_prompt"]), default=0) >= min(lengths):
        return None
    says = (
        f"The server's context is too short: it refuses {len(refused):,} of {say.count(len(observed.rows), 'request')}, those "
        f"from {say.count(min(lengths), 'token')} on."
    )
    counts = {"refused": len(refused), "of": len(observed.rows), "from_tokens": min(lengths)}
    return _context_cause(observed, says, {**counts, "error": refused["error"][0]})


def _cut_requests(observed: Observations) -> Cause | None:
    """Long requests whose prompts are counted too short, where the short ones have one and the same offset."""
    rows = observed.answered.select("recorded_prompt", "served_prompt").drop_nulls().sort("recorded_prompt").rows()
    if not rows:
        return None
    offset = round(median(served - judged for judged, served in rows[: -(-len(rows) // 2)]))
    missing = [judged + offset - served for judged, served in rows]
    first = next((place for place, tokens in enumerate(missing) if tokens > SPREAD), len(rows))
    cut, whole = rows[first:], missing[:first]
    if not cut or not whole or max(whole) - min(whole) > SPREAD or min(missing[first:]) <= 0 or missing[-1] < SHORTAGE:
        return None
    most = max(served for _, served in rows)
    says = (
        f"The server cuts long requests: {len(cut):,} of {say.count(len(rows), 'request')} should take "
        f"{say.count(cut[0][0] + offset, 'token')} or more, and the server counts at most {most:,}."
    )
    counts = {"cut": len(cut), "of": len(rows), "most_counted": most, "longest": rows[-1][0]}
    return _context_cause(observed, says, counts)


def _cut_answers(observed: Observations) -> Cause | None:
    """Answers that end where request and answer together reach one sum, below the token limit of the answer."""
    rows = observed.answered.drop_nulls(["served_prompt", "served_tokens"])
    cut = rows.filter((pl.col("served_finish") == "length") & (pl.col("served_tokens") < observed.max_new_tokens - 1))
    sums = _known(cut["served_prompt"] + cut["served_tokens"])
    if len(sums) < 2 or max(sums) - min(sums) > 1 or cut["served_tokens"].n_unique() == 1:
        return None
    says = (
        f"The server's context is too short: {len(cut):,} of {say.count(len(rows), 'answer')} end where request and answer "
        f"together reach {max(sums):,} tokens."
    )
    return _context_cause(observed, says, {"cut": len(cut), "of": len(rows), "tokens_together": max(sums)})


def _known(counts: pl.Series) -> list[int]:
    return counts.drop_nulls().to_list()


def _context_cause(observed: Observations, says: str, evidence: Mapping[str, Any]) -> Cause:
    longest = max(_known(observed.rows["recorded_prompt"]), default=None)
    needed = None if longest is None else longest + observed.max_new_tokens
    room = "" if needed is None else f" to at least {needed:,} tokens, the longest request with its answer"
    return Cause(
        "context",
        says,
        f"Raise the server's context{room} (n_ctx, num_ctx, max_model_len). With several slots, llama.cpp divides it among them.",
        {**evidence, "needed": needed, "declared": observed.declared_context},
    )
