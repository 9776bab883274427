"""The reports of other tools on the same outputs: what each is given, and the command that writes its page.

Each is used as its own documentation shows for comparing two sets of outputs: promptfoo with both variants as providers
and the style's rules as assertions, Evidently and ydata-profiling with one table for each variant.
"""

import json
import os
import resource
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PEERS", "children", "peer_page"]

_PROVIDER = """const { readFileSync } = require("fs");
module.exports = class {
  constructor(options) { this.name = options.config.name; this.outputs = JSON.parse(readFileSync(options.config.file)); }
  id() { return this.name; }
  async callApi(prompt, context) { return { output: this.outputs[context.vars.id] }; }
};
"""
# The same rules as in examples/components/style.yaml, as far as promptfoo's own assertions can say them.
_RULES = [
    {"type": "javascript", "metric": "length", "value": "output.split(/\\s+/).length >= 3 && output.split(/\\s+/).length <= 30"},
    {"type": "contains", "metric": "comma-separated", "value": ", "},
    {"type": "not-icontains", "metric": "no-part-name", "value": "{{part}}"},
    {"type": "javascript", "metric": "no-full-stop", "value": "!/[.!?]$/.test(output)"},
    {"type": "javascript", "metric": "package-last",
     "value": "!context.vars.package || output.toLowerCase().endsWith(context.vars.package.toLowerCase())"},
]  # fmt: skip

_EVIDENTLY = """import json, sys
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.descriptors import EndsWith, ExactMatch, TextLength, WordCount
from evidently.presets import DataDriftPreset, TextEvals
rows = json.load(open(sys.argv[1]))
def table(name):
    frame = pd.DataFrame([{"request": r["request"], "output": r[name], "reference": r["reference"]} for r in rows])
    found = [TextLength("output"), WordCount("output"), ExactMatch(["output", "reference"], alias="equals reference")]
    return Dataset.from_pandas(frame, DataDefinition(text_columns=["request", "output", "reference"]), descriptors=found)
Report([TextEvals(), DataDriftPreset()]).run(table("tuned"), table("prompted")).save_html(sys.argv[2])
"""

_YDATA = """import json, sys
import pandas as pd
from ydata_profiling import ProfileReport
rows = json.load(open(sys.argv[1]))
def profile(name):
    frame = pd.DataFrame([{"request": r["request"], "output": r[name], "reference": r["reference"],
                           "words": len(r[name].split()), "equals_reference": r[name] == r["reference"]} for r in rows])
    return ProfileReport(frame, title=name, progress_bar=False)
profile("prompted").compare(profile("tuned")).to_file(sys.argv[2])
"""


def _promptfoo(place: Path, rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Both variants as providers that answer from a file, in every case the rules as assertions."""
    (folder / "provider.cjs").write_text(_PROVIDER, encoding="utf-8")
    providers = []
    for name in ("prompted", "tuned"):
        file = folder / f"{name}.json"
        file.write_text(json.dumps({row["id"]: row[name] for row in rows}), encoding="utf-8")
        providers.append(
            {"id": f"file://{folder}/provider.cjs", "label": name, "config": {"name": name, "file": str(file)}}
        )
    keys = ("id", "request", "part", "package")
    config = {
        "prompts": ["{{request}}"],
        "providers": providers,
        "defaultTest": {"assert": _RULES},
        "tests": [{"vars": {key: row[key] for key in keys}} for row in rows],
    }
    (folder / "promptfooconfig.json").write_text(json.dumps(config), encoding="utf-8")
    page = folder / "promptfoo.html"
    quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_CONFIG_DIR": str(folder),
             "PROMPTFOO_DISABLE_DEBUG_LOG": "1", "PROMPTFOO_DISABLE_ERROR_LOG": "1"}  # fmt: skip
    command = ["node_modules/.bin/promptfoo", "eval", "-c", str(folder / "promptfooconfig.json"), "-o", str(page)]
    # 100 is its exit code where assertions fail, as those of the weaker variant do.
    _call(
        [*command, "--no-cache", "--no-progress-bar", "--no-table"], cwd=place, env=os.environ | quiet, codes=(0, 100)
    )
    return page


def _python(script: str, name: str) -> Callable[[Path, Sequence[dict[str, Any]], Path], Path]:
    def write(place: Path, rows: Sequence[dict[str, Any]], folder: Path) -> Path:
        program = folder / "write_page.py"  # not named like the package that it imports
        program.write_text(script, encoding="utf-8")
        (folder / "rows.json").write_text(json.dumps(list(rows)), encoding="utf-8")
        page = folder / f"{name}.html"
        command = [str(place / "bin/python"), str(program), str(folder / "rows.json"), str(page)]
        _call(command, cwd=folder, env={**os.environ, "DO_NOT_TRACK": "1", "YDATA_PROFILING_NO_ANALYTICS": "True"})
        return page

    return write


def _call(command: list[str], *, cwd: Path, env: dict[str, str], codes: Sequence[int] = (0,)) -> None:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=200)
    if done.returncode not in codes:
        raise RuntimeError(f"{command[0]} left with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")


def _asked(command: list[str]) -> Callable[[Path], str]:
    return lambda place: subprocess.run(
        [str(place / command[0]), *command[1:]], cwd=place, capture_output=True, text=True, timeout=60
    ).stdout.split()[-1]


def _version_of(package: str) -> Callable[[Path], str]:
    return _asked(["bin/python", "-c", f"from importlib.metadata import version; print(version('{package}'))"])


# Name: where its program stands in its folder, its version, and what writes its page of some rows into a folder.
PEERS: dict[str, tuple[str, Callable[[Path], str], Callable[[Path, Sequence[dict[str, Any]], Path], Path]]] = {
    "promptfoo": ("node_modules/.bin/promptfoo", _asked(["node_modules/.bin/promptfoo", "--version"]), _promptfoo),
    "evidently": ("bin/python", _version_of("evidently"), _python(_EVIDENTLY, "evidently")),
    "ydata-profiling": ("bin/python", _version_of("ydata-profiling"), _python(_YDATA, "ydata-profiling")),
}


def peer_page(name: str, place: Path, rows: Sequence[dict[str, Any]], folder: Path) -> tuple[Path, float, str] | None:
    """The page of a peer that is installed in `place`, the CPU seconds that making it took, its version; None where it is not."""
    program, version, write = PEERS[name]
    if not (place / program).exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    began = children()
    return write(place, rows, folder), children() - began, version(place)


def children() -> float:
    """The CPU seconds of all commands that this process has called so far: the same on a machine with other work."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
