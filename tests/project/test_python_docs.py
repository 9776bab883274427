"""The Python of docs/python.md and of the README runs in a notebook, and results show themselves there."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import pair
from .kernel import Kernel, kernel

ROOT = Path(__file__).parents[2]
MARKUP = "<script>alert(1)</script> from $5 to $6"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def notebook(
    labels: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kernel]:
    """A kernel in the folder of `labels`, a style and products.csv."""
    with (tmp_path / "products.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sku", "family", "title", "specs", "text"])
        for n in range(60):
            row = pair(n)
            specs = f"{row['input']['colour']}, {n} kg; {MARKUP}"
            table.writerow([row["id"], row["family"], row["input"]["thing"], specs, row["output"]])
    files = tmp_path_factory.mktemp("jupyter")
    monkeypatch.setenv("IPYTHONDIR", str(files))
    with kernel(tmp_path, files) as running:
        yield running


@pytest.mark.slow
def test_the_pages_run_in_a_notebook_which_shows_the_results(notebook: Kernel) -> None:
    cells = []
    assert len(blocks("docs/python.md")) == 6
    for code in blocks("docs/python.md"):
        assert code.count("\n") <= 10
        cells.append(notebook.run(code))
        assert cells[-1].problem == [], "\n".join(cells[-1].problem)
        assert cells[-1].err == ""
    printed = "".join(cell.out for cell in cells)
    assert "60 rows read" in printed
    assert "Cannot tell yet" in printed
    assert "nowhere is neither a run" in printed
    assert notebook.run("decision, len(failed) == len(test), whole.results.quality['tuned'].n").text == (
        "('cannot tell yet', True, 60)"
    )

    # The outputs that the README supposes, by the texts of the same test pairs.
    notebook.run('same = tw.curate_pairs("products.csv", "style.yaml", input=["title", "specs"], output="text")')
    notebook.run(
        'before, after = (same.splits["test"].select("id", output=pl.col("output") + end) for end in (".", ""))'
    )
    (readme,) = blocks("README.md")
    cell = notebook.run(readme)
    assert (cell.problem, cell.err) == ([], "")
    assert "Cannot tell yet" in cell.out

    shown = [cell.html for cell in cells if cell.html]
    shown += [notebook.run(code).html for code in ("clean", "whole", "tw.explain_row(tw.Run('labels'), 1)")]
    shown.append(notebook.run("tw.check_style(products, 'style.yaml', input='specs', output='text')").html)
    assert len(shown) == 5
    for html in shown:
        assert html.count("<table") >= 1
        assert "<pre" not in html
        assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; from $5 to $6" in shown[1]
    assert all('class="tex2jax_ignore mathjax_ignore"' in html for html in shown)
    assert notebook.run("clean.to_pandas()['kept']['id'].tolist() == clean.kept['id'].to_list()").text == "True"
