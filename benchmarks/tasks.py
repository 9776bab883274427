"""Judges outputs whose share of right answers is known, by task: what is shown, and which verdict follows.

Run: python benchmarks/tasks.py [--banking77 CSV] [--clinc CSV] [--snips CSV] [--e2e CSV] [--geography CSV SQLITE]
[--gsm8k JSONL] [--unopened CSV SQLITE]; it writes benchmarks/tasks.md, in which each set says where its file is from.
The accuracies of LoRA Land need no file: they are in this script.

Outputs are collected ones (docs/collected.md), with the tokens of their calls and stated prices. Those of GSM8K are real
models'; of the others, so many are made wrong as the case states, the rest are the reference in another spelling wherever
the rule permits one. Two sets of prices: *cheaper*, the tuned model's tokens cost as much as the prompted one's but it needs
no guide; *same*, a request costs the same either way, so that only quality can pay for the training.

Every figure is held against an oracle that shares no code with Tuneworth: scikit-learn's metrics, sqlite3, the marks of
GSM8K's authors, F1 of words written here. The script fails if one differs.
"""

import argparse
import datetime
import json
import math
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tasks_data import LORA_LAND, READERS, Case, lora_land

import tuneworth as tw

TABLE = Path(__file__).with_suffix(".md")
Prices = Literal["cheaper", "same"]
PRICES: tuple[Prices, ...] = ("cheaper", "same")
MARGIN, DAYS, REQUESTS, FAILURE, INVESTED, UPKEEP = 0.03, 90, 5000, 0.05, 740.0, 60.0
PROMPT, SHORT, WRITTEN = 800, 100, 8  # tokens of a call with and without the guide, and of an answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("banking77", "clinc", "snips", "e2e", "gsm8k"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("geography", "unopened"):
        parser.add_argument(f"--{name}", type=Path, nargs=2)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value}
    published = [judged(lora_land(*row)) for row in LORA_LAND]
    cases = (
        case
        for name, files in given.items()
        for case in READERS[name](*(files if isinstance(files, list) else [files]))
    )
    sets = [judged(case) for case in cases]
    TABLE.write_text("\n".join([*head(), *published, *SETS_HEAD, *sets, ""]), encoding="utf-8")


# --- one case -----------------------------------------------------------------------------------------------------


def judged(case: Case) -> str:
    """The table's row: shares as stated and as shown, the decision under each set of prices, whether the numbers say so."""
    decisions = []
    for prices in PRICES:
        results = results_of(case, prices)
        for variant, right in case.right.items():
            shown = results["quality"][variant]["correct"]["share"]
            assert abs(shown - case.share(variant)) < 1e-12, (case.task, variant, shown, case.share(variant))
            marks = [line["correct"] for line in results["lines"] if line["variant"] == variant]
            assert marks == right, (
                case.task,
                variant,
                [n for n, pair in enumerate(zip(marks, right, strict=True)) if len(set(pair)) > 1],
            )
        case.oracle(case, results)
        verdict, expected = results["verdict"], expected_of(case, prices)
        decision = verdict["decision"]
        agrees = expected == "either" or (decision == "fine-tune") == (expected == "fine-tune")
        mark = "" if agrees else f" (**expected {expected}**)"
        decisions.append(f"{decision}, {verdict['confidence']['level']}{mark}; numbers: {expected}")
    shares = " → ".join(f"{case.share(name):.3f}" for name in case.right)
    shown = " → ".join(f"{results['quality'][name]['correct']['share']:.3f}" for name in case.right)
    row = f"| {case.task} | {case.names} | {len(case.pairs):,} | {shares} | {shown} | {' | '.join(decisions)} |"
    print(row, flush=True)
    return row


