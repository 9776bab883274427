"""The installed wheel, its base install alone: the shipped examples, exports, money, and the demo without torch.

Called by try_wheel.sh with the path of the installed command, in a folder without the sources.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

COMMAND = sys.argv[1]


def run(*words: str, expect: int = 0) -> str:
    done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == expect, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def main() -> None:
    assert importlib.util.find_spec("torch") is None, "the base install must not bring torch"
    import evaluate

    assert "site-packages" in (evaluate.__file__ or ""), f"Hugging Face's evaluate is hidden by {evaluate.__file__}"
    metric = evaluate.load("./share_equal.py")
    assert metric.compute(predictions=[1, 2], references=[1, 3]) == {"share": 0.5}

    from tuneworth.examples import example_path

    components = example_path("components")
    clean = Path("clean")
    style = str(components / "style.yaml")
    words = ["--style", style, "--out", str(clean), "--group", "family", "--identifier", "part", "--json"]
    summary = json.loads(run("curate", str(components / "pairs.jsonl"), *words))
    assert sum(summary["outcomes"].values()) == summary["rows_read"] == 2966
    assert summary["certificate"]["pairs_at_or_above"] == 0
    assert "Row 817" in run("why", str(clean), "817")
    run("export", str(clean), "--format", "openai", "--out", "upload")

    records = example_path("records")
    words = [str(records), "--pairs", str(records / "test.jsonl")]
    for name in ("prompted", "nearest", "tuned"):
        words += ["--outputs", f"{name}={records / 'outputs' / name}.jsonl"]
    results = json.loads(run("evaluate", *words, "--out", "records", "--json"))
    assert results["verdict"]["decision"] == "fine-tune"
    money = json.loads(run("roi", "--config", str(example_path("article.toml")), "--json"))
    assert abs(money["payback_days"] - 14) < 1e-6
    # Without torch, the demo says so and judges the outputs that came with the package.
    demo = subprocess.run([COMMAND, "demo", "--json"], capture_output=True, text=True)
    assert demo.returncode == 0, demo.stderr
    assert "pip install 'tuneworth[train] @ file:" in demo.stderr
    assert json.loads(demo.stdout)["verdict"]["decision"] == "keep prompting"
    print("wheel: curate, why, export, evaluate, roi, the demo and Hugging Face's evaluate all work")


main()
