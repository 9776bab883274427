"""Fixtures of more than one folder; nothing heavy is imported before a test asks for it."""

import gc
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from .shared import changed, share

# Examples of each property that says no number: few in `make test`, more in `make full`, many on request. These many are
# new ones each time; the others are always the same, so that a failure tells of the change at hand. No test fails for being
# slow: machines differ, and so does what runs beside them.
for name, examples in {"few": 10, "more": 15, "thorough": 1_000}.items():
    settings.register_profile(name, deadline=None, max_examples=examples, derandomize=name != "thorough")
settings.load_profile("few")

# A worker of pytest-xdist per core: more threads in each would wait for one another. Read when the libraries load.
if "PYTEST_XDIST_WORKER" in os.environ:
    for pool in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ.setdefault(pool, "1")


# Roughly the seconds that a test of each mark takes, all its cases together; `slow(40)` states those of one that takes far
# longer. `make full` keeps a file on one worker, so the longest files go first: a long one at the end would leave the
# other cores idle.
SECONDS = {"cluster": 15, "model": 15, "browser": 2, "slow": 3}


def seconds(mark: pytest.Mark) -> int:
    return mark.args[0] if mark.args and mark.name in SECONDS else SECONDS.get(mark.name, 0)


@pytest.hookimpl(trylast=True)  # after those that were not asked for are gone
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; the order within a file stays."""
    tests = {(item.path, getattr(item, "originalname", item.name)): item for item in items}
    takes: Counter[Path] = Counter()
    for (path, _), test in tests.items():
        takes[path] += max(map(seconds, test.iter_markers()), default=0)
    items.sort(key=lambda item: -takes[item.path])


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Fail the test that changed what the session made for all; it works on a copy."""
    if found := changed(getattr(item, "fixturenames", [])):
        pytest.fail(f"{item.nodeid} changed files of all tests: {', '.join(found[:9])}", pytrace=False)


def pytest_collection() -> None:
    """Search for no garbage while thousands of tests are made, all of which stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of later searches for garbage: it stays to the end.

    Half a second each otherwise, and training, generating and statsmodels search on purpose.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


TEMPLATE = (
    "{% for m in messages %}<|turn|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
)


def tiny_tokenizer(template: str = TEMPLATE) -> Any:
    """Bytes as tokens, three special tokens, a chat template that ends each turn with `<|end|>`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in ("<|pad|>", "<|turn|>", "<|end|>")])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    fast.chat_template = template
    return fast


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with its tokenizer, as a model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=264, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, tie_word_embeddings=True,
        initializer_range=0.3,  # at the usual 0.02 a frozen random head can say nothing with confidence
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return share("tiny_folder", folder)


@pytest.fixture(scope="session")
def loaded_tiny(tiny_folder: Path) -> Any:
    from tuneworth.train import load_model

    return load_model(str(tiny_folder), dtype="float32")


@pytest.fixture
def tiny_model(loaded_tiny: Any) -> Iterator[Any]:
    """The tiny model in memory, in fp32; one thread, for its products are too small to divide."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield replace(loaded_tiny, model=deepcopy(loaded_tiny.model), tokenizer=deepcopy(loaded_tiny.tokenizer))
    torch.set_num_threads(threads)


# --- the command -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    from tuneworth.cli import main

    def call(*words: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        return Done(int(left.value.code or 0), captured.out, captured.err)

    return call


# --- a project -----------------------------------------------------------------------------------------------------

STYLE = (Path(__file__).parent / "wheel" / "label.yaml").read_text(encoding="utf-8")


def pair(n: int) -> dict:
    colour = ["red", "blue", "green", "white", "black"][n % 5]
    words = ["lamp", "chair", "table", "shelf", "clock", "mirror", "basket"]
    thing = f"{words[n % 7]} {words[n // 7 % 7]} {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}"
    fields = {"thing": thing, "colour": colour, "weight": f"{n} kg"}
    return {"id": f"p{n}", "family": f"f{n // 2}", "input": fields, "output": f"Box with a {colour} {thing}, {n} kg"}


def write_pairs(path: Path) -> Path:
    path.write_text("".join(json.dumps(pair(n)) + "\n" for n in range(60)), encoding="utf-8")
    return path


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs.jsonl")


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    path = tmp_path / "style.yaml"
    path.write_text(STYLE, encoding="utf-8")
    return path


SETTINGS = """
[data]
path = "pairs.jsonl"
group = "family"
[train]
model = "MODEL"
max_steps = 4
batch_size = 4
rank = 2
[evaluate]
rivals = "none"
max_new_tokens = 8
max_pairs = 6
probes = false
[evaluate.prompted]
guide = "guide.txt"
few_shot = 0
[roi]
requests_per_day = 100
failures = "repair"
failure_cost = 0.1
[roi.prompted]
price_input = 1
price_output = 2
[roi.tuned]
price_input = 1
price_output = 2
"""


def write_project(folder: Path, model: Path) -> Path:
    """A project whose pairs and style are those of `pairs_file` and `style_file`."""
    write_pairs(folder / "pairs.jsonl")
    (folder / "style.yaml").write_text(STYLE, encoding="utf-8")
    (folder / "guide.txt").write_text("Write a label.", encoding="utf-8")
    (folder / "tuneworth.toml").write_text(SETTINGS.replace("MODEL", str(model)), encoding="utf-8")
    return folder


COLLECTED = """
[data]
path = "pairs.jsonl"
group = "family"
split = "split"
[style]
path = "STYLE"
[evaluate]
variants = ["prompted", "tuned"]
[evaluate.prompted]
outputs = "prompted.jsonl"
[evaluate.tuned]
outputs = "tuned.jsonl"
"""


def write_collected_project(folder: Path, *, style: str) -> Path:
    """A project without a model: pairs whose splits are given, and outputs of the test pairs in files."""
    splits = ["train"] * 42 + ["validation"] * 6 + ["test"] * 12
    pairs = [{**pair(n), "split": split} for n, split in enumerate(splits)]
    outputs = {
        name: [{"id": row["id"], "output": row["output"] + end} for row in pairs[48:]]
        for name, end in (("prompted", "."), ("tuned", ""))
    }
    for name, rows in {"pairs": pairs, **outputs}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "tuneworth.toml").write_text(COLLECTED.replace("STYLE", style), encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path, tiny_folder: Path) -> Path:
    return write_project(tmp_path, tiny_folder)


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> dict[str, Path]:
    """The project as each stage left it, made once; in fp32, which is quicker for so small a model."""
    from tuneworth.cli import main

    home = tmp_path_factory.mktemp("stages")
    project = home / "project"
    project.mkdir()
    settings = write_project(project, tiny_folder) / "tuneworth.toml"
    settings.write_text(settings.read_text().replace("[train]", '[train]\ndtype = "float32"'))
    left = {}
    for stage in ("curate", "train"):
        with pytest.raises(SystemExit) as done:
            main([stage, str(project), "--quiet"])
        assert not done.value.code
        left[stage] = share("stages", Path(shutil.copytree(project, home / stage)))
    return left


@pytest.fixture
def curated(stages: dict[str, Path], tmp_path: Path) -> Path:
    """A project with a run in it that is curated and not trained."""
    return Path(shutil.copytree(stages["curate"], tmp_path, dirs_exist_ok=True))


@pytest.fixture
def trained(stages: dict[str, Path], tmp_path: Path) -> Path:
    """A project with a run in it that is curated and trained."""
    return Path(shutil.copytree(stages["train"], tmp_path, dirs_exist_ok=True))
