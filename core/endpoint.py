"""The address of an endpoint, and its key: read from the environment, sent to one place, and masked wherever it is repeated."""

import ipaddress
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .errors import ConfigError

PATH = "/chat/completions"
# Logs and reports show the address, so it must not contain a secret.
SECRET_NAMES = re.compile(r"key|token|secret|password|signature|^sig$|^code$", re.IGNORECASE)
NEAR_NAMES = (".local", ".internal", ".lan", ".home.arpa", ".localhost")  # names that no public server can have


def address_problems(url: str) -> list[str]:
    """All problems of `url` as an endpoint's address; parts that could be secret are not repeated."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return [f"the address cannot be read ({error}); expected one such as https://api.example.com/v1"]
    if parts.username is not None or parts.password is not None:
        return ['the address contains a user or password; set "key_env" to the environment variable with the key']
    problems = []
    if parts.scheme not in ("http", "https"):
        problems.append(f'the address {_shown(url)} does not begin with "http://" or "https://"')
    elif not host:
        problems.append(f"the address {_shown(url)} has no host; expected one such as https://api.example.com/v1")
    elif re.search(r"[\s\x00-\x1f\\]", url.strip()):
        problems.append(
            f"the address {_shown(url)} contains white space or characters that are not allowed in one; remove them"
        )
    if any(SECRET_NAMES.search(part.partition("=")[0]) for part in parts.query.split("&")):
        problems.append('the address contains a key after "?"; set "key_env" to the environment variable with the key')
    if parts.fragment:
        problems.append('the address has a part after "#", which is never sent; remove it')
    return problems


def calls_url(url: str) -> str:
    """The address of the calls: `/chat/completions` is appended to the path unless present; a query is kept."""
    parts = urlsplit(url.strip())
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(PATH) else path + PATH).geturl()


def models_url(url: str) -> str:
    """The address that lists the models, next to that of the calls; a query is kept."""
    parts = urlsplit(calls_url(url))
    return parts._replace(path=parts.path.removesuffix(PATH) + "/models").geturl()


def lacks_version(url: str) -> str:
    """A hint if the path has no version, which most APIs have; empty otherwise.

    >>> lacks_version("http://localhost:8000"), lacks_version("http://localhost:8000/v1")
    (', which may lack /v1', '')
    """
    return "" if re.search(r"/(v\d|api|openai)", urlsplit(url).path) else ", which may lack /v1"


def host_of(url: str) -> str:
    """The host in lower case, an IPv6 address without its brackets."""
    return (urlsplit(url.strip()).hostname or "").rstrip(".")


def is_on_this_machine(url: str) -> bool:
    """Whether the host is a loopback address or localhost, judged by its name: no DNS lookup is made."""
    host = host_of(url)
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def is_near(url: str) -> bool:
    """Whether the host is this machine or in a private network, judged by its name."""
    host = host_of(url)
    address = _address(host)
    if address is None:  # a name without a dot is on the local network, such as a container's
        return is_on_this_machine(url) or "." not in host or host.endswith(NEAR_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local


def origin_of(parts: SplitResult) -> str:
    """Scheme, host and port: the part of an address that an error may show."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _shown(url: str) -> str:
    return f'"{url}"' if url.isprintable() else repr(url)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


# Local servers accept any word as a key ("EMPTY", "ollama"). A shorter key is not a secret and may occur in an output.
SECRET_LENGTH = 12
WORD_LENGTH = 8  # a shorter key ("ai", "none", "test") may be part of an ordinary word
MASK = "***"
LOGGERS = ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy", "httpcore2.socks")


