"""Failed requests: the endpoint's own words about one, what went wrong, whether to try again, and the message."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from .endpoint import host_of, is_on_this_machine, lacks_version, origin_of
from .errors import ConfigError, RunBroken, TuneworthError

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


SHORT = 60  # characters of a message that has room for nothing but the missing model
# Another attempt may help: busy, locked (OpenAI's 409), overloaded (529), or a proxy that could not reach the server (52x).
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 525), 529})
# A gateway lost the server behind it, which may have answered. With any other error status, nothing was generated.
GATEWAY = frozenset({502, 504, *range(520, 525)})
REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})
WRONG_ADDRESS = frozenset({404, 405, 410})
UNPAID = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance")
FILTERED = ("content_filter", "content_policy_violation", "data_inspection_failed", "refusal")
# Exceptions of the HTTP client, by name: timeouts, which chat endpoints do not set; and failures before anything was sent.
SLOW = ("ReadTimeout", "WriteTimeout")
UNSENT = ("ConnectError", "ConnectTimeout", "ProxyError")
_PROXY_LOGIN = "the proxy from the environment requires a login ({})\nAdd the user and password to the proxy's address."
GRACE = 2.5  # seconds in which a starting server may begin to answer; the command still ends within five
NO_MODEL = "no such model"
NO_MODEL_CODES = ("model_not_found", "invalid_model", "unknown_model", "deploymentnotfound")
_ABSENT = (
    r"not exist|n't exist|not found|could not be found|not available|not deployed|not a valid|unknown|invalid|no such"
)
NO_MODEL_WORDS = re.compile(
    rf"\b(model|deployment)\b.{{0,100}}?({_ABSENT})|({_ABSENT}) (model|deployment)\b", re.IGNORECASE
)
# Gemma's template: "System role not supported"; Mistral's first one: "Conversation roles must alternate user/assistant".
NO_SYSTEM = re.compile(
    r"system.{0,40}(not|n't|un)[ -]?(support|allow|enable|permit|accept)|(not|n't) (support|allow|enable|permit|accept).{0,40}"
    r"\bsystem|(system|developer) (role|message|prompt|instruction).{0,20}(not|un)|roles must alternate",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fault:
    """A failed attempt. `kind` is a label for counting, `text` the message.

    again: another attempt may help. wait: the seconds to wait that the endpoint requests. everyone: all calls wait.
    stop: the error that ends the whole run; only_first: it does so only while nothing has been answered; grace: the seconds
    for which attempts go on before it does. refused: the parameter that the endpoint does not accept. filtered: the
    endpoint's content filter blocked the request, which counts as its answer. billed: the attempt may cost money, since the
    model may have answered it.
    """

    kind: str
    text: str
    again: bool = False
    wait: float | None = None
    everyone: bool = False
    stop: type[TuneworthError] | None = None
    only_first: bool = False
    grace: float = 0.0
    refused: str | None = None
    filtered: bool = False
    billed: bool = False


def fault_of_status(
    status: int, complaint: Complaint, *, headers: Mapping[str, str], url: str, model: str, key_env: str | None,
    sent: Mapping[str, Any], system: bool = False,
) -> Fault:  # fmt: skip
    """The fault for an answer with an error status.

    system: the request has a system message, and no such request has been answered yet.
    """
    message = shortened(complaint.message)
    kind, text = f"status {status}", f"{status}: {message}" if message else f"status {status} without a message"
    if status in REDIRECTS:
        return _redirected(status, headers.get("location", ""))
    if status == 402 or any(code in UNPAID for code in complaint.codes):
        return Fault(kind, f"the account has no credit left ({text})\nAdd credit, then run again.", stop=RunBroken)
    if complaint.flagged or any(code in FILTERED for code in complaint.codes):
        return Fault("filtered", text, filtered=True)
    if problem := _never_works(complaint, text, model=model, sent=sent, system=system):
        return problem
    if status in (401, 403):
        return Fault(kind, f"the endpoint rejects the key ({text})\n{_about_key(key_env)}", stop=ConfigError)
    if status == 407:
        return Fault(kind, _PROXY_LOGIN.format(text), stop=ConfigError)
    if status in WRONG_ADDRESS:
        problem = (
            f"the endpoint does not have this path or model ({text})\n"
            f'Check the address {url}{lacks_version(url)} and the model "{model}".'
        )
        return Fault(kind, problem, stop=ConfigError, only_first=True)
    wait = requested_wait(headers) if status in (429, 503) else None
    if complaint.page and status != 429 and wait is None:
        return _page(status, url)
    if status in AGAIN:
        billed = complaint.begun or status in GATEWAY
        return Fault(kind, text, again=True, wait=wait, everyone=status == 429 or wait is not None, billed=billed)
    return Fault(kind, text, refused=refused_parameter(complaint, sent) if status in (400, 422) else None)


def _never_works(complaint: Complaint, text: str, *, model: str, sent: Mapping[str, Any], system: bool) -> Fault | None:
    """The fault if the endpoint lacks the model, or the model takes no system message, whatever status the server uses."""
    if not model or refused_parameter(complaint, sent) is not None or TOO_LONG.search(complaint.message):
        return None
    if system and NO_SYSTEM.search(complaint.message):
        remedy = "Set system_role = false in the variant's table: the first user message then begins with the system message."
        return Fault("system role", f"the model takes no system message ({text})\n{remedy}", stop=ConfigError)
    named = model in complaint.message or complaint.param == "model" or len(complaint.message) < SHORT
    if any(code in NO_MODEL_CODES for code in complaint.codes) or (named and NO_MODEL_WORDS.search(complaint.message)):
        problem = f'the endpoint has no model "{model}" ({text})\nCheck the name in "model"'
        return Fault(NO_MODEL, problem, stop=ConfigError, only_first=True)
    return None


def fault_of_exception(error: BaseException, *, message: str, url: str, seconds: float) -> Fault:
    """The fault for an exception of the HTTP client; `message` is its text without the key, `seconds` the time limit."""
    chain = list(_chain(error))
    name = type(error).__name__
    if isinstance(error, TimeoutError) or name in SLOW:
        return Fault("timeout", f"no complete answer within {seconds:g} s", again=True, billed=True)
    if any(isinstance(cause, socket.gaierror) for cause in chain):
        proxy = "" if is_on_this_machine(url) or not getproxies() else ", or the proxy from the environment,"
        problem = f"the host {host_of(url)}{proxy} cannot be found\nCheck the address and the network."
        return Fault("unknown host", problem, again=True, stop=ConfigError, only_first=True)
    if untrusted := next((cause for cause in chain if isinstance(cause, ssl.SSLCertVerificationError)), None):
        return Fault("certificate", _untrusted(untrusted), stop=ConfigError)
    if name in ("InvalidURL", "UnsupportedProtocol") or isinstance(error, UnicodeError):
        return Fault("address", f"the host {host_of(url)} is not a valid name\nCheck the address.", stop=ConfigError)
    if name == "ProxyError" and message.startswith("407"):
        return Fault("proxy", _PROXY_LOGIN.format(shortened(message)), stop=ConfigError)
    cut = any(isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) for cause in chain)
    if name == "ConnectError" and not cut and any(isinstance(cause, ssl.SSLError) for cause in chain):
        problem = "the host does not speak TLS here\nCheck whether the address begins with http:// instead of https://."
        return Fault("no TLS", problem, stop=ConfigError, only_first=True, again=True)
    if name in ("ConnectError", "ConnectTimeout") and not cut:
        return _unreachable(chain, name, shortened(message), url)
    words = {
        "ConnectError": "no connection",
        "DecodingError": "an answer with broken compression",
        "ProxyError": "the proxy from the environment failed",
    }
    message = shortened(message)
    text = (
        f"{words.get(name, 'the connection broke')}{f' ({message})' if message else ''}\n"
        f"Check the address {origin_of(urlsplit(url))} and the log of the server there."
    )
    return Fault(name, text, again=True, stop=RunBroken, only_first=True, grace=GRACE, billed=name not in UNSENT)


def _unreachable(chain: list[BaseException], name: str, message: str, url: str) -> Fault:
    """The fault if there is no connection, which rarely resolves itself: nothing listens, or nothing answers."""
    place = origin_of(urlsplit(url))
    proxy = "" if is_on_this_machine(url) or not getproxies() else ", and the proxy from the environment"
    if any(isinstance(cause, ConnectionRefusedError) for cause in chain):
        problem = f"no connection: nothing listens there ({message})"
    elif name == "ConnectTimeout":
        problem = "no connection: nothing answered there in time"
    else:
        problem = f"no connection{f' ({message})' if message else ''}"
    remedy = f"Check the address {place}{proxy}, or start the server there."
    return Fault(name, f"{problem}\n{remedy}", again=True, stop=RunBroken, only_first=True, grace=GRACE)


def requested_wait(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds requested by `Retry-After` (seconds or an HTTP date) or `retry-after-ms`; None without either."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        when = parsedate_to_datetime(headers.get("retry-after", ""))
        when = when if when.tzinfo else when.replace(tzinfo=UTC)  # HTTP dates are in GMT
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return None


def _page(status: int, url: str) -> Fault:
    """The fault if the error is a web page, from another service or from a gateway that cannot reach the server."""
    problem = f"a web page instead of an answer (status {status})"
    remedy = f"Check the address {url}{lacks_version(url)}, and whether the server behind it is running."
    again = status in AGAIN
    return Fault(
        f"status {status}", f"{problem}\n{remedy}", again=again, stop=RunBroken if again else ConfigError,
        only_first=True, grace=GRACE if again else 0.0,
    )  # fmt: skip


def _redirected(status: int, target: str) -> Fault:
    try:
        host = shortened(urlsplit(target).hostname or "")
    except ValueError:
        host = ""
    where = f"to {host}" if host else "elsewhere"
    problem = f"the endpoint redirects calls {where} ({status}); redirects are not followed, to protect texts and key"
    return Fault("redirect", f"{problem}\nUse the final address.", stop=ConfigError, only_first=True)


def _about_key(key_env: str | None) -> str:
    if key_env is None:
        return 'No key was sent; set "key_env" to the environment variable with the key.'
    return f"The key comes from the environment variable {key_env}; check its value and permissions."


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    return (
        f"the certificate of the host is not trusted ({shortened(error.verify_message)}); nothing was sent\n"
        "If a private authority signed it, set SSL_CERT_FILE to the file with the authority's certificate."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, including the parts of groups: a host with two addresses fails twice."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or cause in seen:
            continue
        seen.append(cause)
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
