"""The key is sent to its endpoint, and is nowhere else after a whole run, although the endpoint repeats it everywhere."""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import psutil
import pytest

from ..evaluate.endpoint_server import Asked, EndpointServer, Step, error
from .test_endpoint import MONEY, PROJECT, labels, the_run

KEY = "sk-Secret-0123456789-of-the-Test"
KEYED = 'key_env = "TUNED_KEY"\nconcurrency = 2\nendpoint ='


class Echoing:
    """A server that repeats the key in texts, names, counts, headers and errors, and looks at all processes meanwhile."""

    def __init__(self) -> None:
        self.seen_in: set[int] = set()
        self.refusing = False

    def __call__(self, asked: Asked) -> Step:
        for process in psutil.process_iter(["cmdline"]):
            if any(KEY in word for word in process.info["cmdline"] or ()):
                self.seen_in.add(process.pid)
        if "messages" not in asked.body:
            return Step(body={"data": [{"id": f"{'m' * 280}{KEY}"}, {"id": KEY}]})
        if self.refusing:
            return error(401, f"{'x' * 280}{KEY}", param=KEY, code=KEY)
        if asked.number % 5 == 1:  # a passing fault
            return [error(500, KEY), error(503, KEY.upper()), Step(500, KEY.encode()), Step(body=KEY.encode())][
                asked.number % 4
            ]
        good = labels(asked)
        body: dict[str, Any] = good.body
        body["choices"][0]["message"]["content"] += f", or {KEY}" if asked.number % 3 else ""
        body |= {"system_fingerprint": "f" * 190 + KEY, "id": KEY, "usage": body["usage"] | {KEY: {"note": [KEY]}}}
        headers = {"X-Key": KEY, "Set-Cookie": f"key={KEY}", "Retry-After": KEY}
        return replace(good, body=body | {"model": f"{'m' * 190}{KEY}"}, headers=headers)


@pytest.mark.slow
def test_after_a_whole_run_the_key_is_in_no_file_message_log_page_or_process_list(
    command, tmp_path, pairs_file, style_file, monkeypatch
):
    monkeypatch.setenv("TUNED_KEY", KEY)
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "TUNEWORTH_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / "guide.txt").write_text("Write a label: Box with a COLOUR THING, WEIGHT.", encoding="utf-8")
    said = []
    with EndpointServer(echoing := Echoing()) as server:
        project = PROJECT.format(url=server.url, more="").replace("endpoint =", KEYED)
        (tmp_path / "tuneworth.toml").write_text(project + MONEY, encoding="utf-8")
        words = [sys.executable, "-X", "dev", "-m", "tuneworth.cli", "run", str(tmp_path), "--debug"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, env=os.environ)
        assert done.returncode == 0, done.stderr
        said += [done.stdout, done.stderr]
        assert {asked.headers["authorization"] for asked in server.requests} == {f"Bearer {KEY}"}
        run = the_run(tmp_path)
        endpoint = ("--endpoint", server.url, "--key-env", "TUNED_KEY")
        said += told(command("serve-check", run, *endpoint), 2)  # it cannot choose between two models
        said += told(command("serve-check", run, *endpoint, "--model", "ft:base:labels", "--json"), 0, 1)
        said += told(command("watch", run, *endpoint, "--model", "ft:base:labels", "--json"), 0, 1, 4)
        said += told(command("report", run), 0)
        echoing.refusing = True
        (run / "evaluate" / "answers.jsonl").unlink()
        for debug in ((), ("--debug",)):
            said += told(command("evaluate", tmp_path, *debug), 2)
    assert echoing.seen_in == set()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"report.html", "results.json", "outputs.jsonl", "check.json", "looks.jsonl"} <= {
        path.name for path in files
    }
    texts = {str(path): path.read_bytes() for path in files} | {f"message {n}": t.encode() for n, t in enumerate(said)}
    for piece in (KEY, KEY[:12]):  # also not a part that was left by cutting a text
        assert [name for name, text in texts.items() if piece.lower().encode() in text.lower()] == []
    assert "***" in (run / "evaluate" / "outputs.jsonl").read_text(encoding="utf-8")


def told(done: Any, *codes: int) -> list[str]:
    """What a command printed; it ended with one of the codes."""
    assert done.code in codes, done.err
    return [done.out, done.err]
