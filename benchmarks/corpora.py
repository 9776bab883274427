"""Real corpora of any size without the network: what is installed here, as pairs of an input and an output.

- `packages`: Debian packages (`apt-cache dumpavail`), about 69,000; input: the control fields, output: the description.
- `docstrings`: functions and classes of installed Python packages; input: where it stands, its head and first lines,
  output: the first paragraph of its docstring.
- `code`: four consecutive non-empty lines of installed Python sources, output: the line that follows. No templates but
  those of the programmers; more than a million rows.
- `symbols`: KiCad's symbol libraries (Debian's `kicad-symbols`, CC BY-SA 4.0 with an exception), where they are
  installed; input: library, part, keywords, footprint filters, output: the description. Much of it templated.
"""

import ast
import io
import re
import subprocess
import sysconfig
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import polars as pl

__all__ = ["CORPORA", "corpus", "peak_memory"]

_FIELDS = ("Package", "Section", "Tag", "Depends", "Homepage", "Maintainer")
_LINES = 4
_LONGEST = 2000  # characters of an input
_PROPERTY = re.compile(r'\(property "([^"]+)" "((?:[^"\\]|\\.)*)"')


def corpus(name: str, rows: int) -> pl.DataFrame:
    """Columns id, input, output; a fixed random sample of the corpus, all of it where it has fewer rows."""
    stored = Path(tempfile.gettempdir()) / f"tuneworth-corpus-{name}.parquet"  # parsing all sources takes two minutes
    if not stored.is_file():
        made = pl.DataFrame(CORPORA[name](), schema={"input": pl.String, "output": pl.String}, orient="row")
        made.write_parquet(stored.with_suffix(".part"))
        stored.with_suffix(".part").rename(stored)
    table = pl.read_parquet(stored)
    table = table.sample(min(rows, len(table)), shuffle=True, seed=1)
    return table.select(pl.int_range(pl.len()).cast(pl.String).alias("id"), "input", "output")


def peak_memory() -> float:
    """The peak memory of this process in GB; unlike `ru_maxrss`, it is reset when the program starts (Linux)."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def packages() -> Iterator[tuple[str, str]]:
    """One pair per package that apt's lists know."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    for block in text.split("\n\n"):
        found = dict(line.split(": ", 1) for line in block.replace("\n ", " ").splitlines() if ": " in line)
        if "Description" in found:
            lines = [f"{field.lower()}: {found[field]}" for field in _FIELDS if field in found]
            yield "\n".join(lines)[:_LONGEST], found["Description"]


def docstrings() -> Iterator[tuple[str, str]]:
    """One pair per documented function or class of the installed sources."""
    for path, text in _sources():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # old escapes in other people's sources
                tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        lines = text.splitlines()
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                continue
            said = ast.get_docstring(node)
            if said and len(node.body) > 1:
                head = lines[node.lineno - 1 : node.body[0].lineno - 1][:8]
                body = lines[node.body[1].lineno - 1 : node.body[1].lineno + 5]
                yield f"{path}\n" + "\n".join([*head, *body])[:_LONGEST], said.split("\n\n")[0]


def code() -> Iterator[tuple[str, str]]:
    """One pair per five consecutive non-empty lines."""
    for _, text in _sources():
        lines = [line for line in text.splitlines() if line.strip()]
        for start in range(0, len(lines) - _LINES, _LINES):
            yield "\n".join(lines[start : start + _LINES])[:_LONGEST], lines[start + _LINES].strip()


def symbols() -> Iterator[tuple[str, str]]:
    """One pair per described symbol; a derived one has properties of its own."""
    for path in sorted(Path("/usr/share/kicad/symbols").glob("*.kicad_sym")):
        # A library's own symbols stand one tab deep; their parts, deeper, have no description.
        for block in path.read_text(encoding="utf-8").split("\n\t(symbol ")[1:]:
            found = {name: value.replace('\\"', '"') for name, value in _PROPERTY.findall(block)}
            if found.get("Description"):
                fields = {
                    "library": path.stem,
                    "part": found.get("Value"),
                    "keywords": found.get("ki_keywords"),
                    "footprints": found.get("ki_fp_filters"),
                }
                yield "\n".join(f"{name}: {value}" for name, value in fields.items() if value), found["Description"]


def _sources() -> Iterator[tuple[str, str]]:
    for key in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(key))
        for path in sorted(root.rglob("*.py")):
            name = str(path.relative_to(root))
            if key == "purelib" or not name.startswith("site-packages"):
                yield name, io.TextIOWrapper(path.open("rb"), "utf-8", errors="replace").read()


CORPORA = {"packages": packages, "docstrings": docstrings, "code": code, "symbols": symbols}
