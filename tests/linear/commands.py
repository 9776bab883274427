"""Whole commands on a file in which a text stands as output, input, field and id: all that they do with it, pages included."""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tuneworth.core import TuneworthError
from tuneworth.project import check_data, curate_pairs, explain_row, judge_outputs

__all__ = ["COMMANDS"]

STYLE = """checks:
  - {kind: length, unit: words, max: 40}
  - {kind: punctuation, end: none}
  - {kind: grounded, facts: [numbers, codes]}
  - {kind: clean}
"""
_ROWS = 24  # of which the first two and the last hold the text


def _rows(text: str) -> list[dict[str, Any]]:
    rows = [
        {"id": f"p{n}", "input": {"part": f"box {n}", "size": f"{n} V"}, "output": f"Box {n} of {n} V"}
        for n in range(_ROWS)
    ]
    rows[0] |= {"input": {"part": text, "size": text[1:]}, "output": text}
    rows[1] |= {"input": {"part": f"x {text}", "size": "1 V"}, "output": f"{text} 1"}
    rows[-1] |= {"id": text[: len(text) // 2] or "p"}
    return rows


def _file(text: str, folder: str, ending: str) -> Path:
    path = Path(folder) / f"pairs.{ending}"
    rows = _rows(text)
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(
            "id,input,output\n" + "".join(_record(row["id"], row["input"]["part"], row["output"]) for row in rows),
            encoding="utf-8", newline="", errors="replace",
        )  # fmt: skip
    return path


def _record(*cells: str) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


def _check(ending: str) -> Callable[[str], Any]:
    def run(text: str) -> Any:
        with TemporaryDirectory() as folder:
            return _or_refused(lambda: check_data(_file(text, folder, ending)))

    return run


def _curate(text: str) -> Any:
    with TemporaryDirectory() as folder:
        (style := Path(folder) / "style.yaml").write_text(STYLE, encoding="utf-8")
        out = Path(folder) / "curated"
        _or_refused(lambda: curate_pairs(_file(text, folder, "jsonl"), style, out=out))
        return _or_refused(lambda: explain_row(out, 1))


def _judge(text: str) -> Any:
    with TemporaryDirectory() as folder:
        (style := Path(folder) / "style.yaml").write_text(STYLE, encoding="utf-8")
        rows = [row | {"id": f"p{n}"} for n, row in enumerate(_rows(text))]
        given = {
            "prompted": [{"id": row["id"], "output": f"{row['output']}."} for row in rows],
            "tuned": [{"id": row["id"], "output": row["output"]} for row in rows],
        }
        return _or_refused(lambda: judge_outputs(rows, given, style, out=Path(folder) / "judged"))


def _or_refused(run: Callable[[], Any]) -> Any:
    """What it returns, or the refusal of such a text, which must not take long either."""
    try:
        return run()
    except TuneworthError as refusal:
        return str(refusal)


COMMANDS: dict[str, Callable[[str], Any]] = {
    "the command check, of lines": _check("jsonl"),
    "the command check, of a table": _check("csv"),
    "the command curate": _curate,
    "the command evaluate, with its report": _judge,
}
