"""Runs of every kind that a first screen has to be sensible for, and what it says of each."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .real_run import ROI, write_real_run

BATCH = re.sub(r"\[roi\.running\].*?(?=\[roi\.prompted\])", "", ROI, flags=re.DOTALL).replace(
    "requests_per_day = 2000\nramp_days = 30\n", "requests_total = 500000\n"
)
NEVER = ROI.replace("price_input = 1.20", "price_input = 900").replace("[0.05, 0.10, 0.20]", "0.001")
LONG_BASELINE, LONG_CANDIDATE = "baseline " + "m" * 191, "candidate-" + "n" * 190


def no_tokens(line: dict[str, Any]) -> None:
    del line["input_tokens"], line["output_tokens"]


def no_output(line: dict[str, Any]) -> None:
    line.update(output=None, error="timeout")


# Label, how sure, a part of the sentence, of the doubt, of the next step.
KINDS: dict[str, tuple[dict[str, Any], tuple[str, str, str, str, str]]] = {
    "pays": ({}, ("Fine-tune", "Confidence: low", "pays back in 53 days", "rules refuse 57%", "Check whether the rules")),
    "five variants": (
        {"variants": ("plain", "prompted", "short", "rival", "tuned")},
        ("Cannot tell yet", "Both answers are still possible", "“rival” in 25%", "rules refuse 57%", "Narrow down the cost"),
    ),
    "a rival as good": (
        {"n": 42, "variants": ("prompted", "rival", "tuned")},
        ("Keep prompting", "Confidence: low", "“rival” in 21.4%", "rules refuse 64%", "Use “rival”"),
    ),
    "no prices": (
        {"roi": None},
        ("Cannot tell yet", "Both answers are still possible", "prices and the number of requests per day", "rules refuse",
         "State prices and requests_per_day"),
    ),
    "nothing acceptable": (
        {"good": {"plain": 0, "prompted": 0, "tuned": 0}},
        ("Fix first", "Confidence: high", "0% of cases", "do not quote them", "Improve the guide"),
    ),
    "one variant": (
        {"variants": ("tuned",)},
        ("No verdict", "", "84 outputs of the tuned model are acceptable", "only one variant", "Score a second variant"),
    ),
    "nothing scored": (
        {"change": no_output},
        ("No verdict", "", "No request could be scored", "Nothing was scored", "Collect the missing outputs"),
    ),
    "no tokens": (
        {"change": no_tokens},
        ("Cannot tell yet", "Both answers", "until 4 missing numbers are stated", "rules refuse", "State the 4 missing numbers"),
    ),
    "a batch": (
        {"roi": BATCH},
        ("Fine-tune", "Confidence: low", "for 500,000 requests it saves", "rules refuse 57%", "Check whether"),
    ),
    "never pays back": (
        {"roi": NEVER},
        ("Keep prompting", "Confidence: fair", "it never pays back", "rules refuse 57%", "in the prompt cache"),
    ),
    "worse": (
        {"good": {"plain": 0, "prompted": 6, "tuned": 3}},
        ("Keep prompting", "Confidence: fair", "in 17% of cases", "rules refuse 57%", "Keep the prompted model."),
    ),
    "few cases": (
        {"n": 14},
        ("Cannot tell yet", "Both answers", "these 14 cases are too few", "rules refuse", "Add 6 unseen cases"),
    ),
    "long names": (
        {
            "roi": None, "variants": (LONG_BASELINE, LONG_CANDIDATE), "good": {LONG_BASELINE: 3, LONG_CANDIDATE: 6},
            "options": ("--baseline", LONG_BASELINE, "--candidate", LONG_CANDIDATE),
        },
        ("Cannot tell yet", "Both answers", "“candidate-nnnnnnnnnnnnnnnnnnnn…”", "rules refuse", "State prices"),
    ),
}  # fmt: skip


def kind_maker(folder: Callable[[str], Path]) -> Callable[[str], Path]:
    """Makes the run of a kind, once, in the folder that is given for it."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            made[kind] = write_real_run(folder(kind.replace(" ", "_")), **KINDS[kind][0])
        return made[kind]

    return make
