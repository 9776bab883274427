"""The sections of a finished page, shown or folded."""

import re

FOLDED = (
    r'<section class="part folded">\s*<div class="folding"><details class="fold"><summary>(?:(?!</summary>).)*</summary>\s*'
    r'<div class="unfolded" id="{}">'
)


def part_start(page: str, name: str) -> int:
    """Where the section with this anchor begins."""
    found = re.search(rf'<section class="part" id="{name}">|{FOLDED.format(name)}', page, re.DOTALL)
    assert found, f"the page has no section {name}"
    return found.start()


def part_html(page: str, name: str) -> str:
    """The HTML of the section with this anchor, its title included."""
    start = part_start(page, name)
    return page[start : page.index("</section>", start)]
