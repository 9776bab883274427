"""The base commands on a Python that has nothing which only Linux has, and refuses what Windows refuses.

`elsewhere/sitecustomize.py` makes such a Python; it says what it takes away. The console is one in cp1252, and texts without
a stated encoding are, too.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import STYLE, pair, write_collected_project

HERE = Path(__file__).parent
JUDGE = "evaluate --pairs pairs.jsonl --outputs prompted=prompted.jsonl --outputs tuned=tuned.jsonl --style style.yaml"
COMMANDS = """
check pairs.jsonl
init project --from pairs.jsonl
curate project
style infer pairs.jsonl --out inferred.yaml
style guide style.yaml
style check pairs.jsonl --style style.yaml
fix pairs.jsonl --style style.yaml --out fixed.jsonl
curate pairs.jsonl --style style.yaml --out clean
why clean 3
why clean 3 --decide drop --because – --who Łucja
curate clean --again
JUDGE --out judged
report judged
JUDGE --out again
compare judged again --out compared
export clean --format csv
export clean --format openai --out upload
curate collected
evaluate collected
report collected
roi --config article.toml
runs collected
curate collected
runs prune collected --keep 1 --yes
""".replace("JUDGE", JUDGE)
# Commands in one process, as each start takes a second; then what it was refused.
PROGRAM = """
import json, sys, warnings
from tuneworth.cli import main
warnings.filterwarnings("ignore", "only soft file lock")  # of filelock, where neither Windows' locks nor POSIX' are
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as left:
        print(f"\\n=={left.code or 0} {' '.join(words)}", file=sys.stderr, flush=True)
print(json.dumps(getattr(sys.modules.get("sitecustomize"), "REFUSED", [])), file=sys.stderr)
"""
ELSEWHERE = {
    "PYTHONPATH": str(HERE / "elsewhere"), "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
    "LC_ALL": "C", "PYTHONTZPATH": "",
}  # fmt: skip
WHOLE = (".jsonl", ".yaml", ".toml", ".csv")  # files that tell of no time, but for those of decisions


def ran(folder: Path, commands: list[list[str]], variables: dict[str, str]) -> str:
    """What the commands wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)], cwd=folder, env=os.environ | variables, check=False,
        capture_output=True,
    )  # fmt: skip
    return done.stderr.decode("cp1252" if variables else "utf-8")  # standard output is UTF-8 where it is data


def prepared(folder: Path) -> Path:
    folder.mkdir()
    rows = [pair(n) for n in range(60)]
    rows[3]["output"] += " – 日本 \U0001f600"
    files = {"pairs": rows} | {
        name: [{"id": row["id"], "output": row["output"] + end} for row in rows]
        for name, end in (("prompted", "."), ("tuned", ""))
    }
    for name, lines in files.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_bytes(text.encode())
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    collected = folder / "collected"
    collected.mkdir()
    (collected / "style.yaml").write_text(STYLE, encoding="utf-8")
    write_collected_project(collected, style="style.yaml")
    shutil.copy(HERE.parents[1] / "examples" / "article.toml", folder)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """The files by name, where a run is named by its number; locks, and the page of the decisions' folder, left out."""
    runs = {path.name: f"run {n}" for n, path in enumerate(sorted(folder.glob("*/runs/*")))}
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            name = path.relative_to(folder).as_posix()
            for run, number in runs.items():
                name = name.replace(run, number)
            found[name] = path.read_bytes()
    return found


@pytest.mark.slow
def test_the_base_commands_run_on_other_systems_and_write_the_same(tmp_path: Path) -> None:
    commands = [line.split() for line in COMMANDS.strip().splitlines()]
    here, there = prepared(tmp_path / "here"), prepared(tmp_path / "there")
    said = ran(there, commands, ELSEWHERE)
    codes = [line.partition(" ")[0] for line in said.splitlines() if line.startswith("==")]
    assert codes == ["==0"] * len(commands), said
    assert "Traceback" not in said
    assert json.loads(said.splitlines()[-1]) == []
    ran(here, commands, {})
    one, other = files_of(here), files_of(there)
    assert one.keys() == other.keys()
    plain = [name for name in one if name.endswith(WHOLE) and "overrides" not in name]
    assert len(plain) > 30
    assert [name for name in plain if one[name] != other[name]] == []
    assert [name for name, data in other.items() if not name.endswith(".parquet") and b"\r" in data] == []


@pytest.mark.cluster
def test_curating_in_parts_runs_on_other_systems(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "there")
    settings = folder / "collected" / "tuneworth.toml"
    with settings.open("a", encoding="utf-8") as file:
        file.write('\n[cluster]\naddress = "processes"\nworkers = 2\npartitions = 2\n')
    said = ran(folder, [["curate", "collected", "--cluster"]], ELSEWHERE)
    assert "==0 " in said, said
    assert json.loads(said.splitlines()[-1]) == []