def results_of(case: Case, prices: Prices) -> dict[str, Any]:
    """results.json of the evaluation, with the lines of outputs.jsonl."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for file in case.folder.iterdir() if case.folder else ():
            (folder / file.name).symlink_to(file)
        (folder / "style.yaml").write_text(f"name: benchmark\nchecks:\n  - {case.check}\n", encoding="utf-8")
        outputs = {
            name: [
                {"id": pair["id"], "output": text, "input_tokens": fixed, "output_tokens": WRITTEN}
                for pair, text in zip(case.pairs, texts, strict=True)
            ]
            for (name, texts), fixed in zip(case.outputs.items(), (PROMPT, SHORT), strict=True)
        }
        run = tw.judge_outputs(list(case.pairs), outputs, folder / "style.yaml", roi=roi(prices), out=folder / "judged")
        results = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
        lines = (run.folder / "evaluate" / "outputs.jsonl").read_text(encoding="utf-8").splitlines()
        place = {str(pair["id"]): n for n, pair in enumerate(case.pairs)}
        return results | {"lines": sorted(map(json.loads, lines), key=lambda line: place[str(line["id"])])}


def roi(prices: Prices) -> dict[str, Any]:
    prompted, tuned = prices_of(prices)
    return {
        "currency": "EUR", "requests_per_day": REQUESTS, "horizon_days": 365, "target_payback_days": DAYS,
        "failures": "repair", "failure_cost": FAILURE,
        "investment": {"compute": 20, "engineering_hours": 12, "engineering_hourly": 60},
        "running": {"monitoring_hours_per_month": 1, "monitoring_hourly": 60},
        "prompted": {"price_input": prompted, "price_output": prompted},
        "tuned": {"price_input": tuned, "price_output": tuned},
    }  # fmt: skip


def prices_of(prices: Prices) -> tuple[float, float]:
    """EUR for a million tokens of the prompted and of the tuned model."""
    prompted = 5.0
    return prompted, prompted if prices == "cheaper" else prompted * (PROMPT + WRITTEN) / (SHORT + WRITTEN)


def expected_of(case: Case, prices: Prices) -> Literal["fine-tune", "not", "either"]:
    """What the numbers alone say: from the paired counts and REFERENCE's formula of the payback, by hand.

    Not fine-tune if the lower end of the difference's 95% interval is below the margin, or if even its upper end pays
    back too late; fine-tune if its lower end pays back in time; otherwise the sample is too small to say.
    """
    first, second = case.right.values()
    n = len(first)
    gained = sum(not a and b for a, b in zip(first, second, strict=True))
    lost = sum(a and not b for a, b in zip(first, second, strict=True))
    # Bonett and Price (2012): Wald on counts with one added to each of the discordant ones.
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = 1.96 * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    low, high = p - q - half, p - q + half
    prompted, tuned = prices_of(prices)
    cheaper = ((PROMPT + WRITTEN) * prompted - (SHORT + WRITTEN) * tuned) / 1e6
    a_day = [REQUESTS * (cheaper + end * FAILURE) - UPKEEP / 30.4375 for end in (low, high)]
    pays = [daily > 0 and INVESTED / daily <= DAYS for daily in a_day]
    if low < -MARGIN or not pays[1]:
        return "not"
    return "fine-tune" if pays[0] else "either"


# --- the page -----------------------------------------------------------------------------------------------------

COLUMNS = [
    "| task | outputs | requests | right, in truth | right, as shown | prices *cheaper* | prices *same* |",
    "|---|---|---|---|---|---|---|",
]
TEXT = f"""# Right answers by task

{{when}}. Made by `benchmarks/tasks.py` with `benchmarks/tasks_data.py`, whose first lines say how the outputs are made.

Each row is an evaluation of collected outputs of a prompted and of a tuned variant, *prompted → tuned*, with a style of one
rule about the reference. *Right, in truth* is counted without Tuneworth: the outputs were made so, or sqlite3 or the authors
of the data counted them. The script ends if one output is marked otherwise than in truth, or if the accuracy, precision,
recall, F1 or confusion matrix of scikit-learn differs from `results.json` by more than 1e-9.

With the prices *cheaper* a token costs both models the same, and the tuned one needs no guide ({SHORT} tokens in place of
{PROMPT}). With the prices *same* a request costs both the same, so that only fewer wrong answers can pay. In both there are
{REQUESTS:,} requests a day, a wrong answer costs {FAILURE} EUR, training costs {INVESTED:.0f} EUR once and {UPKEEP:.0f} EUR a
month, and it should pay back within {DAYS} days. Each cell has the decision with its confidence, then what the numbers say by the
formulas of [verdict.md](../docs/verdict.md) and [money.md](../docs/money.md), written a second time in the script: *not* (the 95%
interval of the difference reaches below -3 points, or not even its upper end pays back in time), *fine-tune* (its lower end
does), or *either* (between these).

## LoRA Land

All 17 rows of table 12 of [LoRA Land](https://arxiv.org/abs/2405.00732) (version 1) whose metric is accuracy: the better
of GPT-3.5 Turbo and GPT-4 with a prompt, and the best of ten models of at most 7 billion parameters after training. The
outputs of these models are not public, so 1,000 outputs were made for each row, of which exactly the published share is right.
"""
SETS_HEAD = ["", *"""## Data sets

| data | from | licence |
|---|---|---|
| banking77 | PolyAI-LDN/task-specific-datasets, `banking_data/train.csv` | CC BY 4.0 |
| CLINC | clinc/oos-eval, `data/data_small.json`, train | CC BY 3.0 |
| snips | sonos/nlu-benchmark, `2017-06-custom-intent-engines`, the first 700 rows of each intent | CC0 1.0 |
| E2E | tuetschek/e2e-dataset, `devset.csv` | CC BY-SA 4.0 |
| GSM8K | openai/grade-school-math, `example_model_solutions.jsonl` | MIT |
| GeoQuery, Restaurants | jkkummerfeld/text2sql-data, `data/*.json` and `data/*-db.added-in-2020.sqlite` | not stated there |

*Planted*: as many outputs as stated are wrong (another label of the set; two values swapped or one replaced; another request's
query or an unknown column), the others are right in another spelling (capitals, another order of fields, other aliases).
Labels of banking77 and the records of snips are wrong as often as those of which earlier versions said *fine-tune*, or that
all were acceptable. Restaurants had not been opened before the code was finished: its database names a key differently than
354 of its 378 queries do, which fail, so that 7 different requests are left. The last row is with the key renamed.
""".splitlines(), "", *COLUMNS]  # fmt: skip


def head() -> list[str]:
    stated = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "polars", "numpy"))
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {stated}"
    return [*TEXT.format(when=f"{datetime.date.today()}, {machine}").splitlines(), "", *COLUMNS]


if __name__ == "__main__":
    main()
