"""Prints which packages of this environment have another version than constraints.txt states: `python tests/newest.py`."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

for line in (Path(__file__).parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines():
    locked = Requirement(line)
    found = [one.version for one in metadata.distributions(name=locked.name)]
    if (locked.marker is None or locked.marker.evaluate()) and found and found[0] not in locked.specifier:
        print(f"newest: {locked.name} {found[0]}, locked {locked.specifier}")
