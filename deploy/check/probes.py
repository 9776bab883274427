"""Short chats whose prompt token counts tell apart what a server's chat template does otherwise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Probe", "probe_chats", "read_probes"]

Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Probe:
    """Prompt tokens of one probe chat: as the server counted them, as the judged model's template makes them, and without
    what it writes to begin the answer; None if unknown."""

    server: int | None
    expected: int | None
    unopened: int | None = None

    @property
    def offset(self) -> int | None:
        """How many more tokens the server counted; None if one of the counts is unknown."""
        return None if self.server is None or self.expected is None else self.server - self.expected


def probe_chats() -> dict[str, Chat]:
    """The chats by name. A default system message shows in `alone` and not in `with system`; a missing beginning of the answer
    or a doubled begin token is the same in all; another template changes with the number of turns."""

    def message(role: str, text: str = "Hello.") -> dict[str, str]:
        return {"role": role, "content": text}

    return {
        "alone": [message("user")],
        "with system": [message("system"), message("user")],
        "two turns": [message("user"), message("assistant"), message("user")],
    }


def read_probes(
    counted: Mapping[str, int | None], expected: Callable[[Sequence[Chat], bool], Sequence[int]] | None
) -> dict[str, Probe]:
    """The probes with both counts. `expected` counts chats with the judged template, with or without the beginning of an
    answer; None without its tokenizer."""
    chats = probe_chats()
    if expected is None:
        return {name: Probe(counted.get(name), None) for name in chats}
    opened, unopened = expected(list(chats.values()), True), expected(list(chats.values()), False)
    return {
        name: Probe(counted.get(name), ours, bare) for name, ours, bare in zip(chats, opened, unopened, strict=True)
    }
