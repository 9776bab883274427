"""An endpoint's own words about a failed request: message, codes and the parameter that it objects to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["TOO_LONG", "Complaint", "read_complaint", "refused_parameter", "shortened"]

LONGEST = 300  # characters of an endpoint's message that are shown
OBJECTION = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed|invalid|extra|no such|"
    r"cannot find|must not|not available|deprecated|incompatible|must be|only",
    re.IGNORECASE,
)
TOO_LONG = re.compile(r"context.?(length|window|size)|too (large|long|many)|exceed|reduce the length", re.IGNORECASE)


@dataclass(frozen=True)
class Complaint:
    """The endpoint's description of an error: its message, its codes, the parameter and the fields that it names.

    flagged: a content filter objected. page: the answer is a web page instead. begun: the model may have begun to answer.
    """

    message: str = ""
    codes: tuple[str, ...] = ()
    param: str | None = None
    places: tuple[str, ...] = ()
    flagged: bool = False
    status: int | None = None
    page: bool = False
    begun: bool = False


def read_complaint(data: Any) -> Complaint:
    """The error in an answer, in the formats of OpenAI, vLLM, Mistral, FastAPI, Ollama, OpenRouter and Gemini."""
    if isinstance(data, list):
        data = data[0] if data else None
    if not isinstance(data, dict):
        return Complaint()
    error = data.get("error", data)
    if isinstance(error, str):
        return Complaint(error)
    if not isinstance(error, dict):
        return Complaint()
    message = error.get("message", error.get("detail", ""))
    metadata = error.get("metadata")
    code = error.get("code")
    return Complaint(
        message if isinstance(message, str) else str(message),
        tuple(str(value).lower() for value in (code, error.get("type")) if isinstance(value, str)),
        error.get("param") if isinstance(error.get("param"), str) else None,
        tuple(_places(message)),
        isinstance(metadata, dict) and ("flagged_input" in metadata or bool(metadata.get("reasons"))),
        code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else None,
    )


def shortened(text: str) -> str:
    """A foreign text on one line, for a message: no control characters, at most 300 characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def refused_parameter(complaint: Complaint, sent: Mapping[str, Any]) -> str | None:
    """The sent parameter that the endpoint does not accept, if any."""
    if TOO_LONG.search(complaint.message):  # the text is too long, even if the message names `max_tokens`
        return None
    named = [*re.split(r"[^\w-]+", complaint.param or ""), *complaint.places]
    for name in sent:
        if name in named:
            return name
    if complaint.param or not OBJECTION.search(complaint.message):
        return None
    problem = {name: re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", complaint.message) for name in sent}
    places = {name: match.start() for name, match in problem.items() if match}
    return min(places, key=lambda name: places[name], default=None)


def _places(message: Any) -> Iterator[str]:
    """The fields that FastAPI and Mistral point at: `{"detail": [{"loc": ["body", "seed"]}]}`."""
    details = message.get("detail") if isinstance(message, dict) else message
    for detail in details if isinstance(details, list) else []:
        place = detail.get("loc") if isinstance(detail, dict) else None
        yield from (part for part in place if isinstance(part, str)) if isinstance(place, list) else ()
