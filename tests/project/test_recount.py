"""The counts of a run after more decisions are those of curating it again."""

import json
import random
import shutil
from pathlib import Path

import pytest

from tuneworth import ConfigError, CurateSettings, Run, curate_pairs, curate_project
from tuneworth.curate import DecisionLog, Override, read_overrides
from tuneworth.project import create_example, curate_again, decisions_file, open_recount
from tuneworth.style import read_style


def counted(run):
    found = Run(run).curation
    return tuple(found[name] for name in ("rows_read", "outcomes", "rules", "splits"))


def recounted(run, decisions=None):
    decisions = read_overrides(decisions_file(run)) if decisions is None else decisions
    found = open_recount(Run(run)).counts(decisions)
    return found.rows_read, found.outcomes, found.rules, found.splits


def some_decisions(run, n):
    """Decisions about conflicts, invalid rows and others, with edited outputs."""
    chance = random.Random(n)
    ledger = Run(run).ledger.filter(Run(run).ledger["id"].is_not_null())
    odd = ledger.filter(ledger["outcome"] != "kept")["id"].to_list()
    ids = dict.fromkeys([*chance.sample(odd, min(n, len(odd))), *chance.sample(ledger["id"].to_list(), n)])
    made = []
    for id in ids:
        decision = chance.choice(["keep", "drop", "train", "test"])
        edited = decision != "drop" and chance.random() < 0.5
        made.append(Override(id=id, decision=decision, text=f"Resistor, {chance.randint(1, 3)} kΩ" if edited else None))
    return made


@pytest.mark.slow
def test_decisions_about_the_example_count_as_when_it_is_curated_again(tmp_path):
    create_example(tmp_path / "parts")
    run = curate_project(tmp_path / "parts").folder
    assert recounted(run) == counted(run)
    DecisionLog(decisions_file(run)).add(some_decisions(run, 40))
    new = recounted(run)
    run = curate_project(tmp_path / "parts").folder
    assert new == counted(run) == recounted(run)
    assert counted(run)[1]["decided"] > 5


@pytest.mark.slow
def test_a_run_of_a_file_is_counted_by_its_own_options(pairs_file, style_file, tmp_path):
    out = tmp_path / "clean"
    curate_pairs(pairs_file, style_file, settings=CurateSettings(mask=True, fix="safe", near_duplicate=0.7), out=out,
                 identifiers=["thing"], seed=3)  # fmt: skip
    assert recounted(out) == counted(out)
    made = [Override(id="p3", decision="drop"), Override(id="p5", decision="test", text="Write to me@home.org.")]
    new = recounted(out, made)
    DecisionLog(decisions_file(out)).add(made)
    curate_again(out)
    assert new == counted(out) == recounted(out)


@pytest.mark.slow
def test_splits_that_the_data_state_are_read_again(labels):
    run = curate_project(labels).folder
    made = [Override(id="p45", decision="train"), Override(id="p3", decision="drop")]
    new = recounted(run, made)
    assert recounted(run) == counted(run)
    assert new != counted(run)
    DecisionLog(decisions_file(run)).add(made)
    assert new == counted(curate_project(labels).folder)
    with (labels / "pairs.jsonl").open("a") as file:
        file.write(json.dumps({"input": "more", "output": "And more of it."}) + "\n")
    with pytest.raises(ConfigError, match=r"pairs.jsonl has changed since; curate again to see the counts"):
        open_recount(Run(run))


@pytest.mark.slow
def test_what_is_gone_is_named(pairs_file, style_file, tmp_path):
    out, moved = tmp_path / "clean", tmp_path / "moved.yaml"
    shutil.copy(style_file, moved)
    curate_pairs(pairs_file, moved, out=out)
    Path(moved).unlink()
    with pytest.raises(ConfigError, match=r"moved\.yaml"):
        open_recount(Run(out))


@pytest.mark.slow
def test_a_run_of_a_table_is_counted_if_its_style_is_known(pairs_file, style_file, tmp_path):
    rows = [json.loads(line) for line in pairs_file.read_text(encoding="utf-8").splitlines()]
    curate_pairs(rows, out=tmp_path / "plain")
    assert recounted(tmp_path / "plain") == counted(tmp_path / "plain")
    curate_pairs(rows, read_style(style_file), out=tmp_path / "styled")
    with pytest.raises(ConfigError, match=r"styled does not say which style it was curated with"):
        open_recount(Run(tmp_path / "styled"))
    for n, row in enumerate(rows):
        row["split"] = ("train", "train", "test")[n % 3]
    curate_pairs(rows, out=tmp_path / "split")
    with pytest.raises(
        ConfigError, match=r"split was made from a table; curate again to see the counts: the data state splits"
    ):
        open_recount(Run(tmp_path / "split"))
