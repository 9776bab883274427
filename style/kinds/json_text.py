"""Text that is nearly JSON, written as JSON: cut out of its surroundings, with the quotes, words and commas that JSON has."""

import re
from collections.abc import Iterator

__all__ = ["as_json"]

_TOKEN = re.compile(
    r"""(?P<blank>[\s\ufeff\u00a0]+|//[^\n]*|/\*.*?\*/|\#[^\n]*)"""
    r"""|(?P<double>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<single>'[^'\\]*(?:\\.[^'\\]*)*')|(?P<curly>[“”][^“”\\]*[“”])"""
    r"""|(?P<mark>[{}\[\]:,])"""
    r"""|(?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))|(?P<word>[^\W\d][\w$-]*)""",
    re.DOTALL,
)
_CONSTANTS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_STRICT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_ESCAPE = re.compile(r"\\(.)|([\x00-\x1f])|(\")", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w$-]*")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def as_json(text: str) -> str | None:
    """The only object or array of a text as JSON, its values as written; None if there is none or several, or it ends early.

    Repaired: a fence or prose around it, comments, single and curly quotes, keys without quotes, line ends in strings,
    Python's True, False and None, a comma after the last member, no comma before a key, numbers like `.5` and `+1`.
    """
    start = re.search(r"[{\[]", text)
    if start is None:
        return None
    tokens = _tokens(text, start.start())
    if tokens is None:
        return None
    body, rest = tokens
    if re.search(r"[{\[]", rest):
        return None  # several values: which one is meant?
    return "".join(_spaced(body))


def _tokens(text: str, start: int) -> tuple[list[tuple[str, str]], str] | None:
    """The tokens of the value that starts there, each after its white space and as JSON writes it, and the text after it."""
    tokens: list[tuple[str, str]] = []
    depth, at, blank = 0, start, ""
    while match := _TOKEN.match(text, at):
        at = match.end()
        kind, token = match.lastgroup or "", match.group()
        if kind == "blank":
            blank += re.sub(r"[^ \t\r\n]", "", token) if token.isspace() else ""
            continue
        tokens.append((blank, _written(kind, token)))
        blank = ""
        depth += (token in "{[") - (token in "}]") if kind == "mark" else 0
        if depth == 0:
            return tokens, text[at:]
    return None


def _written(kind: str, token: str) -> str:
    if kind in ("double", "single", "curly"):
        return f'"{_ESCAPE.sub(_escaped, token[1:-1])}"'
    if kind == "number":
        return _number(token)
    if kind == "word":
        return _CONSTANTS.get(token, token)
    return token


def _escaped(match: re.Match[str]) -> str:
    """A backslash and its character, a control character, or a quotation mark within a string."""
    if (character := match[1]) is not None:
        if character in '"\\/bfnrtu':
            return match[0]
        return character if character == "'" else f"\\\\{character}"
    if match[2] is not None:
        return _SHORT.get(match[2], f"\\u{ord(match[2]):04x}")
    return '\\"'


def _number(token: str) -> str:
    """`.5`, `5.` and `+1` as JSON writes them; any other digits unchanged, so that their faults are still seen."""
    plain = re.sub(r"^(-?)\.", r"\g<1>0.", token.removeprefix("+"))
    plain = re.sub(r"\.(?=$|[eE])", "", plain)
    return plain if _STRICT.fullmatch(plain) else token


def _spaced(tokens: list[tuple[str, str]]) -> Iterator[str]:
    """The tokens with their white space, without a comma after the last member and with one before each key."""
    before = ""
    for number, (blank, token) in enumerate(tokens):
        following = tokens[number + 1][1] if number + 1 < len(tokens) else ""
        if token == "," and following in ("}", "]"):
            continue
        if following == ":" and _NAME.fullmatch(token):
            token = f'"{token}"'
        if following == ":" and before not in ("{", ","):
            yield ","
        yield f"{blank}{token}"
        before = token
