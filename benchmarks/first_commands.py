"""The first three commands on a file of pairs as its owner would type them: what is proposed, and whether it works.

Run: `python benchmarks/first_commands.py FILE ...`, which prints the table of benchmarks/checkup.md. For each file it types
`tuneworth check FILE`, `tuneworth init NAME --from FILE`, `tuneworth curate NAME`, and `tuneworth style check` for its figures.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "tuneworth.cli")
HEAD = (
    "| file | pairs | input → output | settings beside the columns | exit codes | answers to other requests accepted: "
    "init; check; curate | test rows, independent |"
)


def typed(*words: str | Path) -> tuple[int, dict[str, Any]]:
    """The exit code of a command, and its answer."""
    done = subprocess.run([*COMMAND, *map(str, words), "--json"], capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "{}")


def line(file: Path, folder: Path) -> str:
    """The row of a file."""
    first, checked = typed("check", file)
    second, created = typed("init", folder, "--from", file)
    third, curated = typed("curate", folder)
    codes = f"{first}, {second}, {third}"
    if third:
        return f"| {file.name} | | | | {codes} | | |"
    project = tomllib.loads((folder / "tuneworth.toml").read_text(encoding="utf-8"))
    data, given = project["data"], project["data"].get("input")
    inputs = "recognised" if given is None else given if isinstance(given, str) else ", ".join(given)
    rest = {key: value for key, value in data.items() if key not in ("path", "input", "output")} | project.get(
        "curate", {}
    )
    settings = ", ".join(f"{key} = {json.dumps(value)}" for key, value in rest.items()) or "–"
    columns = [word for name in ([given] if isinstance(given, str) else given or []) for word in ("--input", name)]
    columns += ["--output", data["output"]] if "output" in data else []
    columns += ["--id", data["id"]] if "id" in data else []
    columns += ["--leave-out-constant"] if "leave_out_constant" in data else []
    _, styled = typed("style", "check", file, "--style", folder / "style.yaml", *columns)
    accepted = [
        found and f"{found['shuffled']:.1%}" for found in (styled["discrimination"], curated["style"]["discrimination"])
    ]
    told = re.search(r"[\d.]+%(?= of answers to other)", created["message"])
    test = f"{curated['splits']['test']:,}, {curated['effective_splits']['test']:.0f}"
    output = data.get("output", "")
    return (
        f"| {file.name} | {checked['pairs']:,} | {inputs} → {output} | {settings} | {codes} | {told[0] if told else '–'}; "
        f"{accepted[0] or '–'}; {accepted[1] or '–'} | {test} |"
    )


if __name__ == "__main__":
    print(HEAD, "|---" * 7 + "|", sep="\n")
    with tempfile.TemporaryDirectory() as made:
        for number, name in enumerate(sys.argv[1:]):
            print(line(Path(name), Path(made) / f"p{number}"), flush=True)
