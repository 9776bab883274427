"""The order of requests and the sides of outputs in blind judging: the function of the report's page (scripts/blind.js)."""

from collections.abc import Iterable

_MASK = 0xFFFFFFFF


def judging_order(ids: Iterable[str], seed: int) -> list[str]:
    """The requests in the order in which a person with this seed judges them."""
    return sorted(ids, key=lambda id_: (_hash(f"order {id_}", seed), _units(id_)))


def first_on_left(id: str, seed: int) -> bool:
    """Whether the baseline's output stands on the left for a person with this seed."""
    return bool(_hash(f"side {id}", seed) & 1)


def _hash(text: str, seed: int) -> int:
    """A 32-bit hash of a text and a seed: FNV-1a over UTF-16 with Murmur's finaliser."""
    bits = 2166136261 ^ seed
    for unit in _units(text):
        bits = (bits ^ unit) * 16777619 & _MASK
    bits = (bits ^ (bits >> 16)) * 0x85EBCA6B & _MASK
    bits = (bits ^ (bits >> 13)) * 0xC2B2AE35 & _MASK
    return bits ^ (bits >> 16)


def _units(text: str) -> list[int]:
    """The text as JavaScript counts it, in UTF-16 units."""
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[at] | data[at + 1] << 8 for at in range(0, len(data), 2)]
