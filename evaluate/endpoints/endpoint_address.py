"""The address of an endpoint: what may stand in it, and how far away it is."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

__all__ = ["address_problems", "calls_url", "host_of", "is_near", "is_on_this_machine"]

PATH = "/chat/completions"
# An address lands in logs and reports, so a secret may not stand in it.
SECRET_NAMES = re.compile(r"key|token|secret|password|signature|^sig$|^code$", re.IGNORECASE)
NEAR_NAMES = (".local", ".internal", ".lan", ".home.arpa", ".localhost")  # names that no public server can have


def address_problems(url: str) -> list[str]:
    """Everything that keeps `url` from being an endpoint's address. What could be a secret is not repeated."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return [f"the address cannot be read ({error}); expected one such as https://api.example.com/v1"]
    if parts.username is not None or parts.password is not None:
        return ['the address holds a user or password; name the environment variable with the key in "key_env"']
    problems = []
    if parts.scheme not in ("http", "https"):
        problems.append(f'the address {_shown(url)} does not begin with "http://" or "https://"')
    elif not host:
        problems.append(f"the address {_shown(url)} names no host; expected one such as https://api.example.com/v1")
    elif re.search(r"[\s\x00-\x1f\\]", url.strip()):
        problems.append(f"the address {_shown(url)} holds blanks or signs that no address has")
    if any(SECRET_NAMES.search(part.partition("=")[0]) for part in parts.query.split("&")):
        problems.append('the address holds a key after "?"; name the environment variable with the key in "key_env"')
    if parts.fragment:
        problems.append('the address has a part after "#", which is never sent')
    return problems


def calls_url(url: str) -> str:
    """The address of the calls: `/chat/completions` added to the path unless it stands there; a query stays."""
    parts = urlsplit(url.strip())
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(PATH) else path + PATH).geturl()


def host_of(url: str) -> str:
    """The host in lower case, an IPv6 address without its brackets."""
    return (urlsplit(url.strip()).hostname or "").rstrip(".")


def is_on_this_machine(url: str) -> bool:
    """Whether the host is a loopback address or localhost, by its name alone: nothing is looked up."""
    host = host_of(url)
    address = _address(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def is_near(url: str) -> bool:
    """Whether the host is this machine or in a private network, by its name alone."""
    host = host_of(url)
    address = _address(host)
    if address is None:  # a name without a dot is a neighbour's, such as a container's
        return is_on_this_machine(url) or "." not in host or host.endswith(NEAR_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local


def origin_of(parts: SplitResult) -> str:
    """Scheme, host and port: what an error may show of an address."""
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
