"""Commands: words quoted for the shell, the command that installs extras, and how this process starts others of Python."""

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

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


def install_command(*extras: str) -> str:
    """The pip command that adds these extras to this installation.

    It names the clone, wheel or Git address that was installed; only a copy from a package index is `tuneworth`.
    """
    named = ",".join(extras)
    source = _source()
    if source is None:
        return f"pip install {quote(f'tuneworth[{named}]')}"
    url = source["url"]
    if "dir_info" in source:
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        editable = "-e " if source["dir_info"].get("editable") else ""
        path = url2pathname(urlsplit(url).path)
        return f"pip install {editable}{quote(f'{path}[{named}]')}"
    if vcs := source.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f"pip install {quote(f'tuneworth[{named}] @ {url}')}"


def _source() -> dict | None:
    """Where pip installed Tuneworth from (PEP 610); None for a package index, or if it is not recorded.

    In a clone, the metadata that a build left there is found first; it does not record the source.
    """
    texts = (found.read_text("direct_url.json") for found in metadata.distributions(name="tuneworth"))
    try:
        return next((json.loads(text) for text in texts if text), None)
    except ValueError:
        return None


def python_command(*arguments: str) -> list[str]:
    """The command of another Python; neither the current folder nor that of its program is on its path."""
    return [sys.executable, "-P", *arguments]


def safe_path() -> list[str]:
    """`sys.path` without the current folder, where Python put it; a folder named by PYTHONPATH is kept."""
    here = None if sys.flags.safe_path else Path.cwd()
    # A script and `python -m` have it in front; "" is the current folder of a prompt, in a notebook at any place.
    return [folder for at, folder in enumerate(sys.path) if folder and (at or Path(folder).resolve() != here)]


@contextmanager
def spawning(variables: Mapping[str, str]) -> Iterator["SpawnContext"]:
    """The context for processes of `multiprocessing` that start in the block, with these variables and a safe path.

    By default they would take over the path of this process and run its script, with what that imports, once more.
    """
    import multiprocessing

    changed = {**variables, "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in changed}
    path, main = sys.path, sys.modules["__main__"]
    os.environ.update(changed)
    sys.path, sys.modules["__main__"] = safe_path(), ModuleType("__main__")
    try:
        yield multiprocessing.get_context("spawn")
    finally:
        sys.path, sys.modules["__main__"] = path, main
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
