"""docs/files.md is what docs/files.py makes of the schemas of a run's files."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_all_files_is_up_to_date() -> None:
    made = runpy.run_path(str(DOCS / "files.py"))
    assert (DOCS / "files.md").read_text(encoding="utf-8") == made["page"]()
