"""A file of data that is removed or changed while a command reads it: at any moment one message, exit code 2."""

import io
import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest


class Moment:
    """Acts before the n-th time that a file is looked at or opened; `seen` counts them."""

    def __init__(self, monkeypatch, path, act):
        self.path, self.act, self.at, self.seen = str(path), act, 0, 0
        for module, name in ((os, "stat"), (io, "open")):
            monkeypatch.setattr(module, name, self._watched(getattr(module, name)))

    def _watched(self, function):
        def call(path, *args, **kwargs):
            if not isinstance(path, int) and os.fspath(path) == self.path:
                self.seen += 1
                if self.seen == self.at:
                    self.act()
            return function(path, *args, **kwargs)

        return call

    def each(self, begin):
        """Start again for n = 1, 2, 3 and so on, until the file is looked at less than n times."""
        while self.seen >= self.at:
            begin()
            self.at, self.seen = self.at + 1, 0
            yield self.at


def remove(path):
    Path(path).unlink()


def cut(path):
    os.truncate(path, 200)


def grow(path):
    with Path(path).open("ab") as file:
        file.write(b'{"input": "late", "output": "row"}\n')


PAIRS = [{"id": f"p{n}", "input": f"part {n} of the list", "output": f"Part number {n}."} for n in range(30)]


def write(path):
    if path.suffix == ".parquet":
        pl.DataFrame(PAIRS).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))


def run_at_each_moment(command, monkeypatch, tmp_path, file, act, *words):
    """The exit codes; whatever the moment, a refusal leaves no run, and nothing is unexpected."""
    moment, codes, out = Moment(monkeypatch, file, lambda: act(file)), [], tmp_path / "out"

    def begin():
        write(file)
        shutil.rmtree(out, ignore_errors=True)

    for _ in moment.each(begin):
        done = command(*words)
        assert done.code in (0, 2), done.err
        assert "unexpected" not in done.err
        assert "Traceback" not in done.err
        if done.code:
            assert file.name in done.err
            assert {path.name for path in out.glob("*")} <= {"run.json"}
        codes.append(done.code)
    assert len(codes) > 5
    assert codes[-1] == 0  # the moment did not come
    return codes


@pytest.mark.slow
@pytest.mark.parametrize("act", [remove, cut, grow])
@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.parquet"])
def test_pairs_that_change_while_they_are_curated(command, monkeypatch, tmp_path, name, act):
    file = tmp_path / name
    codes = run_at_each_moment(
        command, monkeypatch, tmp_path, file, act, "curate", file, "--out", tmp_path / "out", "--json"
    )
    if act is remove:
        assert codes == [2] * (len(codes) - 1) + [0]
    # Changed as a run is made of it: what was read would not be what is fingerprinted.
    assert codes[-2] == 2


@pytest.mark.slow
@pytest.mark.parametrize("act", [remove, cut])
def test_outputs_that_change_while_they_are_judged(command, monkeypatch, tmp_path, style_file, act):
    pairs, file = tmp_path / "pairs.jsonl", tmp_path / "outputs.jsonl"
    write(pairs)
    codes = run_at_each_moment(
        command, monkeypatch, tmp_path, file, act, "evaluate", "--pairs", pairs, "--outputs", f"prompted={pairs}",
        "--outputs", f"tuned={file}", "--style", style_file, "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert codes[-2] == 2
