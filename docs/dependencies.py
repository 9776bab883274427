"""Writes docs/dependencies.md: every package of an install, from pyproject.toml and the metadata of what is installed.

Run it after a dependency changed: `python docs/dependencies.py [FOLDER ...]`. An extra of which a package is not installed
keeps its section; if it changed, pass folders with what is missing: `pip install --no-deps --target FOLDER NAME`. A test
holds the page to pyproject.toml and the metadata.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).with_suffix(".md")
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
BASE = "dependencies"
# What an extra is for, in the order of the page; `dev` and `bench` are for those who change Tuneworth.
EXTRAS = {
    "train": "Training and generating on this machine, exports to other formats, tables of pandas.",
    "qlora": "Training on 4-bit weights ([devices](devices.md)).",
    "meaning": "Requests that say the same in other words ([curation](curation.md)).",
    "excel": "Workbooks as input.",
    "constrained": "Outputs that a schema or pattern allows ([evaluation](evaluation.md)).",
    "search": "The search for a better guide by a model ([evaluation](evaluation.md)).",
    "review": "The workbench in the browser ([review](review.md)).",
    "cluster": "Several machines ([cluster](cluster.md)).",
    "servers": "Servers that `benchmarks/serve_check.py` tries.",
    "bench": "Peers that the benchmarks compare with.",
    "dev": "Tests, types, lint.",
}


INTRODUCTION = """\
# Dependencies: what is installed, and what for

The base install brings {packages} packages, together {total} MB unpacked, without torch. Their licences are {licences}.
How much is downloaded and what bytecode adds is in [benchmarks/install.md](../benchmarks/install.md).

**Why not less.** Four libraries and what they need are {large} MB of it: polars reads and joins the tables, scipy and
numpy compute the exact join and every interval, and scikit-learn chooses examples for prompts and finds the nearest
ones. Curating and judging outputs need all four, so none of them is an extra; the other {others} packages are {rest} MB.
To be below 400 MB, Tuneworth would need code of its own for what scikit-learn ({learn} MB with what it needs) and
jsonschema-rs ({schema} MB) do. Bytecode is the larger saving: `pip install --no-compile .` leaves it out, and Python
then compiles what a command imports at its first use.

**Which versions.** With `pip install -c constraints.txt .` you get the versions that the tests ran with, as `make setup`
and CI do. Without it, pip takes the newest release of everything. `make newest` runs the tests with those, `make oldest`
with the oldest versions that `pyproject.toml` allows, and `make pythons` the wheel with the README's first hour on 3.12 and
3.13: all three on demand. No dependency has an upper bound: one would need a reason, written beside it in `pyproject.toml`.

MB are millions of bytes of the unpacked wheel on Linux (x86-64, Python 3.11), without bytecode. This page is generated
from the code by `docs/dependencies.py`.
"""
# The four libraries with what they need; the names after numpy are scikit-learn and what it brings.
LARGE = (
    "polars",
    "polars-runtime-32",
    "scipy",
    "numpy",
    "scikit-learn",
    "narwhals",
    "joblib",
    "threadpoolctl",
    "cloudpickle",
)


class Stated(NamedTuple):
    """A requirement of pyproject.toml with the two parts of its comment; `instead` may be empty."""

    name: str
    requirement: str
    purpose: str
    instead: str


class Package(NamedTuple):
    """An installed package; `size` is that of its unpacked wheel in bytes, without bytecode."""

    name: str
    licence: str
    size: int
    requires: tuple[Requirement, ...]


def stated(text: str | None = None) -> dict[str, list[Stated]]:
    """The requirements of each list of pyproject.toml: `dependencies`, then the extras by name."""
    lists: dict[str, list[Stated]] = {}
    text = PROJECT.read_text(encoding="utf-8") if text is None else text
    for name, body in re.findall(r"^(\w+) = \[\n((?:  \".*\n)+)\]", text, re.MULTILINE):
        if name == BASE or name in EXTRAS:
            lists[name] = [_stated(line) for line in body.splitlines()]
    return lists


def _stated(line: str) -> Stated:
    found = re.fullmatch(r'  "([^"]+)",(?: +# (.*))?', line)
    if found is None:
        sys.exit(f"{PROJECT.name}: expected one requirement with a comment, found {line.strip()}")
    requirement, comment = found.groups()
    purpose, _, instead = (comment or "").partition("; instead: ")
    return Stated(Requirement(requirement).name, requirement, purpose, instead)


def installed(folders: Iterable[Path | str] = ()) -> dict[str, Package]:
    """The packages of this environment and of the folders, by their normalised names."""
    found: dict[str, Package] = {}
    for distribution in metadata.distributions(path=[*sys.path, *map(str, folders)]):
        about = distribution.metadata
        # Bytecode that pip compiled is listed without a size.
        size = sum(file.size or 0 for file in distribution.files or [])
        requires = tuple(Requirement(text) for text in distribution.requires or ())
        found.setdefault(canonicalize_name(about["Name"]), Package(about["Name"], licence(about), size, requires))
    return found


FAMILIES = {
    "Apache": "Apache-2.0", "MIT": "MIT", "BSD": "BSD", "MPL": "MPL-2.0", "Mozilla": "MPL-2.0", "PSF": "PSF-2.0",
    "ISC": "ISC", "Zlib": "Zlib", "CC0": "CC0-1.0", "LGPL": "LGPL", "GPL": "GPL", "BSL": "BSL-1.0", "CNRI": "CNRI-Python",
}  # fmt: skip


def licence(about: metadata.PackageMetadata) -> str:
    """The families of the licences that a package's metadata names, by their SPDX names without the clauses of BSD."""
    classes = [text for text in about.get_all("Classifier") or [] if text.startswith("License ::")]
    expression, words = ((about.get_all(key) or [""])[0] or "" for key in ("License-Expression", "License"))
    # Some packages put the whole text of the licence there.
    texts = (expression, " ".join(classes), words.partition("\n")[0], words[:1000])
    return ", ".join(next(filter(None, map(_families, texts)), ["see the package"]))


