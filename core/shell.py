"""Quotes words of a command for this system's shell, and splits commands into words."""

import os
import re
import shlex

__all__ = ["quote", "split_command"]

_PLAIN = re.compile(r"[\w@+=:,./\\~-]+", re.ASCII)  # characters that mean nothing special to cmd or PowerShell
# Inside quotes, an odd number of backslashes in front of a quote makes it part of the word.
_WORD = re.compile(r'"((?:\\*[^"\\]|\\(?:\\\\)*")*)((?:\\\\)*)"|\S+')
_BEFORE_QUOTE, _QUOTE = re.compile(r'(\\*)("|$)'), re.compile(r'(\\+)"')


def quote(word: str) -> str:
    """The word, in quotes if the shell would split or change it: single quotes, or double quotes on Windows.

    On Windows, `cmd` has no single quotes, and `shlex` would quote the backslashes of a path. Programs there read two
    backslashes in front of a quote as one.
    """
    if os.name != "nt":
        return shlex.quote(word)
    if _PLAIN.fullmatch(word):
        return word
    return '"' + _BEFORE_QUOTE.sub(lambda found: found[1] * 2 + ('\\"' if found[2] else ""), word) + '"'


def split_command(text: str) -> list[str]:
    """The words of a command, without their quotes."""
    if os.name != "nt":
        return shlex.split(text)
    return [word[0] if word[1] is None else _unquoted(word[1] + word[2]) for word in _WORD.finditer(text)]


def _unquoted(text: str) -> str:
    whole = text.rstrip("\\")
    ending = "\\" * ((len(text) - len(whole)) // 2)
    return _QUOTE.sub(lambda found: "\\" * (len(found[1]) // 2) + '"', whole) + ending
