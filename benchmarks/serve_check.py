"""`tuneworth serve-check` against servers that others wrote: honest ones pass, each planted fault is named.

A run of the shipped example with its adapter, merged weights and GGUF file is served by llama.cpp (the wheel xllamacpp, its own
HTTP server) and by `transformers serve`, as it is and with one fault at a time. Run it in a copy of the run: it writes there.

    tuneworth train PROJECT --merge --gguf
    python benchmarks/serve_check.py PROJECT/runs/NAME --rows 24 [--only WORD]

Needs the extra `servers` and the default model. The table of the last measurement is in serve_check.md.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tuneworth import Run
from tuneworth.deploy import check_serving
from tuneworth.deploy.check.answer_causes import ROUNDING
from tuneworth.deploy.check.observations import Margins, is_noisier
from tuneworth.deploy.check.observe import measure_margins, weights_of
from tuneworth.deploy.check.recorded import recorded
from tuneworth.train import embedded_folder
from tuneworth.train.model.folder import wheel_file

LLAMA = """
import json, sys, os
import xllamacpp
stated = json.loads(sys.argv[1])
params = xllamacpp.CommonParams()
params.model.path = stated.pop("model")
params.warmup = False
params.cpuparams.n_threads = 2
if stated.pop("ignore_eos", False):
    params.sampling.ignore_eos = True
for name, value in stated.items():
    setattr(params, name, value)
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""
CONTEXT = 1024  # tokens of a slot of llama.cpp
SLOTS = 4
STARTS = 300  # seconds that a server may take to start
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}"
)
TWICE = "{{ '<|im_start|>' }}"
OPENING = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"


@dataclass(frozen=True)
class Case:
    """A server: what it is, the cause that is right (None: it serves what was judged), how it is started, and the variant that
    it is compared with."""

    name: str
    cause: str | None
    start: Callable[[], Any] = field(repr=False)
    variant: str = "tuned"


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


@contextmanager
def process(words: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


@contextmanager
def llama(model: Path, **stated: Any) -> Iterator[str]:
    """llama.cpp's server on 127.0.0.1; its address."""
    options = {"model": str(model), "port": free_port(), "n_parallel": SLOTS, "n_ctx": CONTEXT * SLOTS, **stated}
    with process([sys.executable, "-c", LLAMA, json.dumps(options)], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        yield f"{started.stdout.readline().strip()}/v1"


@contextmanager
def transformers_serve(model: Path, *options: str) -> Iterator[str]:
    """`transformers serve` on 127.0.0.1, once it answers; its address."""
    port = free_port()
    words = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model), "--host", "127.0.0.1"]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with process([*words, "--port", str(port), "--device", "cpu", *options], stdout=subprocess.DEVNULL, env=offline):
        deadline = time.monotonic() + STARTS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"


