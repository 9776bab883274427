"""The schema files are what docs/schemas.py makes of the records."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "schemas.py"


def load():
    spec = importlib.util.spec_from_file_location("schemas", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("path", "text"), load().files().items(), ids=lambda value: getattr(value, "name", ""))
def test_a_schema_file_is_what_its_records_say(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run python docs/schemas.py"
