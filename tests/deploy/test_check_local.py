"""A tiny model with its adapter, judged and then served by a real server: as it is, and with one fault at a time."""

import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tuneworth import Run, evaluate_run
from tuneworth.deploy import check_serving
from tuneworth.deploy.check.recorded import recorded, tokenizer_of

from ..conftest import TEMPLATE
from ..evaluate.endpoint_server import Asked, EndpointServer, Step, completion
from ..shared import unsealed

pytestmark = pytest.mark.slow
LOCK = threading.Lock()


@dataclass(frozen=True)
class Weights:
    """A model in memory and the adapter that answers with it; None for the base model."""

    loaded: Any
    adapter: Path | None


def serving(weights: Weights, *, tells: bool = False, limit: int = 8, shift: int = 0) -> Callable[[Asked], Step]:
    """A server that generates with these weights, template and stop included; with `tells` it also tells its tokens."""
    from tuneworth.evaluate import Variant, answer_chats
    from tuneworth.train import render_prompt

    def generated(messages: list[dict[str, str]]) -> Step:
        variant = Variant("served", "adapter" if weights.adapter else "base model", adapter=weights.adapter)
        with LOCK, TemporaryDirectory() as home:
            table = answer_chats(
                variant, ["one"], [messages], loaded=weights.loaded, temperature=0.0, max_new_tokens=limit,
                store=Path(home) / "outputs.jsonl",
            )  # fmt: skip
        row = table.row(0, named=True)
        sent, wrote = row["input_tokens"] + shift, row["output_tokens"]
        usage = {"prompt_tokens": sent, "completion_tokens": wrote, "total_tokens": sent + wrote}
        return Step(body=completion(row["output"], usage=usage, finish_reason=row["finish_reason"]))

    def behave(asked: Asked) -> Step:
        if asked.path.endswith("/models"):
            return Step(body={"data": [{"id": "tiny"}]})
        if asked.path.endswith("/tokenize") and tells:
            tokens = render_prompt(weights.loaded.tokenizer, asked.body["messages"])
            return Step(body={"count": len(tokens), "tokens": tokens})
        return generated(asked.body["messages"]) if asked.path.endswith("/completions") else Step(404)

    return behave


