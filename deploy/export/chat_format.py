"""A chat template taken apart: what it writes around each message, found by rendering chats and checked byte for byte."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...core import ModelError
from ...train import common_beginning

Message = Mapping[str, str]
# (chat, whether the answer begins) -> the text that the model's own template makes of it
Render = Callable[[Sequence[Message], bool], str]

SystemAt = Literal["turn", "first", "last", "nowhere"]

SYSTEM, FIRST, REPLY, LAST = "Quokka zephyr", "Xylograph umbra", "Fjord cobalt", "Wyvern tundra"


@dataclass(frozen=True)
class ChatFormat:
    """What a template writes around messages: `user` and `assistant` are the texts before and after a message's own.

    `begin` starts every chat; `system_at` says where a system message is placed: in a turn of its own before the others,
    in the first or in the last user message, or nowhere. `without_system` starts a chat that has none. `answer` begins the
    answer. `default_system` is the system message that the template adds by itself. `trims` are the roles whose messages it
    strips of white space at both ends.
    """

    begin: str
    system_at: SystemAt
    system: tuple[str, str]
    without_system: str
    user: tuple[str, str]
    assistant: tuple[str, str]
    answer: str
    default_system: str
    trims: frozenset[str] = frozenset()

    def prompt(self, messages: Sequence[Message], *, begin: bool = True) -> str:
        """The prompt that Ollama makes of a chat with the `go_template` of this format.

        Ollama joins neighbouring messages of one role and all system messages by an empty line; the system message is both
        in `.System` and among `.Messages`.
        """
        turns: list[tuple[str, str]] = []
        for message in messages:
            joins = bool(turns) and turns[-1][0] == message["role"]
            before = f"{turns.pop()[1]}\n\n" if joins else ""
            turns.append((message["role"], before + message["content"]))
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        framed = f"{self.system[0]}{system}{self.system[1]}" if system else ""
        text = self.begin if begin else ""
        if self.system_at == "turn":
            text += framed or self.without_system
        for place, (role, content) in enumerate(turns):
            here = place <= 1 if self.system_at == "first" else self.system_at == "last" and place == len(turns) - 1
            if role == "user":
                text += f"{self.user[0]}{framed if here else ''}{content}{self.user[1]}"
            elif role == "assistant":
                text += f"{self.assistant[0]}{content}{self.assistant[1]}"
        return text + self.answer


def read_format(render: Render, *, begin_token: str = "") -> ChatFormat:
    """The format of a template, given as the function that renders chats with it.

    Raises: ModelError if the template does more than write fixed texts around the messages, with the first chat that
    shows it.
    """
    found = _taken_apart(render, begin_token)
    differences = []
    for roles in TRIMMED if found.system_at != "nowhere" else TRIMMED[:2]:
        differences.append(_first_difference(render, found, trims=frozenset(roles)))
        if differences[-1] is None:
            return replace(found, trims=frozenset(roles))
    raise ModelError(f"The chat template does more than write fixed texts around the messages: {differences[0]}.")


def go_template(found: ChatFormat, *, begin: bool) -> str:
    """The format as a Go template for Ollama. `begin`: whether it writes what starts every chat, the begin token."""
    start = go_literal(found.begin) if begin else ""
    user, assistant = (tuple(map(go_literal, part)) for part in (found.user, found.assistant))
    before, after = map(go_literal, found.system)
    inner = ""
    if found.system_at == "turn":
        start += f"{{{{ if .System }}}}{before}{{{{ .System }}}}{after}"
        start += f"{{{{ else }}}}{go_literal(found.without_system)}{{{{ end }}}}"
    elif found.system_at != "nowhere":
        here = "(le $i 1)" if found.system_at == "first" else "(eq (len (slice $.Messages $i)) 1)"
        inner = f"{{{{ if and $.System {here} }}}}{before}{{{{ $.System }}}}{after}{{{{ end }}}}"
    turn = (
        f'{{{{ if eq $m.Role "user" }}}}{user[0]}{inner}{{{{ $m.Content }}}}{user[1]}'
        f'{{{{ else if eq $m.Role "assistant" }}}}{assistant[0]}{{{{ $m.Content }}}}{assistant[1]}{{{{ end }}}}'
    )
    return f"{start}{{{{ range $i, $m := .Messages }}}}{turn}{{{{ end }}}}{go_literal(found.answer)}"


# What a literal text cannot hold as it is: an opening brace could join the one of an action, three quotation marks end
# the value in a Modelfile, and Ollama's reader of Modelfiles drops what Go does not call printable.
_UNSAFE = re.compile(r'\{+|"{3,}|[^ -~\n\t]')


def go_literal(text: str) -> str:
    """The text as a part of a Go template that renders to it."""
    return _UNSAFE.sub(lambda found: found[0] if found[0].isprintable() and found[0] > "~" else _quoted(found[0]), text)


def _quoted(text: str) -> str:
    """An action with the text as a string of escapes, which needs neither quotation marks nor braces."""
    return '{{ "' + "".join(f"\\U{ord(c):08x}" for c in text) + '" }}'


# --- taking apart -----------------------------------------------------------------------------------------------


def _taken_apart(render: Render, begin_token: str) -> ChatFormat:
    one, two = _chat(FIRST), _chat(FIRST, REPLY, LAST)
    asked, open_turn = _after(render(one, True), FIRST), _after(render(one, False), FIRST)
    after_user = open_turn if asked.startswith(open_turn) else asked
    between, again = _between(render(two, True), FIRST, REPLY), _between(render(two, True), REPLY, LAST)
    after_reply = _after(render(_chat(FIRST, REPLY), False), REPLY)
    head = _before(render(one, True), FIRST)
    if not again.startswith(after_reply) or not head.endswith(again.removeprefix(after_reply)):
        # The last answer of a chat ends in another way than others, or what is between two turns is not before the first.
        after_reply = again.removesuffix(_common_end(again, head))
    before_user, before_reply = again.removeprefix(after_reply), between.removeprefix(after_user)
    shared = head.removesuffix(before_user) if head.endswith(before_user) else head
    begin = begin_token if begin_token and shared.startswith(begin_token) else ""
    at, system, plain = _system(render, shared, before_user)
    if at == "turn":
        system, plain = (system[0].removeprefix(begin), system[1]), plain.removeprefix(begin)
    else:
        begin = shared
    default = plain.removeprefix(system[0]).removesuffix(system[1]) if at == "turn" and plain else ""
    if default and system[0] + default + system[1] != plain:
        default = ""
    return ChatFormat(
        begin, at, system, plain, (before_user, after_user), (before_reply, after_reply),
        asked.removeprefix(after_user), default,
    )  # fmt: skip


def _system(
    render: Render, shared: str, before_user: str
) -> tuple[Literal["turn", "first", "last", "nowhere"], tuple[str, str], str]:
    """Where a system message is placed, what is written around it, and what starts a chat without one."""
    try:
        single = render(_chat(FIRST, system=SYSTEM), True)
        several = render(_chat(FIRST, REPLY, LAST, system=SYSTEM), True)
    except ModelError:
        return "nowhere", ("", ""), ""
    if SYSTEM not in single or SYSTEM not in several:
        return "nowhere", ("", ""), ""
    before, between = _before(single, SYSTEM), _between(single, SYSTEM, FIRST)
    if several.index(SYSTEM) > several.index(FIRST):
        return "last", (before.removeprefix(shared).removeprefix(before_user), between), ""
    if between.endswith(before_user) and before_user:
        return "turn", (before, between.removesuffix(before_user)), shared
    if before.startswith(shared + before_user):
        return "first", (before.removeprefix(shared + before_user), between), ""
    return "turn", (before, between.removesuffix(before_user)), shared


def _chat(*texts: str, system: str | None = None) -> list[Message]:
    """A chat of these texts, user and assistant in turn."""
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]
    return [*([{"role": "system", "content": system}] if system is not None else []), *turns]


def _before(text: str, word: str) -> str:
    return _parted(text, word)[0]


def _after(text: str, word: str) -> str:
    return _parted(text, word)[1]


def _between(text: str, word: str, other: str) -> str:
    return _before(_after(text, word), other)


def _common_end(one: str, other: str) -> str:
    backwards = [list(map(ord, reversed(text))) for text in (one, other)]
    return one[len(one) - common_beginning(backwards) :]


def _parted(text: str, word: str) -> tuple[str, str]:
    before, found, after = text.partition(word)
    if not found:
        raise ModelError(f"The chat template does not write a message as it is: {word!r} is not in {text!r}")
    return before, after


# --- comparing --------------------------------------------------------------------------------------------------

ODD = (
    'quotes " \' """ \\ \\n', "{{ .System }} {% if x %} {# #} }}", "tab\there\n\n\nthree lines\r\nand a return",
    "é 𝄞 中文 \u00a0\u200b\u202e", "<b>&amp;</b> <|x|> [INST] ### Input", "0",
)  # fmt: skip
EDGES = ("  spaces around  ", "\nlines around\n\n")
TRIMMED = ((), ("user",), ("user", "system"), ("system",))  # roles, the usual cases first