def _families(text: str) -> list[str]:
    words = re.findall(r"(?<![A-Za-z])(?:0|\d-)?(" + "|".join(FAMILIES) + r")\b", text)
    return list(dict.fromkeys(FAMILIES[word] for word in words))


def needed(names: Iterable[str], known: Mapping[str, Package]) -> dict[str, list[str]]:
    """What the named requirements bring with them, themselves too: each package by name, with those that need it."""
    needs: dict[str, list[str]] = {}
    waiting = [(Requirement(name), "") for name in names]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement, by = waiting.pop(0)
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        needs.setdefault(name, [])
        if by and by not in needs[name]:
            needs[name].append(by)
        if (name, extras) in seen or name not in known:
            continue
        seen.add((name, extras))
        for one in known[name].requires:
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((Requirement(str(one).partition(";")[0]), known[name].name))
    return needs


def megabytes(size: int) -> str:
    """A size for the page, in whole millions of bytes."""
    return f"{size / 1e6:.0f}" if size >= 500_000 else "<1"


def page(known: Mapping[str, Package], before: str) -> str:
    """The whole page; sections of extras that are not installed are those of the page before."""
    lists = stated()
    needs = needed((one.requirement for one in lists[BASE]), known)
    parts = [introduction(needs, known), "## The base install\n", *table(lists[BASE], known), ""]
    parts += ["## What comes with it\n", "| package | licence | MB | needed by |", "|---|---|---|---|"]
    own = {canonicalize_name(one.name) for one in lists[BASE]}
    for name in sorted(needs.keys() - own):
        package = known[name]
        parts.append(f"| {package.name} | {package.licence} | {megabytes(package.size)} | {', '.join(needs[name])} |")
    parts += ["", "## Extras\n", "`pip install '.[NAME]'`; several at once: `pip install '.[train,review]'`.\n"]
    for name, purpose in EXTRAS.items():
        own = {canonicalize_name(one.name) for one in lists[name]}
        if own - known.keys():
            parts.append(kept(before, name, lists[name]))
            continue
        more = needed((one.requirement for one in lists[name]), known).keys() - needs.keys() - own
        parts += [f"### `{name}`\n", purpose + "\n", *table(lists[name], known), ""]
        parts += [f"It also brings {', '.join(sorted(more))}.\n"] if more else []
    return "\n".join(parts).rstrip() + "\n"


def kept(before: str, name: str, group: Iterable[Stated]) -> str:
    """The section of an extra on the page before. Raises: SystemExit if it does not list these packages."""
    found = re.search(rf"^### `{name}`\n.*?(?=^### |\Z)", before, re.MULTILINE | re.DOTALL)
    section = found[0] if found else ""
    if unlisted := [one.name for one in group if f"| {one.name} |" not in section or one.purpose not in section]:
        sys.exit(f"not installed: {', '.join(unlisted)}\npip install --no-deps --target FOLDER NAME, then pass FOLDER")
    return section.rstrip("\n") + "\n"


def table(group: Iterable[Stated], known: Mapping[str, Package]) -> list[str]:
    """The rows of a list of pyproject.toml."""
    lines = ["| package | licence | MB | what it is for | what would replace it |", "|---|---|---|---|---|"]
    for one in group:
        package = known[canonicalize_name(one.name)]
        cells = (one.name, package.licence, megabytes(package.size), one.purpose, one.instead)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def introduction(needs: Mapping[str, list[str]], known: Mapping[str, Package]) -> str:
    """What is installed as a whole, and why it is not less."""
    sizes = {name: known[name].size for name in needs}
    total, large = sum(sizes.values()), sum(sizes.get(name, 0) for name in LARGE)
    learn, schema = (sum(sizes.get(name, 0) for name in names) for names in (LARGE[4:], ("jsonschema-rs",)))
    families = sorted({one for name in needs for one in known[name].licence.split(", ")})
    return INTRODUCTION.format(
        packages=len(needs), total=f"{total / 1e6:.0f}", licences=", ".join(families), large=f"{large / 1e6:.0f}",
        others=len(needs) - len(LARGE), rest=f"{(total - large) / 1e6:.0f}", learn=f"{learn / 1e6:.0f}",
        schema=f"{schema / 1e6:.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    text = page(installed(sys.argv[1:]), PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
