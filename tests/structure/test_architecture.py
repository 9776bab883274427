"""docs/architecture.md names files and functions that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES = re.findall(r"^\| [^|]+ \| `([\w/]+\.py)` \| (.+) \|$", PAGE.partition("## Where is")[2], re.MULTILINE)
FILES = sorted(set(re.findall(r"`((?:\w+/)+\w+\.(?:py|md|json))`", PAGE)) - {""})


@pytest.mark.parametrize(("file", "names"), PLACES)
def test_each_place_that_people_ask_for_is_there(file: str, names: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8")
    for name in re.findall(r"`(\w+)`", names):
        assert re.search(rf"^ *(def|class) {name}\b", source, re.MULTILINE), name


def test_each_file_that_the_page_names_exists() -> None:
    of_a_run = {"evaluate/variants.json"}
    assert len(PLACES) > 5
    assert [name for name in FILES if "NAME" not in name and name not in of_a_run and not (ROOT / name).exists()] == []
