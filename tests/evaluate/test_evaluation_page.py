"""docs/evaluation.md lists every setting with its default."""

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from tuneworth.evaluate import EvaluateSettings, VariantSettings

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def rows(begin: str, end: str) -> dict[str, str]:
    part = PAGE[PAGE.index(begin) : PAGE.index(end)]
    found = re.findall(r"^\| (`[^|]*) \| (.*?) \|", part, re.MULTILINE)
    return {name: said for names, said in found for name in re.findall(r"`(\w+)`", names)}


def test_every_setting_of_a_variant_is_named():
    assert set(rows("| in `[evaluate.NAME]`", "```toml")) == {field.name for field in fields(VariantSettings)}


def test_every_setting_is_named_with_its_default():
    defaults = rows("## Settings", "## Rivals")
    settings = [field for field in fields(EvaluateSettings) if field.name not in ("named", "search")]
    assert list(defaults) == [field.name for field in settings]
    for field in settings:
        assert field.default is not MISSING
        assert defaults[field.name].replace("`", "") in words_of(field.default), field.name


def words_of(default: Any) -> tuple[str, ...]:
    """The accepted forms of a default on the page."""
    if default is None:
        return "none", "all", "margin"
    if isinstance(default, tuple):
        return (", ".join(default),)
    return (f"{default:g}" if isinstance(default, float) else str(default).lower(),)
