"""A begin token that the server puts before a request that already has one, or that was judged without one."""

from ..seen import Seen
from .cause import Cause

__all__ = ["begin"]


def begin(seen: Seen) -> Cause | None:
    """Claimed if the server reads exactly one token more at the beginning of the request; without its tokens, if its counts of
    all probes and all requests are one higher."""
    reading = seen.reading
    if reading is not None:
        if list(reading.server[1:]) != list(reading.expected) or not reading.expected:
            return None
        doubled = reading.server[0] == reading.expected[0]
        return _cause(
            reading.spell(reading.server[0]),
            doubled,
            {"first_tokens": [reading.spell(id) for id in reading.server[:3]]},
        )
    offsets = [probe.offset for probe in seen.probes.values()]
    if not offsets or set(offsets) != {1} or set(seen.prompt_offsets.unique()) - {1}:
        return None
    mark = None if seen.marks is None else seen.marks.begin
    evidence = {
        "probes": {name: probe.offset for name, probe in seen.probes.items()},
        "requests": len(seen.prompt_offsets),
    }
    return _cause(mark, mark is not None, evidence)


def _cause(token: str | None, doubled: bool, evidence: dict[str, object]) -> Cause:
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
