"""The check `python`: a user's function, `(output, pair) -> None` or a text about the fault."""

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
from ..columns import Columns
from ..schema import Check, Explanation, Findings, Kind, faults
from .equals import with_references

_CALL = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
# Exceptions that a function may raise by mistake; an interrupt by the user still stops everything.
_MISTAKES = (Exception, SystemExit)


@dataclass(frozen=True)
class PythonParameters:
    """`call`: a function as `module.function`.

    It gets the output and its pair as a dictionary (`input`: text, `fields`: an object or None), which is a copy, and
    returns None if the output is fine, else a few words about what is wrong. With `about: correctness` the pair also has
    the right answers (`reference` and `output`: the first; `references`: all), and pairs without one are not checked. The
    module is searched next to the style file, then on Python's path. If the function raises, or returns anything else, the
    output is unscored.
    """

    call: str

    def __post_init__(self) -> None:
        if not _CALL.fullmatch(self.call):
            raise ConfigError(f'"call" must be module.function, found {self.call!r}')


@dataclass(frozen=True)
class AllowedCode(PythonParameters):
    """A call that the user allowed; `folder`: that of the style file. Plain data, so that it can go to other processes."""

    folder: Path | None = None


def load_code(
    checks: Sequence[Check], problems: list[str], *, folder: Path | None, allow_code: bool
) -> tuple[Check, ...]:
    """The checks with their `python` calls loaded; obstacles are added to `problems`."""
    loaded = []
    folder = folder.resolve() if folder is not None else None
    _function.cache_clear()  # a module edited since the last import is imported again
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
            function = _function(call, folder)
        except ConfigError as error:
            problems.append(f"{check.id}: {error}")
            continue
        if check.about != "correctness" and (key := _reference_read(function)):
            problems.append(
                f'{check.id}: {call} reads pair["{key}"], the right answer; add `about: correctness` to this check, or use '
                "the output, which is the first argument"
            )
            continue
        loaded.append(replace(check, parameters=AllowedCode(call, folder)))
    return tuple(loaded)


_REFERENCE_KEYS = ("reference", "references", "output")


def _reference_read(function: Callable[..., Any]) -> str | None:
    """The key of the reference that a function's code reads of its pair; None if it reads none."""
    codes = [getattr(function, "__code__", None)]
    while codes:
        code = codes.pop()
        constants = getattr(code, "co_consts", ())
        codes += [constant for constant in constants if hasattr(constant, "co_consts")]
        if "pair" in (*getattr(code, "co_varnames", ()), *getattr(code, "co_freevars", ())):
            for key in _REFERENCE_KEYS:
                if key in constants:
                    return key
    return None


def _place(call: str, folder: Path | None) -> str:
    module = call.rpartition(".")[0]
    if folder is not None and (file := _file_of(module, folder)):
        return f"in {file}"
    return f"from the installed module {module}"


def _file_of(module: str, folder: Path) -> Path | None:
    """The file of the module next to the style file, if there is one."""
    start = folder.joinpath(*module.split("."))
    return next((file for file in (start.with_suffix(".py"), start / "__init__.py") if file.is_file()), None)


@lru_cache(maxsize=256)
def _function(call: str, folder: Path | None) -> Callable[[str, dict[str, Any]], Any]:
    """The function itself.

    Raises: ConfigError if the module or the function does not exist.
    """
    name, _, attribute = call.rpartition(".")
    module_folder = folder if folder is not None and _file_of(name, folder) else None
    try:
        with _importing_from(module_folder, name):
            module = importlib.import_module(name)
    except _MISTAKES as error:
        raise ConfigError(f"the module {name} cannot be imported: {_one_line(error)}") from None
    function = getattr(module, attribute, None)
    if not callable(function):
        raise ConfigError(f"the module {name} has no function {attribute}")
    return function


@contextmanager
def _importing_from(folder: Path | None, module: str) -> Iterator[None]:
    """Import from the folder first, and leave no trace: neither the path nor the names of its modules.

    Two style files in two folders may both have a `rules.py`, so only importers inside the folder see its modules. A
    module that imports another one of the folder must do so at its top.
    """
    if folder is None:
        yield
        return
    folder_modules = {
        path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    folder_modules.add(module.partition(".")[0])
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in folder_modules}
    path = list(sys.path)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if name.partition(".")[0] in folder_modules]:
            del sys.modules[name]
        sys.modules.update(hidden)


def _one_line(error: BaseException) -> str:
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
    applies = columns.applies(check.when)  # no call whose result would not be used
    compared = check.about == "correctness"
    if compared:
        applies &= with_references(columns)
    right: Sequence[Sequence[str]] = (
        columns.references if compared and columns.references else [()] * len(columns.output)
    )
    for index, (output, text, fields, references, applies_here) in enumerate(
        zip(columns.output, columns.input, columns.fields, right, applies, strict=True)
    ):
        pair = {"input": text, "fields": copy.deepcopy(fields) or None}
        if references:
            pair |= {"reference": references[0], "references": list(references), "output": references[0]}
        wrong, why = _answer(function, p.call, output, pair) if applies_here else (None, None)
        reasons.append(why)
        if wrong is not None:
            rows.append((index, None, None, None, wrong))
    return Findings(faults(rows), applies if compared else None, pl.Series("why", reasons, dtype=pl.String))


def _answer(
    function: Callable[[str, dict[str, Any]], Any], call: str, output: str, pair: dict[str, Any]
) -> tuple[str | None, str | None]:
    """The fault of one output, and the reason why it could not be checked."""
    try:
        answer = function(output, pair)
    except _MISTAKES as error:
        return None, f"{call} raised {_one_line(error)}"
    if answer is None:
        return None, None
    if not isinstance(answer, str) or not answer.strip():
        return None, f"{call} returned {type(answer).__name__}, expected None or a text that describes the fault"
    return answer, None


def _say_python(check: Check) -> str:
    """The first line of the function's docstring, if it is loaded."""
    p: PythonParameters = check.parameters
    words = (_function(p.call, p.folder).__doc__ or "").strip() if isinstance(p, AllowedCode) else ""
    return words.splitlines()[0] if words else f"Follow the rule `{p.call}`."


PYTHON = Kind(
    "python", "wording", PythonParameters, _find_python, _say_python, explain=Explanation(missing="{expected}")
)
