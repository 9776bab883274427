"""JSON texts: their values, the places of these in the text, and texts that are nearly JSON written as JSON."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from ..schema import Fault
from ..words import quoted

# Deeper nesting is rejected before anything recursive sees it: the depth at which parsers fail differs.
MAX_DEPTH = 200
# Python's own limit for reading whole numbers (quadratic time beyond it).
_MAX_DIGITS = 4300
_MAX_SHOWN = 200  # characters of a value shown as found
_SHOWN_BROKEN = 20  # characters shown after the point where a text stops being JSON


class _NoJsonError(ValueError):
    pass


def parsed_json(text: str) -> tuple[Any, Fault | None]:
    """The value of a JSON text, or the reason why it is not JSON."""
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return None, (None, None, None, f"JSON nested at most {MAX_DEPTH} deep")
    try:
        return _DECODER.decode(text), None
    except json.JSONDecodeError as error:
        reason = f"valid JSON ({error.msg[0].lower()}{error.msg[1:]})"
        return None, fault_at(text, error.pos, min(error.pos + _SHOWN_BROKEN, len(text)), reason)
    except _NoJsonError as error:
        return None, (None, None, None, str(error))
    except ValueError:
        return None, (None, None, None, f"numbers of at most {_MAX_DIGITS} digits")
    except RecursionError:
        return None, (None, None, None, f"JSON nested at most {MAX_DEPTH} deep")


def _depth(text: str) -> int:
    """The nesting depth of brackets, ignoring those in strings."""
    deepest = depth = 0
    # A string that does not end is read once, to the end of the text: another try at each of its quotes would be quadratic.
    for mark in re.sub(r'"(?:[^"\\]|\\.?)*+"?', "", text, flags=re.DOTALL):
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        key = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise _NoJsonError(f"each key once in an object, not {quoted(key)} twice")
    return table


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _NoJsonError("numbers below 1.8e308")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _NoJsonError(f"valid JSON, which has no {name}")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant)


def fault_at(text: str, start: int, end: int, expected: str) -> Fault:
    """A violation with its span; without it if the text there is empty or long."""
    if 0 < end - start <= _MAX_SHOWN:
        return text[start:end], start, end, expected
    return None, None, None, expected


def json_path(path: Sequence[str | int]) -> str:
    """`$.items[0].name` (RFC 9535)."""
    steps = [
        f"[{step}]"
        if isinstance(step, int)
        else (f".{step}" if re.fullmatch(r"[A-Za-z_]\w*", step) else f"[{json.dumps(step, ensure_ascii=False)}]")
        for step in path
    ]
    return f"${''.join(steps)}"


_BLANKS = re.compile(r"[ \t\n\r]*")


def place_of(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """The span of the value at `path` in a valid JSON text."""
    start = _after_blanks(text, 0)
    for step in path:
        start = _member(text, start, step)
    return start, _DECODER.raw_decode(text, start)[1]


def _member(text: str, start: int, step: str | int) -> int:
    """The start of one member of the object or array that starts there."""
    at = _after_blanks(text, start + 1)
    number = 0
    while True:
        key: Any = number
        if text[start] == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _after_blanks(text, _after_blanks(text, at) + 1)  # the colon
        if key == step:
            return at
        at = _after_blanks(text, _after_blanks(text, _DECODER.raw_decode(text, at)[1]) + 1)  # the comma
        number += 1


def _after_blanks(text: str, at: int) -> int:
    return _BLANKS.match(text, at).end()  # type: ignore[union-attr]


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
