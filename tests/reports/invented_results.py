"""The results.json of the invented run, with every part. Test data only."""

from typing import Any

from tuneworth.core import as_json

from ..shared import results_of

CHECKS = {
    "one-line": ("length", "must", "form", "Write exactly one line."),
    "package-last": ("ends_with", "must", "form", "End with the package, where one is given."),
    "no-full-stop": ("punctuation", "must", "form", "Write no full stop at the end."),
    "no-part-name": ("forbidden", "must", "wording", "Never repeat the name of the part."),
    "one-spelling": ("vocabulary", "should", "wording", "Write “low dropout”, never LDO or low drop-out."),
    "grounded": ("grounded", "must", "facts", "State no number and no code that the request does not state."),
}


def share(k: int, n: int) -> dict[str, float | None]:
    """A share with a Wilson-like range, good enough to draw."""
    p, z = k / n, 1.96
    middle, half = (
        (p + z * z / 2 / n) / (1 + z * z / n),
        z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5 / (1 + z * z / n),
    )
    return {"share": p, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def results(pairs: list[dict[str, Any]], lines: list[dict[str, Any]]) -> dict[str, Any]:
    """A results.json with every part."""
    n = len(pairs)
    good = {
        v: {line["id"] for line in lines if line["variant"] == v and line["acceptable"]} for v in ("prompted", "tuned")
    }
    quality = {name: _quality([line for line in lines if line["variant"] == name], n) for name in good}
    gap = (len(good["tuned"]) - len(good["prompted"])) / n
    parts = {
        "schema": "tuneworth/results/1",
        "project": "components",
        "created": "2026-11-25T13:05:39+00:00",
        "style": {
            "name": "Component line",
            "about": "One catalogue line for one electronic part.",
            "reviewed": True,
            "checks": {
                key: dict(zip(("kind", "level", "about", "sentence"), rule, strict=True))
                for key, rule in CHECKS.items()
            },
        },
        "verdict": _verdict(gap, n),
        "quality": quality,
        "comparison": {
            "baseline": "prompted",
            "candidate": "tuned",
            "difference": {"value": gap, "low": gap - 0.13, "high": gap + 0.11},
            "p_value": 9.7e-9,
            "method": "exact McNemar; Newcombe's interval for paired shares",
            "both": len(good["tuned"] & good["prompted"]),
            "only_candidate": len(good["tuned"] - good["prompted"]),
            "only_baseline": len(good["prompted"] - good["tuned"]),
            "neither": n - len(good["tuned"] | good["prompted"]),
            "detectable_difference": 0.17,
            "n": n,
        },
        "tokens": {
            "prompted": {"fixed": 500, "input": 150, "output": 150, "cached": 0},
            "tuned": {"fixed": 0, "input": 150, "output": 150, "cached": 0},
        },
        "seconds": {
            "prompted": {"p50": 1.42, "p95": 2.71, "per_second": 0.72},
            "tuned": {"p50": 0.39, "p95": 0.88, "per_second": 3.1},
        },
        "money": money({name: len(ids) / n for name, ids in good.items()}),
        "risks": _risks(),
        "data": _data(),
        "training": _training(),
        "reference": {"n": n, "acceptable": share(45, n), "consistent": share(47, n), "faithful": share(55, n)}
        if n == 60
        else None,
        "variants": _variants(),
        "provenance": _provenance(),
    }
    return as_json(results_of(parts))


def _verdict(gap: float, n: int) -> dict[str, Any]:
    """One for fine-tuning, with two changes that would turn it."""
    return {
        "decision": "fine-tune",
        "what": None,
        "rule": 7,
        "sentence": "Fine-tune: the tuned model gives 77% acceptable lines where the best prompt gives 28%, "
        "costs 40% less per request, and pays back its 200 EUR in 14 days.",
        "reasons": [
            f"On the same {n} requests, tuned is acceptable {round(gap * 100)} points more often; "
            "even the cautious end of the range is far above zero.",
            "A request costs 0.00429 EUR instead of 0.00714 EUR because the 500-token style guide is gone.",
            "In 97 of 100 drawn futures the 200 EUR are earned back within 90 days.",
        ],
        "doubt": "The baseline is a small model that cannot follow a guide: "
        "a larger prompted model was not tried and may narrow the gap.",
        "next": "Try a larger prompted model first, then run `tuneworth evaluate` again.",
        "flips": [
            {
                "key": "requests_per_day",
                "what": "requests_per_day",
                "from": 5000,
                "to": 140,
                "decision": "keep prompting",
            },
            {
                "key": "prompted.cached_share",
                "what": "prompted.cached_share",
                "from": 0.0,
                "to": 0.97,
                "decision": "keep prompting",
            },
        ],
    }


def money(rates: dict[str, float]) -> dict[str, Any]:
    """The article's story as money."""
    volumes = [50 * 10 ** (i / 6) for i in range(19)]
    return {
        "currency": "EUR",
        "failures": "ignore",
        "baseline": "prompted",
        "candidate": "tuned",
        "requests_per_day": 5000,
        "target_payback_days": 90,
        "variants": {
            "prompted": {
                "cost_per_request": 0.0071428571,
                "cost_per_acceptable_output": 0.0071428571 / rates["prompted"],
                "effective_cost_per_request": 0.0071428571,
                "fixed_tokens": 500,
                "input_tokens": 150,
                "output_tokens": 150,
                "acceptance": rates["prompted"],
            },
            "tuned": {
                "cost_per_request": 0.0042857143,
                "cost_per_acceptable_output": 0.0042857143 / rates["tuned"],
                "effective_cost_per_request": 0.0042857143,
                "fixed_tokens": 0,
                "input_tokens": 150,
                "output_tokens": 150,
                "acceptance": rates["tuned"],
            },
        },
        "saving_per_request": 0.0028571428,
        "saving_share": 0.4,
        "saving_per_day": 14.285714,
        "running_cost_per_day": 0.0,
        "investment": 200,
        "payback_days": 14.0,
        "requests_to_pay_back": 70000,
        "break_even_requests_per_day": 191.78,
        "break_even_failure_cost": None,
        "npv": 5014.28,
        "parts": {"guide": 0.0028571428, "model": 0.0, "failures": 0.0},
        "probability_of_payback_in_target": 0.97,
        "payback_days_p5": 8.9,
        "payback_days_p50": 14.1,
        "payback_days_p95": 25.2,
        "npv_p5": 2100.0,
        "npv_p50": 4900.0,
        "npv_p95": 8200.0,
        "volume_curve": [
            {"requests_per_day": v, "payback_days": 70000 / v, "npv": v * 0.0028571428 * 365 - 200} for v in volumes
        ],
        "tornado": [
            {"key": "requests_per_day", "low": 2500, "high": 7500, "npv_low": 2407.0, "npv_high": 7621.0},
            {"key": "tuned.price_output", "low": 18, "high": 30, "npv_low": 6340.0, "npv_high": 3059.0},
            {"key": "investment.compute", "low": 100, "high": 600, "npv_low": 5114.0, "npv_high": 4614.0},
        ],
        "assumptions": _assumptions(rates),
    }


def _quality(lines: list[dict[str, Any]], n: int) -> dict[str, Any]:
    def having(key: str) -> dict[str, Any]:
        return share(sum(line[key] for line in lines), n)

    broken = {check: sum(any(v["check"] == check for v in line["violations"]) for line in lines) for check in CHECKS}
    return {
        "n": n,
        "unscored": 0,
        "no_output": 0,
        "acceptable": having("acceptable"),
        "consistent": having("consistent"),
        "faithful": having("faithful"),
        "groups": 31,
        "n_effective": 41.2,
        "checks": {
            check: {
                "fail": fail,
                "n": max(n - 9, 0) if check == "package-last" else n,
                **share(fail, n),
                "level": CHECKS[check][1],
                "about": CHECKS[check][2],
                "not_applicable": 9 if check == "package-last" else 0,
                "unscored": 0,
            }
            for check, fail in broken.items()
        },
    }


def _risks() -> list[dict[str, Any]]:
    """Two within their limit, one not checked, one to watch."""
    return [
        {
            "id": "overfitting",
            "measured": True,
            "status": "ok",
            "value": 0.02,
            "limit": 0.10,
            "evidence": "84% acceptable on 200 training pairs, 82% on the test",
        },
        {
            "id": "memorisation",
            "measured": True,
            "status": "ok",
            "value": 0.01,
            "limit": 0.05,
            "evidence": "1 of 60 outputs holds eight words of a training output",
        },
        {"id": "forgetting", "status": "not checked", "value": None, "limit": 0.05, "evidence": None},
        {
            "id": "drift",
            "measured": True,
            "status": "warn",
            "value": None,
            "limit": None,
            "evidence": "no retirement date is known for the base model",
        },
    ]


def _data() -> dict[str, Any]:
    """A curated set with rows of every outcome."""
    return {
        "rows_read": 2966,
        "outcomes": {
            "kept": 1987,
            "duplicate": 301,
            "conflict": 62,
            "invalid": 593,
            "leaked": 8,
            "quarantined": 15,
        },
        "splits": {"train": 1391, "validation": 198, "test": 398},
        "distinct_outputs": 1733,
        "groups": 1021,
        "near_duplicate": {"threshold": 0.8, "method": "exact", "pairs": 4211},
        "certificate": {
            "threshold": 0.8,
            "pairs_at_or_above": 0,
            "siblings_tied_from": 0.9,
            "siblings_at_or_above": 37,
            "nearest": [],
            "answers_verbatim": 0,
            "answers_similar": 0,
            "answers_in_test": {"verbatim": 0, "similar": 0},
            "answers_remedy": None,
            "outputs_tied": "identical",
            "outputs_untied": {"outputs": 0, "rows": 0},
        },
        "checks": {},
        "warnings": [{"code": "strict_rule", "text": "The rule package-last rejects 31% of the rows."}],
        "seconds": {"read": 0.2},
    }


def _training() -> dict[str, Any]:
    """A fit with its losses."""
    return {
        "tokens_per_second": 268.0,
        "steps": 114,
        "seconds": 305.0,
        "train_loss": 0.61,
        "validation_loss": 0.94,
        "best_step": 96,
        "trainable_parameters": 4884480,
        "peak_memory_bytes": 2900000000,
        "stopped_early": False,
        "skipped_steps": 0,
        "dtype": "bfloat16",
        "train_pairs": 300,
        "validation_pairs": 41,
        "settings": {"rank": 16, "epochs": 3, "max_steps": None, "batch_size": 8, "learning_rate": 1e-3},
        "highest_losses": [
            {"id": f"train-{n}", "loss": 2.9 - n / 50, "first_loss": 3.1, "tokens": 30 + n} for n in range(20)
        ],
        "notices": [],
        "log": [
            {
                "step": s,
                "train_loss": 3.6 * 0.975**s + 0.55,
                "validation_loss": 2.9 * 0.97**s + 0.9 if s % 24 == 0 else None,
            }
            for s in range(0, 115, 6)
        ],
    }


def _variants() -> dict[str, Any]:
    """How each side was made."""
    return {
        "prompted": {
            "source": "base model",
            "way": "model",
            "repair": "off",
            "model": "smollm2-135m",
            "guide": "the team's own",
            "guide_tokens": 323,
            "few_shot": 3,
            "settings": {"max_new_tokens": 64, "temperature": 0.0, "samples": 1},
            "file": None,
        },
        "tuned": {
            "source": "adapter",
            "way": "model",
            "repair": "off",
            "model": "smollm2-135m",
            "guide": None,
            "guide_tokens": None,
            "few_shot": 0,
            "settings": {"max_new_tokens": 64, "temperature": 0.0, "samples": 1},
            "file": None,
        },
    }


def _provenance() -> dict[str, Any]:
    """What the run was made of."""
    return {
        "versions": {"tuneworth": "0.0.9", "python": "3.11.2", "torch": "2.13.0", "transformers": "5.24.0"},
        "seed": 0,
        "inputs": [{"path": "pairs.jsonl", "sha256": "9f2c" * 16}, {"path": "style.yaml", "sha256": "41ab" * 16}],
        "hardware": {"cpu": "AMD EPYC, 2 cores", "memory": "24 GiB"},
        "seconds": {"curate": 3.1, "train": 305.2, "evaluate": 121.0},
        "test_set_used": 1,
        "command": "tuneworth demo",
    }


def _assumptions(rates: dict[str, float]) -> list[dict[str, Any]]:
    """Some of each source."""
    return [
        {"key": "requests_per_day", "value": 5000, "unit": "requests a day", "source": "stated"},
        {"key": "target_payback_days", "value": 90, "unit": "days", "source": "default"},
        {
            "key": "prompted.price_input",
            "value": 5.714285714,
            "unit": "EUR per million tokens",
            "source": "price list",
        },
        {"key": "prompted.acceptance", "value": rates["prompted"], "unit": None, "source": "measured"},
        {"key": "investment.compute", "value": [100, 200, 600], "unit": "EUR", "source": "stated"},
    ]
