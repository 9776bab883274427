"""The shipped examples: two real projects to run as they stand, and the article's story as money."""

from pathlib import Path

__all__ = ["example_path"]


def example_path(name: str) -> Path:
    """The folder or file of a shipped example, such as `components`, `records` or `article.toml`."""
    return Path(__file__).parent / name
