"""`tuneworth train --on`, run on a project against a local server with a provider's published shapes."""

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tuneworth.core import ConfigError, Console
from tuneworth.deploy import Pauses, plan_hosted, train_hosted
from tuneworth.deploy.hosted.bill import count_tokens
from tuneworth.deploy.hosted.fireworks import Fireworks
from tuneworth.deploy.hosted.together import Together
from tuneworth.evaluate import PRESETS
from tuneworth.project import HostedSettings

from ..conftest import pair
from ..deploy.hosted_server import KEY, HostedServer
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion
from ..shared import unsealed

MODELS = {"together": "Qwen/Qwen3-8B", "fireworks": "accounts/fireworks/models/qwen3-8b"}
PROJECT = """
[data]
path = "pairs.jsonl"
group = "family"
[train.hosted]
model = "{model}"
account = "acme"
key_env = "HOSTED_KEY"
{more}
"""
BEFORE = date(2026, 11, 28)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key in the environment, and no waiting."""
    monkeypatch.setenv("HOSTED_KEY", KEY)
    monkeypatch.setattr(Pauses.__init__, "__defaults__", (0.001, 0.001, 0.001, 0.001, 3, time.sleep))


@pytest.fixture
def curated(tmp_path: Path, pairs_file: Path, style_file: Path, command: Callable[..., Any]) -> Callable[..., Path]:
    """A curated project for a provider at an address."""

    def made(on: str, url: str | None, more: str = "") -> Path:
        more = more if url is None else f'base_url = "{url}"\n{more}'
        (tmp_path / "tuneworth.toml").write_text(PROJECT.format(model=MODELS[on], more=more))
        if not (tmp_path / "runs").is_dir():
            done = command("curate", tmp_path, "--quiet")
            assert done.code == 0, done.err
        return tmp_path

    return made


def the_run(project: Path) -> Path:
    (run,) = (project / "runs").iterdir()
    return run


@pytest.mark.parametrize("on", ["together", "fireworks"])
def test_the_bill_comes_before_anything_is_sent(on: str, curated: Any, command: Any) -> None:
    with HostedServer(on) as server:
        project = curated(on, server.url)
        plan = command("train", project, "--on", on, "--plan")
        assert plan.code == 0, plan.err
        assert "USD per million tokens" in plan.out
        assert re.search(r"total +(about )?[\d.]+ USD", plan.out)
        data = command("train", project, "--on", on, "--plan", "--json").json
        limit = command("train", project, "--on", on, "--max-cost", "0.0001", "--yes")
        asked = command("train", project, "--on", on)
    assert server.asked == []
    assert not (the_run(project) / "train").exists()
    lines = (the_run(project) / "curate/train.jsonl").read_text().splitlines()
    assert data["files"]["train"]["examples"] == len(lines)
    assert data["bill"]["trained_tokens_most"] >= data["epochs"] * data["bill"]["epoch_tokens_most"]
    assert limit.code == 2
    assert "more than --max-cost 0.0001" in limit.err
    assert asked.code == 2
    assert "there is no terminal to ask" in asked.err
    assert KEY not in plan.out + plan.err + asked.err + limit.err


def test_a_model_without_a_system_role_is_trained_and_exported_as_it_is_asked(curated: Any, command: Any) -> None:
    project = curated("together", "http://127.0.0.1:9/v1")
    for table in (unsealed(the_run(project)) / "curate").glob("train.*"):
        table.write_text(
            "".join(
                json.dumps(json.loads(row) | {"system": "Be brief."}) + "\n" for row in table.read_text().splitlines()
            )
        )
    more = '[evaluate.tuned]\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "m"\nsystem_role = false'
    for stated, begun in (("", {"role": "system", "content": "Be brief."}), (more, None)):
        curated("together", "http://127.0.0.1:9/v1", stated)
        sent = json.loads(plan_hosted(project, on="together").contents["train"].splitlines()[0])["messages"]
        assert command("export", the_run(project), "--format", "openai", "--out", project / "out").code == 0
        assert json.loads((project / "out/train.jsonl").read_text().splitlines()[0])["messages"] == sent
        assert (sent[0] == begun) if begun else sent[0]["content"].startswith("Be brief.\n\n")


@pytest.mark.slow
@pytest.mark.parametrize("on", ["together", "fireworks"])
def test_a_training_at_a_provider_ends_in_a_record_that_others_read(on: str, curated: Any, command: Any) -> None:
    with HostedServer(on) as server:
        project = curated(on, server.url)
        done = command("train", project, "--on", on, "--yes", "--connect")
        assert done.code == 0, done.err
        again = command("train", project, "--on", on, "--yes")
        assert again.code == 0
    assert len(server.jobs) == 1
    run = the_run(project)
    summary = json.loads((run / "train/summary.json").read_text())
    assert summary["hosted"]["provider"] == on
    assert summary["hosted"]["cost"] == {"together": 4.0, "fireworks": 1.25}[on]
    assert json.loads((run / "run.json").read_text())["hosted"]["cost"] == summary["hosted"]["cost"]
    assert (run / "train/adapter/adapter_model.safetensors").is_file()
    settings = (project / "tuneworth.toml").read_text()
    assert f'[evaluate.tuned]\nendpoint = "{server.origin}/' in settings
    assert json.dumps(summary["hosted"]["tuned_model"]) in settings
    assert KEY not in done.out + done.err
    assert [path for path in project.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()] == []
    other = command("train", project)
    assert other.code == 2
    assert "has a training at a provider" in other.err


def test_every_broken_rule_is_named_with_line_and_pair(curated: Any, command: Any) -> None:
    project = curated("fireworks", "http://127.0.0.1:9/v1")
    train = unsealed(the_run(project)) / "curate/train.jsonl"
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    rows[1]["output"] = " "
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    refused = command("train", project, "--on", "fireworks", "--plan")
    assert refused.code == 2
    problem = f'train file: line 2 (pair "{rows[1]["id"]}", row {rows[1]["row"]}): has an empty assistant message'
    assert problem in refused.err
    assert "Nothing was sent" in refused.err


def test_personal_data_is_not_sent(curated: Any, command: Any, pairs_file: Path) -> None:
    rows = [json.loads(line) for line in pairs_file.read_text().splitlines()]
    for row in rows:
        row["input"]["contact"] = f"{row['id']}@customers.example.com"
    pairs_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    project = curated("together", None)
    refused = command("train", project, "--on", "together", "--plan")
    assert refused.code == 2
    assert "personal data would be sent to api.together.ai" in refused.err
    assert "@customers" not in refused.err
    settings = project / "tuneworth.toml"
    settings.write_text(settings.read_text() + '\n[evaluate]\npersonal_data = "allow"\n')
    assert command("train", project, "--on", "together", "--plan").code == 0


def test_a_provider_that_is_gone_is_refused_with_the_names_of_the_others(curated: Any, command: Any) -> None:
    project = curated("together", "http://127.0.0.1:9/v1")
    refused = command("train", project, "--on", "openai", "--plan")
    assert refused.code == 2
    assert "'openai' is not one of 'together', 'fireworks'" in refused.err
    with pytest.raises(ConfigError, match='no provider "openai"; expected together, fireworks'):
        plan_hosted(project, on="openai")


@pytest.mark.slow
def test_a_failed_job_is_told_and_not_repeated_without_again(curated: Any, command: Any) -> None:
    with HostedServer("together", outcome="failed") as server:
        project = curated("together", server.url)
        failed = command("train", project, "--on", "together", "--yes")
        assert failed.code == 3
        assert "failed: out of luck" in failed.err
        assert command("train", project, "--on", "together", "--yes").code == 3
        assert (
            "the run already has this job: ft-1 (error)" in command("train", project, "--on", "together", "--plan").out
        )
        assert len(server.jobs) == 1
        server.outcome = "succeeded"
        done = command("train", project, "--on", "together", "--yes", "--again")
        assert done.code == 0, done.err
        assert len(server.jobs) == 2
    assert (the_run(project) / "train-1/hosted/job.json").is_file()


@pytest.mark.slow
def test_no_job_is_created_that_the_provider_expects_to_cost_more(curated: Any, command: Any) -> None:
    with HostedServer("together", expects=9.871) as server:
        project = curated("together", server.url)
        refused = command("train", project, "--on", "together", "--yes")
        assert refused.code == 2
        assert "expects the job to cost 9.87 USD, more than the 4 USD that you agreed to" in refused.err
        assert (len(server.jobs), len(server.complete)) == (0, 2)
        server.credit = False
        assert (
            "has not enough credit" in command("train", project, "--on", "together", "--yes", "--max-cost", "9.88").err
        )
        server.credit = True
        done = command("train", project, "--on", "together", "--yes", "--max-cost", "9.88")
        assert done.code == 0, done.err
    assert (len(server.jobs), len(server.files)) == (1, 2)


@pytest.mark.slow
def test_another_model_needs_again_and_says_what_differs(curated: Any, command: Any) -> None:
    with HostedServer("together") as server:
        project = curated("together", server.url)
        assert command("train", project, "--on", "together", "--yes").code == 0
        curated("together", server.url, "epochs = 2")
        changed = command("train", project, "--on", "together", "--yes")
    assert changed.code == 2
    assert re.search(r"epochs was \d+, now 2", changed.err)
    assert len(server.jobs) == 1


@pytest.mark.slow
def test_ctrl_c_says_that_the_job_goes_on_and_cancel_stops_it(curated: Any, command: Any) -> None:
    with HostedServer("fireworks", looks=3) as server:
        project = curated("fireworks", server.url)

        told: list[str] = []

        def interrupted(seconds: float) -> None:
            if server.jobs:
                raise KeyboardInterrupt

        class Heard(Console):
            def note(self, text: str) -> None:
                told.append(text)

        with pytest.raises(KeyboardInterrupt):
            train_hosted(
                project, on="fireworks", pauses=Pauses(first=0, check=0, sleep=interrupted), talk=Heard(), today=BEFORE
            )
        assert any("is still running at Fireworks AI and costs money" in text for text in told)
        refused = command("train", project, "--on", "fireworks", "--yes", "--again")
        assert refused.code == 2
        assert "still running and costs money" in refused.err
        done = command("train", project, "--on", "fireworks", "--cancel")
        assert done.code == 0, done.err
        assert "has ended: cancelled" in done.out
        assert command("train", project, "--on", "fireworks", "--yes").code == 3
    assert len(server.jobs) == 1


PAGE = (Path(__file__).parents[2] / "docs" / "hosted.md").read_text(encoding="utf-8")


def test_the_page_names_every_setting_option_price_and_rule(command: Any) -> None:
    table = PAGE[PAGE.index("## Settings") : PAGE.index("## The bill comes first")]
    named = {
        name
        for cell in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    assert named == {field.name for field in fields(HostedSettings)}
    usage = command("train", "--help").out
    assert [option for option in set(re.findall(r"`(--[\w-]+)", PAGE)) if option not in usage] == []
    for provider in (Together(), Fireworks(account="acme")):
        assert [price for price in provider.prices.values() if f"{price.per_million}" not in PAGE] == []
        assert f"{provider.rules.least_examples:,} " in PAGE
    assert PRESETS["dedicated-fireworks"].source
    for target in re.findall(r"\]\((\w[\w-]*\.md)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / target).is_file(), target


@pytest.mark.slow
def test_only_examples_that_are_known_to_be_long_are_left_out(curated: Any, tiny_folder: Path) -> None:
    project = curated("together", None)
    chats = [
        json.loads(line)["messages"] for line in plan_hosted(project, on="together").contents["train"].splitlines()
    ]
    tokens = count_tokens(chats, tokenizer=str(tiny_folder)).most
    longest = sorted(tokens)[len(tokens) // 2]
    more = f"longest_tokens = {longest}\nvalidation = false"
    plan = plan_hosted(curated("together", None, f'tokenizer = "{tiny_folder}"\n{more}'), on="together", drop_long=True)
    long = [count for count in tokens if count > longest]
    assert [row["tokens"] for row in plan.dropped] == long != []
    assert plan.uploads[0].lines == len(tokens) - len(long)
    assert plan.bill.epoch_tokens == sum(tokens) - sum(long)
    bounded = plan_hosted(curated("together", None, more), on="together", drop_long=True)
    assert (bounded.dropped, bounded.uploads[0].lines) == ([], len(tokens))
    assert f"may have more than {longest:,} tokens" in " ".join(bounded.warnings)


def test_options_of_one_kind_of_training_are_refused_by_the_other(curated: Any, command: Any) -> None:
    project = curated("together", None)
    for options in (["--plan"], ["--yes"], ["--max-cost", "3"], ["--cancel"]):
        done = command("train", project, *options)
        assert (done.code, "add --on together" in done.err) == (2, True), options
    assert "use --plan" in command("train", project, "--on", "together", "--dry-run").err
    assert command("train", project, "--on", "together", "--merge").code == 2
    assert "is not an amount above 0" in command("train", project, "--on", "together", "--max-cost", "-1").err


COMPARED = '[evaluate]\nvariants = ["prompted", "tuned"]\nrivals = "none"\n'


def label(asked: Asked) -> Step:
    """The label of the pair; the base model forgets its first word for every second."""
    number = next(n for n in range(60) if asked.text.endswith(f"weight: {n} kg") or n == 59)
    text = pair(number)["output"] if asked.body["model"] != "base" or number % 2 else "?"
    return Step(body=completion(text))


@pytest.mark.slow
def test_a_run_trained_at_a_provider_is_judged_at_its_endpoint_with_its_real_cost(curated: Any, command: Any) -> None:
    with HostedServer("together") as server, EndpointServer(label) as endpoint:
        project = curated("together", server.url)
        assert command("train", project, "--on", "together", "--yes").code == 0
        unset = command("evaluate", project)
        assert unset.code == 2
        assert "was trained at Together AI on Qwen/Qwen3-8B, and [evaluate.tuned] names no endpoint" in unset.err
        connected = command("train", project, "--on", "together", "--yes", "--connect")
        assert connected.code == 0, connected.err
        file = project / "tuneworth.toml"
        settings = file.read_text().replace(f'endpoint = "{server.url}"', f'endpoint = "{endpoint.url}"')
        prices = "price_input = 1\nprice_output = 4\n"
        file.write_text(
            settings.replace("[evaluate.tuned]", f"{COMPARED}[evaluate.tuned]")
            + f'[evaluate.prompted]\nendpoint = "{endpoint.url}"\nmodel = "base"\n[roi]\ncurrency = "USD"\nrequests_per_day = 9\n'
            f"[roi.running]\nper_month = 0\n[roi.prompted]\n{prices}[roi.tuned]\n{prices}"
        )
        done = command("evaluate", project)
        assert done.code == 0, done.err
    run = the_run(project)
    results = json.loads((run / "results.json").read_text())
    schema = json.loads((Path(__file__).parents[2] / "evaluate" / "results.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(results)) == []
    assert results["training"]["hosted"]["cost"] == results["money"]["investment"] == 4
    assert "roi.investment" not in results["money"]["missing"]
    page = (run / "report.html").read_text().replace("\xa0", " ")
    assert "The model was trained at Together AI on" in page
    assert "this run, trained at Together AI" in page


WITHOUT_TORCH = """
import sys, time
sys.modules.update(dict.fromkeys(["torch", "transformers", "peft", "safetensors"]))  # as in the base install
from tuneworth.cli import main
from tuneworth.deploy import Pauses
Pauses.__init__.__defaults__ = (0.001, 0.001, 0.001, 0.001, 3, time.sleep)
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_the_base_install_is_enough(curated: Any) -> None:
    with HostedServer("together") as server:
        project = curated("together", server.url)
        for more in ([], ["--again"]):
            words = ["train", str(project), "--on", "together", "--yes", *more]
            done = subprocess.run(
                [sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        assert len(server.jobs) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code", "jobs"), [("n", 2, 0), ("y", 0, 1)])
def test_a_person_at_a_terminal_is_asked_with_the_limit(typed: str, code: int, jobs: int, curated: Any) -> None:
    with HostedServer("together") as server:
        project = curated("together", server.url)
        ours, theirs = pty.openpty()
        words = [sys.executable, "-c", WITHOUT_TORCH, "train", str(project), "--on", "together"]
        process = subprocess.Popen(words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs)
        seen = ""
        while "[y/N]" not in seen:
            seen += os.read(ours, 4096).decode()
        assert "pay up to 4 USD?" in seen
        assert server.asked == []
        os.write(ours, f"{typed}\n".encode())
        drained = threading.Thread(target=drain, args=(ours,), daemon=True)  # a full terminal stops the command
        drained.start()
        assert process.wait(timeout=120) == code
        os.close(theirs)
        assert len(server.jobs) == jobs


def drain(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 4096):
            pass


def test_a_training_begun_on_this_machine_is_not_mixed_with_one_at_a_provider(curated: Any, command: Any) -> None:
    project = curated("together", "http://127.0.0.1:9/v1")
    folder = the_run(project) / "train"
    folder.mkdir()
    (folder / "preflight.json").write_text("{}")
    refused = command("train", project, "--on", "together", "--yes")
    assert refused.code == 2
    assert "was already trained on this machine, at least in part" in refused.err
    assert command("train", project, "--on", "together", "--plan", "--again").code == 0


@pytest.mark.slow
def test_a_file_that_was_removed_is_written_again(curated: Any, command: Any) -> None:
    with HostedServer("together") as server:
        project = curated("together", server.url)
        server.faults = dict.fromkeys(range(9), (401, {"error": {"message": "no"}}, {}))
        assert command("train", project, "--on", "together", "--yes").code == 2
        (the_run(project) / "train/hosted/train.jsonl").unlink()
        server.faults = {}
        done = command("train", project, "--on", "together")  # it was agreed to
        assert done.code == 0, done.err
    assert len(server.jobs) == 1
