"""docs/configuration.md is what docs/configuration.py makes of the settings classes."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_all_keys_is_up_to_date():
    made = runpy.run_path(str(DOCS / "configuration.py"))
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == made["page"]()


def test_every_key_of_a_project_is_on_the_page():
    from tuneworth.project.project import SECTIONS

    made = runpy.run_path(str(DOCS / "configuration.py"))
    tables = {table.name for table in made["TABLES"]}
    assert tables == {*SECTIONS, "train.hosted", "evaluate.NAME", "roi.NAME"}
