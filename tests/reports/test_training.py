"""The training section of the report: facts, loss curve, the pairs that were highest loss."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworth.core import DataError
from tuneworth.reports import write_report
from tuneworth.reports.sections.training import smoothed
from tuneworth.train import TrainSettings

from .page_parts import part_html

ATTACK = "</td></table><script>alert(1)</script>\x1b[31m {{7*7}} | `x` \u202ertl \x00"
NO_NUMBERS = [float("nan"), float("inf"), None]


class Section(HTMLParser):
    """The words of the training section and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words, self.tags = "", []
        self.html = part_html(html, "training")
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.words += " " if tag in ("td", "th", "dt", "dd", "br") else ""

    def handle_data(self, data: str) -> None:
        self.words += data


def section(run: Path, **options: bool) -> Section:
    return Section(write_report(run, **options)[0].read_text(encoding="utf-8"))


def shown(run: Path, **options: bool) -> str:
    return " ".join(section(run, **options).words.replace("\xa0", " ").split())


def training(**keys: Any) -> Callable[[dict[str, Any]], None]:
    return lambda results: results["training"].update(keys)


def line(step: int, loss: Any = 1.0, validation: Any = None, **keys: Any) -> dict[str, Any]:
    return {"step": step, "train_loss": loss, "validation_loss": validation, **keys}


def test_what_was_trained_and_what_it_took_is_said(make_run: Callable[..., Path]) -> None:
    text = shown(make_run())
    for fact in ("Training pairs 300 Validation pairs 41", "Epochs 3 of 3", "Steps 114, 8 pairs per step",
                 "Learning rate 0.001", "4,884,480, rank 16", "16 bits (bfloat16)", "Training loss 0.610",
                 "Validation loss 0.940", "Kept weights step 96", "5 min 5 s", "268 tokens per second", "2.9 GB"):  # fmt: skip
        assert fact in text, fact


@pytest.mark.parametrize(("by_rule", "said"), [
    ([], "0.001, as stated"), (["learning_rate"], "0.001, by rule"), (None, "0.001"),
])  # fmt: skip
def test_a_learning_rate_says_where_it_comes_from(
    make_run: Callable[..., Path], by_rule: list[str] | None, said: str
) -> None:
    assert f"Learning rate {said} Trained" in shown(make_run(change=training(by_rule=by_rule)))


def test_an_early_stop_pairs_left_out_and_notices_are_said(make_run: Callable[..., Path]) -> None:
    keys = {
        "stopped_early": True,
        "steps": 57,
        "dropped_pairs": 3,
        "notices": [f"no room on the disk {ATTACK}"],
    }
    text = shown(make_run(change=training(**keys)))
    assert "Epochs 1.5 of 3" in text
    assert "57, 8 pairs per step, stopped early because the validation loss no longer fell" in text
    assert "3 pairs were longer than the model's context" in text
    assert "No room on the disk </td>" in text


@pytest.mark.parametrize(("keys", "said"), [
    ({"settings": {"max_pairs": 300}}, "sample of 300 of the 1,391"),
    ({"settings": {"max_pairs": None}, "train_pairs": 1390, "dropped_pairs": 1}, None),
    ({"settings": None, "train_pairs": 300}, "sample of 300 of the 1,391"),
])  # fmt: skip
def test_a_sample_is_said_and_a_pair_left_out_is_none(
    make_run: Callable[..., Path], keys: dict[str, Any], said: str | None
) -> None:
    page = write_report(make_run(change=training(**keys)))[0].read_text(encoding="utf-8")
    assert (said in page) if said else ("random sample" not in page)


