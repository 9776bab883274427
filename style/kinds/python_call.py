"""The check `python`: a function of the team's own, `(output, pair) -> None or what is wrong`."""

import copy
import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from ...core import ConfigError
from ..kind import Kind
from ..schema import Check, Columns, Findings, faults

__all__ = ["PYTHON", "load_code"]

_CALL = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
# What a function may raise by mistake; an interrupt by the user still stops everything.
_MISTAKES = (Exception, SystemExit)


@dataclass(frozen=True)
class PythonParameters:
    """`call`: a function as `module.function`.

    It gets the output and its pair as a dictionary (`input`: text, `fields`: an object or None, `output`: text), a
    copy of its own, and returns None where the output is fine, else what is wrong in a few words. The module is looked
    for beside the style file, then where Python looks. Where the function raises, or returns anything else, the
    output is unscored.
    """

    call: str

    def __post_init__(self) -> None:
        if not _CALL.fullmatch(self.call):
            raise ConfigError(f'"call" must be module.function, found {self.call!r}')


@dataclass(frozen=True)
class AllowedCode(PythonParameters):
    """A call that the user allowed; `folder`: that of the style file. Plain data, so that it travels to other processes."""

    folder: Path | None = None


def load_code(
    checks: Sequence[Check], problems: list[str], *, folder: Path | None, allow_code: bool
) -> tuple[Check, ...]:
    """The checks with their `python` calls tried and allowed; what stands against it is added to `problems`."""
    loaded = []
    folder = folder.resolve() if folder is not None else None
    _function.cache_clear()  # a module edited since the last reading is read again
    for check in checks:
        if check.kind != "python":
            loaded.append(check)
            continue
        call = check.parameters.call
        if not allow_code:
            problems.append(
                f"{check.id}: would run {call} {_place(call, folder)}; if you trust that code, pass --allow-code"
            )
            continue
        try:
            _function(call, folder)
        except ConfigError as error:
            problems.append(f"{check.id}: {error}")
            continue
        loaded.append(replace(check, parameters=AllowedCode(call, folder)))
    return tuple(loaded)


def _place(call: str, folder: Path | None) -> str:
    module = call.rpartition(".")[0]
    if folder is not None and (file := _file_of(module, folder)):
        return f"in {file}"
    return f"from the installed module {module}"


def _file_of(module: str, folder: Path) -> Path | None:
    """The file that holds the module beside the style file, if there is one."""
    start = folder.joinpath(*module.split("."))
    return next((file for file in (start.with_suffix(".py"), start / "__init__.py") if file.is_file()), None)


@lru_cache(maxsize=256)
def _function(call: str, folder: Path | None) -> Callable[[str, dict[str, Any]], Any]:
    """The function itself.

    Raises: ConfigError where the module or the function is not there.
    """
    name, _, attribute = call.rpartition(".")
    beside = folder if folder is not None and _file_of(name, folder) else None
    try:
        with _importing_from(beside, name):
            module = importlib.import_module(name)
    except _MISTAKES as error:
        raise ConfigError(f"the module {name} cannot be imported: {_said(error)}") from None
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ConfigError(f"the module {name} has no function {attribute}")
    return function


@contextmanager
def _importing_from(folder: Path | None, module: str) -> Iterator[None]:
    """Modules of the folder come first, and leave nothing behind: neither the path nor their names.

    Two style files in two folders may both have a `rules.py`, so that the folder's modules are known to their own
    importers alone. A module that imports another one of the folder does so at its top.
    """
    if folder is None:
        yield
        return
    own = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    own.add(module.partition(".")[0])
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in own}
    path = list(sys.path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name.partition(".")[0] in own]:
            del sys.modules[name]
        sys.modules.update(hidden)


def _said(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _find_python(check: Check, columns: Columns) -> Findings:
    p: PythonParameters = check.parameters
    if not isinstance(p, AllowedCode):
        why = f"{p.call} was not run: pass --allow-code"
        return Findings(faults([]), unscored=pl.Series([why] * len(columns.output), dtype=pl.String))
    function = _function(p.call, p.folder)
    rows, reasons = [], []
    applies = columns.applies(check.when)  # no call where its answer is not asked for
    for index, (output, text, fields, asked) in enumerate(
        zip(columns.output, columns.input, columns.fields, applies, strict=True)
    ):
        wrong, why = _answer(function, p.call, output, text, fields) if asked else (None, None)
        reasons.append(why)
        if wrong is not None:
            rows.append((index, None, None, None, wrong))
    return Findings(faults(rows), unscored=pl.Series("why", reasons, dtype=pl.String))


def _answer(
    function: Callable[[str, dict[str, Any]], Any], call: str, output: str, text: str, fields: Any
) -> tuple[str | None, str | None]:
    """What is wrong with one output, and why that could not be told."""
    pair = {"input": text, "fields": copy.deepcopy(fields) or None, "output": output}
    try:
        answer = function(output, pair)
    except _MISTAKES as error:
        return None, f"{call} raised {_said(error)}"
    if answer is None:
        return None, None
    if not isinstance(answer, str) or not answer.strip():
        return None, f"{call} returned {type(answer).__name__}, expected None or a text that says what is wrong"
    return answer, None


def _say_python(check: Check) -> str:
    """The first line of the function's docstring, where it is loaded: its author's own words for the rule."""
    p: PythonParameters = check.parameters
    words = (_function(p.call, p.folder).__doc__ or "").strip() if isinstance(p, AllowedCode) else ""
    return words.splitlines()[0] if words else f"Keep the rule `{p.call}`."


def _explain_python(check: Check, found: str | None, expected: str) -> str:
    return f"{check.id}: {expected}"


PYTHON = Kind("python", "wording", PythonParameters, _find_python, _say_python, explain=_explain_python)
