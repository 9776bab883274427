"""A project without a model, with outputs in files, for every stage except training."""

from pathlib import Path

import pytest

from ..conftest import write_collected_project


@pytest.fixture
def labels(tmp_path: Path, style_file: Path) -> Path:
    """The folder `labels` with pairs whose splits are given; its style is next to it."""
    folder = tmp_path / "labels"
    folder.mkdir()
    return write_collected_project(folder, style=f"../{style_file.name}")