def test_the_worst_pairs_stand_in_order_with_their_texts(make_run: Callable[..., Path]) -> None:
    run = make_run()
    pairs = [json.loads(text) for text in (run / "curate" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    html, text = section(run).html, shown(run)
    assert re.findall(r"<bdi>(.*?)</bdi>", html) == [pair["id"] for pair in pairs]
    assert all(" ".join(pair["output"].split()) in text for pair in pairs if len(pair["output"]) < 240)
    assert "2.900 3.100 30" in text
    assert "tuneworth why RUN ID" in text
    assert "--decide drop" in text


def test_without_examples_the_worst_pairs_are_named_without_their_texts(make_run: Callable[..., Path]) -> None:
    run = make_run()
    html = section(run, examples=False).html
    assert html.count("<bdi>") == 20
    for text in (run / "curate" / "train.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(text)["output"] not in html
    assert 'class="quote"' not in html


def test_twenty_pairs_are_named_and_found_wherever_they_stand(make_run: Callable[..., Path]) -> None:
    losses = [{"id": f"train-{n}", "loss": 1.0} for n in (19, *range(40))]
    html = section(make_run(change=training(highest_losses=losses))).html
    assert html.count("<bdi>") == 20
    one = section(make_run(change=training(highest_losses=losses[:1]))).words
    assert "row 20" in one
    assert one.count("row ") == 1


@pytest.mark.slow
def test_pairs_that_the_run_does_not_hold_are_listed_without_texts(make_run: Callable[..., Path]) -> None:
    run = make_run(change=training(highest_losses=[{"id": "gone", "loss": 1.5, "first_loss": None, "tokens": 4}]))
    assert "gone 1.500 – 4" in shown(run)
    (run / "curate" / "train.jsonl").unlink()
    assert "gone 1.500 – 4" in shown(run)


PAIR = {
    "id": "", "input": "", "fields": None, "output": "", "system": None, "group": None, "row": 7, "split": "train",
    "reference_ok": True, "meta": None,
}  # fmt: skip


def test_hostile_ids_and_texts_stay_text(make_run: Callable[..., Path]) -> None:
    losses = [{"id": ATTACK, "loss": 1.0, "first_loss": 2.0, "tokens": 3}, {"id": '", "input": "', "loss": 0.5}]
    run = make_run(change=training(highest_losses=losses))
    pair = {**PAIR, "id": ATTACK, "input": ATTACK, "output": ATTACK}
    quoted = {**PAIR, "id": '", "input": "', "input": "asked", "output": "answered"}
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (pair, quoted))
    (run / "curate" / "train.jsonl").write_text(text, encoding="utf-8")
    found = section(run)
    assert "script" not in found.tags
    assert found.words.count("<script>alert(1)</script>") == 3
    assert "asked" in found.words
    page = "".join(path.read_text(encoding="utf-8") for path in write_report(run))
    assert not re.search("[\x00\x1b]", page)
    assert "| </td>" not in (run / "report.md").read_text(encoding="utf-8")


def test_very_long_ids_and_texts_are_cut(make_run: Callable[..., Path]) -> None:
    run = make_run(change=training(highest_losses=[{"id": "i" * 10**5, "loss": 1.0, "first_loss": 2.0, "tokens": 3}]))
    pair = {**PAIR, "id": "i" * 10**5, "input": "word " * 10**5, "output": "x" * 10**6}
    (run / "curate" / "train.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")
    assert len(section(run).html) < 30_000


@pytest.mark.slow
@pytest.mark.parametrize("keys", [
    {"highest_losses": []}, {"highest_losses": None, "notices": None, "settings": None},
    {"log": []}, {"log": None}, {"log": [line(1, 3.0, 2.5)]},
])  # fmt: skip
def test_a_training_with_little_to_show_gives_a_page(make_run: Callable[..., Path], keys: dict[str, Any]) -> None:
    text = shown(make_run(change=training(**keys)))
    assert "268 tokens per second" in text
    assert not re.search(r"\b(None|nan|odd)\b", text)


def test_a_run_from_before_these_facts_gives_a_page(make_run: Callable[..., Path]) -> None:
    old = {"tokens_per_second", "steps", "seconds", "train_loss", "validation_loss", "best_step", "log"}

    def forget(results: dict[str, Any]) -> None:
        results["training"] = {key: value for key, value in results["training"].items() if key in old}

    text = shown(make_run(change=forget))
    assert "Steps 114 Training loss 0.610" in text
    assert "highest loss" not in text
    assert "Loss over the training steps" in text


@pytest.mark.slow
@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_a_loss_that_is_no_number_is_left_out_of_the_curve(make_run: Callable[..., Path], odd: Any) -> None:
    log = [line(1, 3.0), line(2, odd, odd), line(3, 1.0, 1.5)]
    keys = {"train_loss": odd, "validation_loss": odd, "best_step": odd, "log": log}
    run = make_run()
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    results["training"].update(keys)
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    text = shown(run)
    assert "1 3.000 – 3 1.000 1.500" in text
    assert not re.search(r"\b(None|nan|inf)\b", text)


def test_each_look_at_the_validation_pairs_is_a_dot_and_the_kept_step_a_line(make_run: Callable[..., Path]) -> None:
    html = section(make_run()).html
    assert html.count('<circle class="dot r-candidate"') == 5
    assert "kept: step 96" in html


def test_the_means_of_a_thinned_log_are_drawn(make_run: Callable[..., Path]) -> None:
    log = [line(1, 9.0, mean_train_loss=3.0), line(500, 9.0, mean_train_loss=2.0)]
    assert "training loss from 3.000 to 2.000" in section(make_run(change=training(log=log))).html


@pytest.mark.slow
def test_a_log_that_nobody_thinned_does_not_swell_the_page(make_run: Callable[..., Path]) -> None:
    log = [line(step, 1.0 + 1 / step, 1.0 if step % 5000 == 0 else None) for step in range(1, 100_001)]
    html = section(make_run(change=training(log=log, best_step=100_000))).html
    assert len(html) < 60_000
    assert "moving mean over 5001 of 100,000 points" in html


@given(st.integers(0, 700), st.randoms(use_true_random=False))
def test_a_smoothed_curve_keeps_its_ends_and_is_a_centred_mean(n: int, chance: Random) -> None:
    losses = [chance.uniform(0, 100) for _ in range(n)]
    points = [(float(step), loss) for step, loss in enumerate(losses)]
    found, width = smoothed(points)
    assert len(found) <= 201
    assert [x for x, _ in found[:1] + found[-1:]] == [x for x, _ in points[:1] + points[-1:]]
    assert width == 1 or len(points) >= 40
    assert width > 1 or found == points
    half = width // 2
    for x, y in found:  # points stand at 0, 1, 2, ...
        around = losses[max(0, int(x) - half) : int(x) + half + 1]
        assert y == pytest.approx(sum(around) / len(around), abs=1e-9)


def test_a_torn_train_file_is_named(make_run: Callable[..., Path]) -> None:
    run = make_run()
    path = run / "curate" / "train.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-5]]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.jsonl, line 2"):
        write_report(run)


@pytest.mark.slow
def test_what_a_real_fit_leaves_is_shown(make_run: Callable[..., Path], tiny_model: Any) -> None:
    from tuneworth.train import fit

    run = make_run()
    pairs = [json.loads(text) for text in (run / "curate" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    pairs = [{key: str(pair[key])[:40] for key in ("id", "input", "output")} for pair in pairs]
    settings = TrainSettings(rank=2, batch_size=4, epochs=2)
    done = fit(pairs[:12], pairs[12:16], model=tiny_model, settings=settings, out=run / "train")
    make_run(change=lambda results: results.update(training={**done.summary(), "log": list(done.log)}))
    text = shown(run)
    assert "Training pairs 12 Validation pairs 4 Epochs 2 of 2" in text
    assert f"Steps {done.steps}, 4 pairs per step" in text
    assert f"Training loss {done.train_loss:.3f}" in text
    worst = done.highest_losses[0]
    assert f"{worst['loss']:.3f} {worst['first_loss']:.3f} {worst['tokens']}" in text


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "said"), [
    ({}, "300 pairs in 5 min 5 s. The weights with the lowest validation loss were kept, from step 96."),
    ({"best_step": 114}, "kept, from step 114, the last one."),
    ({"validation_loss": None}, "in 5 min 5 s; the weights of step 96 were kept."),
    ({"best_step": None, "seconds": None, "train_pairs": 1}, "The model was trained on 1 pair."),
])  # fmt: skip
def test_the_section_opens_with_what_was_learnt(make_run: Callable[..., Path], keys: dict[str, Any], said: str) -> None:
    assert said in shown(make_run(change=training(**keys)))


HOSTED: dict[str, Any] = {
    "hosted": {
        "provider": "together", "title": "Together AI", "model": "Qwen/Qwen3-8B", "tuned_model": f"me/q {ATTACK}", "job": "ft-1",
        "cost": 4.0, "currency": "USD", "cost_source": "stated by Together AI", "preset": "dedicated", "adapter": None,
    },
    "train_pairs": 42, "validation_pairs": 6, "seconds": 3600.0, "tokens": 25_000, "dropped_pairs": 0, "by_rule": ["epochs"],
    "settings": {"epochs": 3, "rank": None, "learning_rate": None, "batch_size": None}, "notices": [], "log": [],
}  # fmt: skip


def test_a_training_at_a_provider_says_where_and_what_it_cost(make_run: Callable[..., Path]) -> None:
    found = make_run(change=lambda results: results.update(training=HOSTED))
    words = shown(found)
    assert "The model was trained at Together AI on 42 pairs in 1 h" in words
    assert "Base model Qwen/Qwen3-8B" in words
    assert "Cost 4 USD, stated by Together AI" in words
    assert "Epochs 3, by rule" in words
    assert "Learning rate chosen by the provider" in words
    assert "alert(1)</script>" not in section(found).html
    silent = HOSTED | {"hosted": {**HOSTED["hosted"], "cost": None, "cost_source": None}}
    assert "Cost not stated by the provider" in shown(make_run(change=lambda results: results.update(training=silent)))
