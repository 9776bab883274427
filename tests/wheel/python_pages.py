"""The Python of docs/python.md and of the README, block after block, with the base install alone.

Called by try_wheel.sh with the folder of the pages, in an empty folder.
"""

import csv
import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

PAGES = Path(sys.argv[1]).resolve()
COLOURS, THINGS = ("red", "blue", "green", "white", "black"), ("lamp", "chair", "table", "shelf", "clock", "mirror")
STYLE = Path(__file__).with_name("label.yaml").read_text(encoding="utf-8")
PROJECT = """
[data]
path = "../products.csv"
input = ["title", "specs"]
output = "text"
id = "sku"
group = "family"
[style]
path = "../style.yaml"
[evaluate]
variants = ["prompted", "tuned"]
[evaluate.prompted]
outputs = "outputs.jsonl"
[evaluate.tuned]
outputs = "outputs.jsonl"
"""


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)


def write_files() -> None:
    """What the pages suppose: products.csv with its style, and the project `labels` with outputs for its test pairs."""
    import tuneworth as tw

    rows = []
    for n in range(60):
        colour, thing = COLOURS[n % 5], f"{THINGS[n % 6]} {THINGS[n // 6 % 6]} {chr(97 + n % 26)}{n}"
        rows.append([f"p{n}", f"f{n // 2}", thing, f"{colour}, {n} kg", f"Box with a {colour} {thing}, {n} kg"])
    with Path("products.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["sku", "family", "title", "specs", "text"], *rows])
    Path("style.yaml").write_text(STYLE, encoding="utf-8")
    labels = Path("labels")
    labels.mkdir()
    (labels / "tuneworth.toml").write_text(PROJECT, encoding="utf-8")
    test = tw.curate_project(labels, seed=1).test.select("id", "output")
    test.write_ndjson(labels / "outputs.jsonl")


def main() -> None:
    write_files()
    names: dict[str, Any] = {}
    page, readme = blocks("docs/python.md"), blocks("README.md")
    with redirect_stdout(io.StringIO()) as printed:
        for code in page:
            exec(code, names)
    assert "60 rows read" in printed.getvalue(), printed.getvalue()
    assert len(names["clean"].ledger) == len(names["table"]) == 60
    assert names["decision"] == "cannot tell yet", names["decision"]
    assert names["run"].results.verdict.decision == names["again"].results.verdict.decision
    assert Path(names["run"].report).is_file()
    columns = {"input": ["title", "specs"], "output": "text"}
    outputs = names["tw"].curate_pairs("products.csv", "style.yaml", **columns).splits["test"].select("id", "output")
    with redirect_stdout(io.StringIO()) as printed:
        for code in readme:
            exec(code, {"before": outputs, "after": outputs})
    assert "Cannot tell yet" in printed.getvalue(), printed.getvalue()
    print(f"pages: {len(page) + len(readme)} blocks of code ran on Python {sys.version.split()[0]}")


main()
