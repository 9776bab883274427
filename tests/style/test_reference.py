"""The reference of all kinds of checks, in docs/style.md and in `tuneworth style explain`."""

from pathlib import Path

import pytest

from tuneworth.core import ConfigError
from tuneworth.style import KINDS, explain_kind, reference_page
from tuneworth.style.reference import EXAMPLES

PAGE = Path(__file__).parents[2] / "docs" / "style.md"


def test_every_kind_has_one_example() -> None:
    assert sorted([*(example.kind for example in EXAMPLES), "python"]) == sorted(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.kind)
def test_an_example_passes_and_fails_as_stated(example) -> None:
    assert example.message(example.passes) is None
    message = example.message(example.fails)
    assert message is not None
    assert message.startswith(f"{example.kind}: ")
    assert message in explain_kind(example.kind).replace("⏎", "\n")


@pytest.mark.slow
def test_the_page_is_what_the_kinds_say_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), (
        "write it again: tuneworth style explain > docs/style.md"
    )


def test_an_unknown_kind_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r'unknown kind "end_with".*ends_with'):
        explain_kind("end_with")
