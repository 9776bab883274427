"""The modules of the package, and those that a rule can be about: to parse them all for each rule takes seconds."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = ["core", "style", "curate", "train", "evaluate", "reports", "project", "deploy", "review", "cli"]


@cache
def texts() -> dict[Path, str]:
    """The text of each module, by its path."""
    paths = (path for folder in (*LAYERS, "examples") for path in sorted((ROOT / folder).rglob("*.py")))
    return {path: path.read_text(encoding="utf-8") for path in paths}


def mentioning(*words: str) -> list[Path]:
    """The modules whose text holds one of the words."""
    word = re.compile(rf"\b(?:{'|'.join(sorted(words))})\b")
    return [path for path, text in texts().items() if word.search(text)]