def _probes(*, system: bool) -> Iterator[list[Message]]:
    """Chats that tell templates apart: with and without system message, several turns, no text, odd texts, white space.

    Answers have no white space around them: those of a chat are examples, which no application writes.
    """
    for text in ("Short.", "", *ODD, *EDGES, "\t"):
        yield _chat(text)
        yield _chat(text, "An answer.", "And then?")
        yield _chat("First.", text.strip() or "So.", "And then?", "So.", text)
        if system:
            yield _chat("A question.", system=text if text.strip() else "Be brief.")
            yield _chat(text, "An answer.", "And then?", "Yes.", "And now?", system="Be brief.")


def _first_difference(render: Render, format: ChatFormat, *, trims: frozenset[str]) -> str | None:
    """What differs between the model's template and the format, for the first chat where anything does."""
    for chat in _probes(system=format.system_at != "nowhere"):
        try:
            wanted = render(chat, True)
        except ModelError as error:
            return f"it refuses {chat!r} ({error})"
        made = format.prompt(trimmed(chat, trims))
        if made != wanted:
            return f"for {chat!r} it writes {wanted!r}, not {made!r}"
    return None


def trimmed(chat: Sequence[Message], roles: frozenset[str]) -> list[Message]:
    """The chat as an application sends it to a server whose template does not strip the messages of these roles."""
    return [
        {**message, "content": message["content"].strip()} if message["role"] in roles else message for message in chat
    ]
