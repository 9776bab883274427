"""Reads an endpoint's answer: the output, or why there is none."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from ...core import GRACE, Complaint, ConfigError, Fault, Key, RunBroken, lacks_version, read_complaint, shortened

NO_KEY = Key(None)
MOST = 10**9  # tokens; a larger count is wrong, as it is far above any model's context


@dataclass(frozen=True)
class Tokens:
    """Token counts of one call; None if the endpoint gave no counts or unusable ones (`contradicts`)."""

    input: int | None = None
    cached: int | None = None
    output: int | None = None
    reasoning: int | None = None
    contradicts: bool = False


NOTHING_COUNTED = Tokens()


def read_usage(usage: Any, *, wrote: bool) -> Tokens:
    """The counts of a `usage` object. `wrote` says whether the answer contained text, so that it used tokens.

    Numbers that contradict each other are all None, since the wrong one cannot be identified. If the total shows that
    reasoning is counted in addition to the output (as with xAI and Gemini), it is added to the output.
    """
    if usage is None:
        return NOTHING_COUNTED
    if not isinstance(usage, dict):
        return Tokens(contradicts=True)
    stated = {
        "input": usage.get("prompt_tokens"),
        "output": usage.get("completion_tokens"),
        "total": usage.get("total_tokens"),
        "cached": _cached(usage),
        "reasoning": _part(usage, "completion_tokens_details", "reasoning_tokens"),
    }
    counts = {name: _count(value) for name, value in stated.items()}
    wrong = any(counts[name] is None and value is not None for name, value in stated.items())
    if counts["input"] == 0:  # no prompt is empty
        counts["input"], wrong = None, True
    if wrote and counts["output"] == 0 and not counts["reasoning"]:
        counts["output"], wrong = None, True
    return _consistent(counts, wrong)


def _consistent(counts: dict[str, int | None], wrong: bool) -> Tokens:
    prompt, wrote, total = counts["input"], counts["output"], counts["total"]
    cached, reasoning = counts["cached"], counts["reasoning"]
    if prompt is not None and wrote is not None and total is not None and total != prompt + wrote:
        if reasoning and total == prompt + wrote + reasoning:
            wrote += reasoning
        else:
            return Tokens(contradicts=True)
    if cached is not None and prompt is not None and cached > prompt:
        cached, prompt, wrong = None, None, True
    if reasoning is not None and wrote is not None and reasoning > wrote:
        reasoning, wrote, wrong = None, None, True
    return Tokens(
        prompt, cached if prompt is not None else None, wrote, reasoning if wrote is not None else None, wrong
    )


def _cached(usage: dict[str, Any]) -> Any:
    """OpenAI and most others nest the count; DeepSeek and Moonshot list it next to the others."""
    nested = _part(usage, "prompt_tokens_details", "cached_tokens")
    if nested is not None:
        return nested
    return usage.get("prompt_cache_hit_tokens", usage.get("cached_tokens"))


def _part(usage: dict[str, Any], group: str, name: str) -> Any:
    details = usage.get(group)
    return details.get(name) if isinstance(details, dict) else None


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MOST else None


LONGEST_NAME = 200  # characters of a model's name or a finish reason; it is stored with every output
LONGEST_USAGE = 10_000  # characters; the counts take a few hundred


@dataclass(frozen=True)
class Answer:
    """A complete answer: `output` is None if the model gave none. `id` is the endpoint's name for this answer."""

    output: str | None
    finish_reason: str | None
    model: str | None
    usage: dict[str, Any] | None
    tokens: Tokens
    system_fingerprint: str | None = None
    id: str | None = None


class _NotAnAnswerError(ValueError):
    """Not an answer; the message says what was received instead."""


def load_json(body: bytes) -> Any:
    """JSON from outside: NaN and infinite numbers are None; the last of repeated keys counts.

    Raises: ValueError for any problem.
    """
    try:
        text = body.decode("utf-8-sig")
        return json.loads(text, parse_constant=lambda name: None, parse_float=_finite)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_answer(body: bytes, *, url: str = "", key: Key = NO_KEY) -> Answer | Complaint | Fault:
    """The answer in the body of a successful response, or the endpoint's complaint if it reports an error there.

    `url` is the address that was called, for the message if another service answers there; `key` is masked in all texts.
    """
    try:
        data = key.mask_data(load_json(body))
    except ValueError as error:
        page = body[:200].lstrip().startswith(b"<")
        return _elsewhere("a web page", url) if page else _unusable(_instead(body, error), url)
    if not isinstance(data, dict):
        return _unusable("an answer that is not a JSON object", url)
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    # Gateways such as OpenRouter report errors with status 200: for the whole answer or for a provider that failed midway.
    for place in (data if not choices else None, choice):
        if isinstance(place, dict) and place.get("error"):
            return replace(read_complaint(place), begun=place is choice)
    if not isinstance(choices, list):
        return _elsewhere('JSON without "choices"', url)
    try:
        return _read(data)
    except _NotAnAnswerError as error:
        return _unusable(str(error), url)


