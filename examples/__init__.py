"""The shipped examples: a real project to run as it stands, and the article's story as money."""

from pathlib import Path

__all__ = ["example_path"]


def example_path(name: str) -> Path:
    """The folder or file of a shipped example, `components` or `article.toml`."""
    return Path(__file__).parent / name