@pytest.fixture(scope="module")
def judged_model(stages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained project, evaluated; its adapter made strong, as four steps hardly change a random model."""
    from safetensors.torch import load_file, save_file

    project = Path(shutil.copytree(stages["train"], tmp_path_factory.mktemp("served") / "project"))
    file = unsealed(next(project.glob("runs/*"))) / "train" / "adapter" / "adapter_model.safetensors"
    save_file({name: tensor + 0.4 for name, tensor in load_file(file).items()}, file)
    settings = project / "tuneworth.toml"
    settings.write_text(
        settings.read_text().replace("[evaluate]", "[evaluate]\nvariants = ['plain', 'prompted', 'tuned']")
    )
    evaluate_run(project)
    return project


@pytest.fixture
def run(judged_model: Path, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(judged_model, tmp_path / "project")))


@pytest.fixture
def tuned(run: Run, tiny_model: Any) -> Weights:
    return Weights(tiny_model, run.adapter)


def found(run: Run, behave: Callable[[Asked], Step]) -> tuple[str, list[str], dict[str, Any]]:
    """The status, the causes, and all figures."""
    with EndpointServer(behave) as server:
        content = check_serving(run.folder, server.url).content
    return content["status"], [cause["id"] for cause in content["causes"]], content


def with_template(weights: Weights, template: str) -> Weights:
    tokenizer = deepcopy(weights.loaded.tokenizer)
    tokenizer.chat_template = template
    return replace(weights, loaded=replace(weights.loaded, tokenizer=tokenizer))


@pytest.mark.parametrize("tells", [False, True])
def test_the_judged_model_is_what_was_judged(run: Run, tuned: Weights, tells: bool) -> None:
    status, causes, content = found(run, serving(tuned, tells=tells))
    assert (status, causes) == ("same", [])
    assert content["texts"]["same"] == content["rows"] == 6
    assert content["tokens"]["prompt"]["served"] == content["tokens"]["prompt"]["recorded"]


def test_the_base_model_is_named(run: Run, tuned: Weights) -> None:
    status, causes, content = found(run, serving(replace(tuned, adapter=None)))
    assert (status, causes) == ("named cause", ["base"])
    assert content["causes"][0]["evidence"]["same_as_base"] >= 3
    assert "The base model answers, without the adapter" in content["sentence"]


def test_the_base_model_is_generated_where_the_run_has_no_outputs_of_it(run: Run, tuned: Weights) -> None:
    file = unsealed(run.folder) / "evaluate" / "variants.json"
    file.write_text(
        file.read_text()
        .replace('"name": "plain"', '"name": "plain", "tuned": false')
        .replace('"source": "base model"', '"source": "outputs"')
    )
    _, causes, content = found(run, serving(replace(tuned, adapter=None)))
    assert causes == ["base"]
    assert content["causes"][0]["evidence"]["known"] == 6


SYSTEM = "{% if messages[0]['role'] != 'system' %}<|turn|>system\nHelp.<|end|>\n{% endif %}"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (SYSTEM + TEMPLATE, "a system message of its own"),
        (TEMPLATE.partition("{% if add_generation_prompt %}")[0], "it does not begin it"),
    ],
)
def test_the_counts_of_short_chats_tell_templates_apart(run: Run, tuned: Weights, template: str, says: str) -> None:
    status, causes, content = found(run, serving(with_template(tuned, template)))
    assert (status, causes[0]) == ("named cause", "template")
    assert says in content["causes"][0]["says"]


def test_a_server_that_tells_its_tokens_shows_the_first_that_differs(run: Run, tuned: Weights) -> None:
    other = with_template(tuned, TEMPLATE.replace("<|turn|>{{ m['role'] }}", "<|turn|>The {{ m['role'] }}"))
    _, causes, content = found(run, serving(other, tells=True))
    assert causes[0] == "template"
    evidence = content["causes"][0]["evidence"]
    assert evidence["first_differing_token"] == 2
    assert evidence["judged"].startswith("<|turn|>user")
    assert evidence["served"].startswith("<|turn|>The us")


def test_a_doubled_begin_token_is_named(run: Run, tuned: Weights) -> None:
    _, causes, _ = found(run, serving(with_template(tuned, "<|turn|>" + TEMPLATE), tells=True))
    assert causes[0] == "begin"
    shutil.rmtree(run.folder / "served")
    assert found(run, serving(tuned, shift=1))[1] == ["begin"]


def test_the_recorded_model_is_asked_with_its_own_limit_and_template(run: Run) -> None:
    was = recorded(run)
    assert (was.max_new_tokens, was.temperature, was.variant.name) == (8, 0.0, "tuned")
    assert was.variant.adapter == run.adapter
    tokenizer = tokenizer_of(run, str(was.model))
    assert tokenizer.chat_template == TEMPLATE


def test_a_limit_that_was_computed_is_computed_again_or_read_from_an_output_that_reached_it(run: Run) -> None:
    from tuneworth.evaluate import token_limit

    variants, outputs = (run.folder / "evaluate" / name for name in ("variants.json", "outputs.jsonl"))
    variants.write_text(variants.read_text().replace('"max_new_tokens": 8', '"max_new_tokens": "auto"'))
    assert recorded(run).max_new_tokens == 8
    outputs.write_text(outputs.read_text().replace('"length"', '"stop"'))
    tokenizer = tokenizer_of(run, str(recorded(run).model))
    assert recorded(run).max_new_tokens == token_limit(tokenizer, run.train["output"].to_list()) > 8


def test_margins_are_those_of_the_tokens_that_were_chosen(run: Run, tuned: Weights) -> None:
    """The judged model reads its own outputs: at each place its token is the likeliest, whatever was served."""
    from tuneworth.deploy.check.observe import measure_margins

    was = recorded(run)
    rows = was.first.select("id", recorded="output", served="output", recorded_finish="finish_reason")
    same = measure_margins(was, rows, was.pairs, tuned.loaded)
    assert same is not None
    assert len(same.left) == 0
    assert (same.kept >= 0).all()
    other = measure_margins(was, rows.with_columns(served=rows["served"] + "x"), was.pairs, tuned.loaded)
    assert other is not None
    assert len(other.kept) <= len(same.kept)


@contextmanager
def transformers_serve(model: Path, port: int) -> Iterator[str]:
    """`transformers serve` on 127.0.0.1, once it answers; its address."""
    words = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model), "--host", "127.0.0.1"]
    started = subprocess.Popen([*words, "--port", str(port), "--device", "cpu"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                assert started.poll() is None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        started.terminate()
        started.wait()


def test_transformers_serve_with_the_merged_weights_passes(run: Run, tuned: Weights, tmp_path: Path) -> None:
    """A server that others wrote."""
    from tuneworth.train import merge

    folder = merge(tuned.loaded, run.adapter, tmp_path / "merged").folder
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    with transformers_serve(folder, port) as address:
        content = check_serving(run.folder, address, model=str(folder)).content
    assert (content["status"], content["causes"]) == ("same", [])
    assert content["texts"]["same"] >= 5