def _unusable(found: str, url: str) -> Fault:
    """The fault if an answer came that cannot be read. It may be billed, so it ends the calls if none was answered yet."""
    text = f"{found}\nCheck the address {url} and the log of the server there."
    return Fault("unusable", text, again=True, stop=RunBroken, only_first=True, grace=GRACE, billed=True)


def _elsewhere(found: str, url: str) -> Fault:
    """The fault if something else than a chat API is at the address."""
    text = f"{found} instead of an answer\nCheck the address {url}{lacks_version(url)}."
    return Fault("another service", text, again=True, stop=ConfigError, only_first=True, grace=GRACE)


def read_error_body(body: bytes, status: int, *, key: Key = NO_KEY) -> Complaint:
    """The complaint in the body of a response with an error status, without `key`: its JSON, or its text if it is not JSON."""
    try:
        complaint = read_complaint(key.mask_data(load_json(body)))
    except ValueError:
        text = body.decode("utf-8", "replace").strip()
        page = text.startswith("<")
        return Complaint("a web page" if page else text, status=status, page=page)
    return replace(complaint, message=complaint.message or body.decode("utf-8", "replace"), status=status)


def read_models(data: Any) -> list[dict[str, Any]]:
    """The entries of a server's list of models; none if it is no such list."""
    entries = data.get("data") if isinstance(data, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


NAMED = 8  # models in a message
TUNED = "ft:"  # begins the name of a tuned model at OpenAI and Mistral, also in its answers


def named_models(names: Sequence[str]) -> str:
    """The first names of a list of models, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return shortened(", ".join(names[:NAMED])) + more


def nearest_of(name: str, names: Sequence[str]) -> str:
    """The model of the list that is most like `name`, or what the list has."""
    close = get_close_matches(name, names, n=1) or [one for one in names if name in one]
    return f'did you mean "{shortened(close[0])}"?' if close else f"it has {named_models(names)}"


def other_models(asked: str, named: Iterable[str | None]) -> str | None:
    """What is odd about the names that answers give their model, in words; None if nothing is.

    Routers fall back to other models, and some servers give their base model where they have no tuned one of that name. A
    name that only differs from the one asked for is no sign: it may be an alias or a deployment.

    >>> other_models("ft:small:lines", ["small-2026", "small-2026"])
    'asked for "ft:small:lines", it answers as "small-2026"'
    """
    names = Counter(name for name in named if name)
    if len(names) > 1:
        each = ", ".join(f'"{shortened(name)}" ({count:,})' for name, count in names.most_common(NAMED))
        return f"its answers name {len(names):,} models: {each}"
    if asked.startswith(TUNED) and names and not (name := next(iter(names))).startswith(TUNED):
        return f'asked for "{shortened(asked)}", it answers as "{shortened(name)}"'
    return None


def _read(data: Mapping[str, Any]) -> Answer:
    choices = data["choices"]
    choice = choices[0] if choices else {"finish_reason": None, "message": {}}
    if not isinstance(choice, dict):
        raise _NotAnAnswerError("a choice that is not an object")
    reason = choice.get("finish_reason")
    message = choice.get("message")
    if message is None and isinstance(reason, str):  # a content filter removed it
        message = {}
    if not isinstance(message, dict):
        raise _NotAnAnswerError("a choice without a message")
    output, refused = _output(message)
    usage = data.get("usage")
    return Answer(
        None if output is None else valid_text(output),
        "refusal" if refused else _name(reason),
        _name(data.get("model")),
        usage if isinstance(usage, dict) and len(json.dumps(usage)) <= LONGEST_USAGE else None,
        read_usage(usage, wrote=bool(output)),
        _name(data.get("system_fingerprint")),
        _name(data.get("id")) or None,
    )


def _output(message: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The text and whether it is a refusal. Reasoning next to the content is not part of the output."""
    content, refusal = message.get("content"), message.get("refusal")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        refusal = refusal or "".join(part["refusal"] for part in parts if isinstance(part.get("refusal"), str))
        content = "".join(part["text"] for part in parts if isinstance(part.get("text"), str)) if parts else None
    if content is not None and not isinstance(content, str):
        raise _NotAnAnswerError("a message whose content is not text")
    if not content and isinstance(refusal, str) and refusal:
        return refusal, True
    return content, False


def valid_text(text: str) -> str:
    """The text in a form that UTF-8 can encode: a lone surrogate, which JSON may escape, becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _name(value: Any) -> str | None:
    return valid_text(value)[:LONGEST_NAME] if isinstance(value, str) else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _instead(body: bytes, error: ValueError) -> str:
    start = body[:200].lstrip().lower()
    if not start:
        return "an empty answer"
    if start.startswith(b"data:"):
        return "a stream of events instead of an answer"
    return f"an answer that is not JSON ({shortened(str(error))})"
