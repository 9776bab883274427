"""The address of an endpoint: what it may contain, and whether it is on this machine or in a private network."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

__all__ = [
    "address_problems",
    "calls_url",
    "host_of",
    "is_near",
    "is_on_this_machine",
    "lacks_version",
    "models_url",
    "origin_of",
]


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