class Key:
    """A key that prints as asterisks; with the value None, no key is sent."""

    def __init__(self, value: str | None, name: str | None = None) -> None:
        self._value, self.name = value, name

    def __repr__(self) -> str:
        return f"Key({MASK})"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        return {} if self._value is None else {"Authorization": f"Bearer {self._value}"}

    def mask(self, text: str) -> str:
        """An error text without the key, in any case. A key under eight characters is masked only as a whole word."""
        if not self._value:
            return text
        key = re.escape(self._value)
        key = key if len(self._value) >= WORD_LENGTH else rf"(?<!\w){key}(?!\w)"
        return re.sub(key, MASK, text, flags=re.IGNORECASE | re.ASCII if len(self._value) >= WORD_LENGTH else 0)

    def mask_data(self, data: Any) -> Any:
        """Data from JSON without the key in any text, if the key is long enough to be a secret.

        Raises: ValueError if the data are nested too deeply to be searched.
        """
        if not self._value or len(self._value) < SECRET_LENGTH:
            return data
        try:
            return self._masked(data)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def _masked(self, data: Any) -> Any:
        if isinstance(data, str):
            return self.mask(data)
        if isinstance(data, list):
            return [self._masked(part) for part in data]
        if isinstance(data, dict):
            return {self.mask(name): self._masked(part) for name, part in data.items()}
        return data

    @contextmanager
    def masked_logs(self) -> Iterator[None]:
        """Mask the key in the HTTP client's DEBUG logs while the block lasts, since an endpoint may send it back."""

        def mask(record: logging.LogRecord) -> bool:
            record.msg, record.args = self.mask(record.getMessage()), ()
            return True

        loggers = [logging.getLogger(name) for name in LOGGERS]
        for logger in loggers:
            logger.addFilter(mask)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(mask)


_NAMED: set[str] = set()  # the variables that settings have named in this process
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What variables that hold keys are usually called. Another text that names no variable may itself be a short key.
CALLED = re.compile(r"(?:^|_)(?:API|APIKEY|KEY|TOKEN|SECRET|PASSWORD|AUTH)(?:_|$)", re.IGNORECASE)
LONGEST_WORD = 20  # characters between two underscores: keys have at least 20, words in a variable's name fewer


def key_env_problems(name: str | None) -> list[str]:
    """The problem with a `key_env` that is unlikely to be the name of a variable.

    It may be the key itself, so it is not repeated. A variable that exists is remembered for `withheld_keys`.
    """
    if name is None:
        return []
    if name in os.environ:
        _NAMED.add(name)
        return []
    if not name.strip():
        return ['"key_env" is empty; expected the name of an environment variable, or leave it out to send no key']
    if name[0] == "$" and not _may_be_key(bare := name.strip("${}")):
        return [f'"key_env" takes the name of an environment variable without "$": "{bare}"']
    if not _may_be_key(name):
        return []
    return [
        f'"key_env" holds {len(name)} characters that look like a key, which are not repeated here; expected the name of '
        "an environment variable, such as OPENAI_API_KEY, that holds the key. A key in a file or in the shell's history "
        "is best replaced by a new one"
    ]


def withheld_keys() -> dict[str, str]:
    """The environment variables that settings name as keys, all empty, for a process that needs no key."""
    return dict.fromkeys(_NAMED & os.environ.keys(), "")


def _may_be_key(name: str) -> bool:
    """Whether a text is more likely a key than a variable's name: it has other characters, or a part that is not a word."""
    if not VARIABLE.fullmatch(name):
        return True
    # Letters and digits that alternate are no word, as in a hexadecimal number.
    runs = {part: len(re.findall(r"[A-Za-z]+|[0-9]+", part)) for part in name.split("_")}
    return any(len(part) >= LONGEST_WORD or (len(part) >= WORD_LENGTH and n > 3) for part, n in runs.items())


def read_key(name: str | None) -> Key:
    """The key in the environment variable `name`; no key if `name` is None.

    Raises: ConfigError if the variable is missing or empty, or contains characters that a header cannot. A name that may
    itself be a key is not repeated.
    """
    if name is None:
        return Key(None)
    if problems := key_env_problems(name):
        raise ConfigError("\n".join(problems))
    value = os.environ.get(name, "").strip()  # a key read from a file often ends with a line break
    if not value:
        state = "is empty" if name in os.environ else "is not set"
        named = name if name in os.environ or CALLED.search(name) else f"of {len(name)} characters, not repeated here"
        raise ConfigError(f'"key_env" names the environment variable {named}, which {state}\nSet it to the key.')
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"the environment variable {name} contains line breaks or non-ASCII characters\nSet it to the key only."
        )
    return Key(value, name)
