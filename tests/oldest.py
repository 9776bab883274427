"""Prints what pyproject.toml requires, each at its oldest allowed version: `python tests/oldest.py train,dev`.

The base install, what builds it, and the named extras, as lines for `pip install --requirement`: pip refuses them where
these versions do not go together, so each stated floor is one that somebody can have. Needs nothing but Python.
"""

import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def oldest(extras: list[str], text: str) -> list[str]:
    """The requirements of the text of a pyproject.toml with `==` in place of `>=`. Raises: KeyError for no such extra."""
    about = tomllib.loads(text)
    project, builds = about["project"], about["build-system"]["requires"]
    groups = [builds, project["dependencies"], *(project["optional-dependencies"][name] for name in extras)]
    return list(dict.fromkeys(one.replace(">=", "==", 1) for group in groups for one in group))


if __name__ == "__main__":
    print(*oldest(sys.argv[1].split(",") if sys.argv[1:] else [], PROJECT.read_text(encoding="utf-8")), sep="\n")
