"""pyproject.toml and docs/dependencies.md: each package has its purpose, is used, and has no bound without a reason.

That the oldest allowed versions work is shown by `make oldest`, the newest by `make newest`, each Python by `make pythons`.
"""

import platform
import re
import runpy
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)
EXTRAS = PROJECT["project"]["optional-dependencies"]
MADE = runpy.run_path(str(ROOT / "docs" / "dependencies.py"))
OLDEST = runpy.run_path(str(ROOT / "tests" / "oldest.py"))["oldest"]
TRIED = runpy.run_path(str(ROOT / "tests" / "wheel" / "pythons.py"))["stated"]
PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
STATED = MADE["stated"]()
FOR_USERS = STATED.keys() - {"servers", "bench", "dev"}


def rows(section: str) -> dict[str, list[str]]:
    """The table below a heading of the page: the other cells by the first."""
    below = PAGE.partition(f"\n{section}\n")[2].partition("\n#")[0]
    cells = [line.strip("| ").split(" | ") for line in below.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in cells[1:]}


@pytest.fixture(scope="module")
def installed() -> dict[str, Any]:
    return MADE["installed"]()


def test_every_requirement_is_read_with_its_purpose():
    listed = {"dependencies": PROJECT["project"]["dependencies"], **EXTRAS}
    assert {name: [one.requirement for one in group] for name, group in STATED.items()} == listed
    assert MADE["EXTRAS"].keys() == EXTRAS.keys()
    assert [one.name for group in STATED.values() for one in group if not one.purpose] == []
    # In `dev`, "the extra NAME" is said of a package of that extra, where its replacement is.
    replaced = {one.name for group in STATED.values() for one in group if one.instead}
    assert [one.name for group in STATED.values() for one in group if one.name not in replaced] == []
    assert [one.name for name in FOR_USERS for one in STATED[name] if not one.instead] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STATED)
def test_the_page_lists_each_package_as_it_is_stated(name, installed):
    table = rows("## The base install" if name == "dependencies" else f"### `{name}`")
    assert table.keys() == {one.name for one in STATED[name]}
    for one in STATED[name]:
        licence, size, *words = table[one.name]
        assert words == [one.purpose, *filter(None, [one.instead])]
        assert re.fullmatch(r"<1|\d+", size)
        if package := installed.get(canonicalize_name(one.name)):
            assert licence == package.licence, one.name


@pytest.mark.slow
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the page has the sizes of Linux on x86-64"
)
def test_the_sizes_of_the_base_install_are_about_those_of_what_is_installed(installed):
    needs = MADE["needed"]((one.requirement for one in STATED["dependencies"]), installed)
    known = {canonicalize_name(one): cells[1] for part in ("## The base install", "## What comes with it")
             for one, cells in rows(part).items()}  # fmt: skip
    for name, size in known.items():
        if name in needs and name in installed:
            assert float(size.strip("<")) == pytest.approx(installed[name].size / 1e6, rel=0.25, abs=2), name
    total = re.search(r"brings (\d+) packages, together (\d+) MB", PAGE)
    assert int(total[1]) == len(known)
    assert sum(installed[name].size for name in needs) / 1e6 == pytest.approx(int(total[2]), rel=0.1)


def test_no_requirement_has_an_upper_bound():
    """One with a reason gets an exception here, and its reason in pyproject.toml."""
    bounds = [text.partition(";")[0] for group in STATED.values() for _, text, *_ in group]
    assert [text for text in bounds if not re.fullmatch(r"[\w.\[\]-]+>=[\w.]+", text)] == []


def test_one_version_of_each_requirement_is_locked_within_its_bounds():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line) for line in lines]
    # Neither a local build nor an address: other machines could not get it.
    plain = re.compile(r"[\w.-]+==[\w.]+( ; .+)?")
    assert [line for line in lines if not plain.fullmatch(line)] == []
    named = {canonicalize_name(one.name): one for one in locked}
    assert len(named) == len(lines) > 150
    required = [*PROJECT["build-system"]["requires"], *(one.requirement for group in STATED.values() for one in group)]
    for one in map(Requirement, required):
        (version,) = named[canonicalize_name(one.name)].specifier
        assert one.specifier.contains(version.version), one


def test_the_oldest_of_everything_is_one_version_of_each_package():
    """One that two extras name has the same floor in both: pip could install no other two."""
    pinned = [Requirement(line) for line in OLDEST(list(EXTRAS), TEXT)]
    versions = Counter(canonicalize_name(one.name) for one in pinned)
    assert [name for name, count in versions.items() if count > 1] == []
    assert versions.keys() == {"setuptools"} | {
        canonicalize_name(one.name) for group in STATED.values() for one in group
    }
    assert [str(one) for one in pinned if [part.operator for part in one.specifier] != ["=="]] == []


def test_the_oldest_are_those_of_the_base_install_and_the_named_extras():
    text = """
[build-system]
requires = ["setuptools>=77"]
[project]
dependencies = ["click>=8.2", "backports.zstd>=1.0; python_version < '3.14'"]
[project.optional-dependencies]
cluster = ["ray[train]>=2.60", "click>=8.2"]
dev = ["ruff>=0.15"]
"""
    base = ["setuptools==77", "click==8.2", "backports.zstd==1.0; python_version < '3.14'"]
    assert OLDEST([], text) == base
    assert OLDEST(["cluster"], text) == [*base, "ray[train]==2.60"]


def test_each_python_that_the_project_names_is_tried_and_allowed():
    versions = TRIED(TEXT)
    assert len(versions) > 2
    assert (
        versions[0]
        == PROJECT["project"]["requires-python"].removeprefix(">=")
        == PROJECT["tool"]["pyright"]["pythonVersion"]
    )
    assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / "README.md").read_text(encoding="utf-8")


IMPORTED = re.compile(r"^ *(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?(?: *#.*)?$)", re.MULTILINE)
# Modules by another name than that of their package.
MODULES = {
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "phonenumberslite": "phonenumbers",
    "backports-zstd": "backports",
}


def module_of(name: str) -> str:
    return MODULES.get(canonicalize_name(name), canonicalize_name(name).replace("-", "_"))


def test_what_is_imported_is_required_and_what_the_base_requires_is_imported():
    packages = [name.removeprefix("tuneworth.").split(".") for name in PROJECT["tool"]["setuptools"]["packages"]]
    code = [file.read_text(encoding="utf-8") for parts in packages for file in ROOT.joinpath(*parts).glob("*.py")]
    imported = {"".join(names) for text in code for names in IMPORTED.findall(text)}
    imported -= sys.stdlib_module_names | {"tuneworth", "compression"}  # compression: Python 3.14
    assert len(imported) > 30
    required = {module_of(one.name) for name in FOR_USERS | {"dev"} for one in STATED[name]}
    assert imported - required == set()
    assert {module_of(one.name) for one in STATED["dependencies"]} - imported == set()