def rewritten(source: Path, out: Path, *, four_bits: bool = False, **metadata: Any) -> Path:
    """The GGUF file with its matrices in Q4_0, or with other metadata."""
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(out, "llama")
    for name, entry in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", *metadata):
            continue
        inner = entry.types[-1] if entry.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, entry.contents(), entry.types[0], sub_type=inner)
    for name, value in metadata.items():
        kind = gguf.GGUFValueType.BOOL if isinstance(value, bool) else gguf.GGUFValueType.UINT32
        writer.add_key_value(name, value, kind)
    kinds = gguf.GGMLQuantizationType
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if four_bits and kind == kinds.Q8_0:
            kind = kinds.Q4_0
            data = gguf.quants.quantize(gguf.quants.dequantize(tensor.data, tensor.tensor_type), kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def changed(folder: Path, out: Path, *, template: str | None = None, **generation: Any) -> Path:
    """A copy of a model folder with another chat template or other generation settings."""
    shutil.copytree(folder, out)
    if template is not None:
        (out / "chat_template.jinja").write_text(template, encoding="utf-8")
    if generation:
        file = out / "generation_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | generation))
    return out


def cases(run: Path, made: Path) -> list[Case]:
    """The honest servers, then one planted fault each."""
    gguf, merged = run / "train" / "gguf" / "tuned-q8_0.gguf", run / "train" / "merged"
    own = (run / "train" / "adapter" / "chat_template.jinja").read_text(encoding="utf-8")
    four = rewritten(gguf, made / "tuned-q4_0.gguf", four_bits=True)
    doubled = rewritten(gguf, made / "doubled.gguf", **{"tokenizer.ggml.add_bos_token": True})
    base = embedded_folder()
    unended = {"eos_token_id": [0]}
    return [
        Case("llama.cpp, Q8_0", None, lambda: llama(gguf)),
        Case("transformers serve, bfloat16", None, lambda: transformers_serve(merged, "--dtype", "bfloat16")),
        Case("transformers serve, float32", None, lambda: transformers_serve(merged, "--dtype", "float32")),
        Case("llama.cpp, template without the default system message", "template",
             lambda: llama(gguf, chat_template=CHATML + OPENING)),
        Case("llama.cpp, template of another model (zephyr)", "template",
             lambda: llama(gguf, chat_template="zephyr", use_jinja=False)),
        Case("llama.cpp, told to add a begin token (it drops the second one)", None, lambda: llama(doubled)),
        Case("llama.cpp, begin token written twice", "begin", lambda: llama(gguf, chat_template=TWICE + own)),
        Case("llama.cpp, end token ignored", "stop", lambda: llama(gguf, ignore_eos=True)),
        Case("llama.cpp, weights in Q4_0", "quantised", lambda: llama(four)),
        Case("llama.cpp, base model with nearest examples, 768 tokens of context", "context",
             lambda: llama(wheel_file(), n_ctx=768, n_parallel=1), variant="nearest"),
        Case("llama.cpp, base model", "base", lambda: llama(wheel_file())),
        Case("transformers serve, base model", "base", lambda: transformers_serve(base)),
        Case("transformers serve, template that does not begin the answer", "template",
             lambda: transformers_serve(changed(merged, made / "unopened", template=own.partition("{% if add_gen")[0]))),
        Case("transformers serve, begin token written twice", "begin",
             lambda: transformers_serve(changed(merged, made / "twice", template=TWICE + own))),
        Case("transformers serve, no end token", "stop",
             lambda: transformers_serve(changed(merged, made / "endless", **unended))),
    ]  # fmt: skip


def measured(case: Case, run: Path, rows: int) -> dict[str, Any]:
    with case.start() as address:
        return check_serving(run, address, rows=rows, variant=case.variant).content


def line(case: Case, content: dict[str, Any]) -> str:
    texts, found = content["texts"], [cause["id"] for cause in content["causes"]]
    right = content["same"] if case.cause is None else found[:1] == [case.cause]
    noise = "" if texts["noise_nats"] is None else f"{texts['noise_nats']:.2f}"
    figures = [f"{texts['same']} of {texts['of']}", f"{texts['next_token_share']:.1%}", noise]
    named = [case.name, str(content["rows"]), case.cause or "same", ", ".join(found) or content["status"]]
    return f"| {' | '.join([*named, *figures, 'yes' if right else 'no'])} |"


def simulated(run: Path, servers: int) -> None:
    """How often a server that only adds noise to the judged model's margins is said to have another number format.

    The margins are the run's own, of all its recorded outputs; each simulated server keeps a token where its margin and the
    noise together stay above 0, over as many places as a check of 16 or of all requests reads.
    """
    opened = Run(run)
    was = recorded(opened)
    rows = was.first.select("id", recorded="output", served="output", recorded_finish="finish_reason")
    found = measure_margins(was, rows, was.pairs, weights_of(was))
    assert found is not None
    print(
        f"\n{len(found.kept):,} places of {min(len(rows), 64)} outputs\n\n| noise in nats | 16 requests | all |\n|---:|---:|---:|"
    )
    for noise in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0):
        shares = [
            sum(_claimed(found.kept, noise, places, seed) for seed in range(servers)) / servers
            for places in (len(found.kept) * 16 // min(len(rows), 64), len(found.kept))
        ]
        print(f"| {noise:g} | {' | '.join(f'{share:.1%}' for share in shares)} |", flush=True)


def _claimed(margins: np.ndarray, noise: float, places: int, seed: int) -> bool:
    draw = np.random.default_rng(seed)
    some = draw.choice(margins, places, replace=False)
    kept = some + draw.normal(0, noise, places) > 0
    return is_noisier(Margins(some[kept], some[~kept]), ROUNDING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--only", default="", help="only servers whose name holds one of these words, between commas")
    parser.add_argument(
        "--simulated", type=int, metavar="N", help="count the false alarms of N simulated servers instead"
    )
    stated = parser.parse_args()
    if stated.simulated:
        simulated(stated.run, stated.simulated)
        return
    print("| server | requests | right | found | same text | same next token | noise in nats | named |")
    print("|---|---:|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        for case in cases(stated.run, Path(made)):
            if not any(word in case.name for word in stated.only.split(",")):
                continue
            content = measured(case, stated.run, stated.rows)
            print(line(case, content), flush=True)
            print(json.dumps([cause["says"] for cause in content["causes"]]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
