"""The code of docs/python.md runs, each step in at most ten lines."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"## ([^\n]+)\n(?:(?!\n## ).)*?```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_code_of_the_page_runs(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert len(BLOCKS) == PAGE.count("```python") == 4
    for title, code in BLOCKS:
        assert code.count("\n") <= 10, title
        exec(compile(code, title, "exec"), names)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "60 rows read" in printed.out
    assert "Cannot tell yet" in printed.out
    assert "nowhere is neither a run" in printed.out
    assert names["decision"] in ("fine-tune", "cannot tell yet")
    assert len(names["failed"]) == len(names["test"])  # type: ignore[arg-type]
    assert (labels / "runs").is_dir()
