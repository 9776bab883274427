"""Code that takes a path opens only regular files, since a pipe or device would make it wait or never end."""

import ast
from collections.abc import Iterator
from functools import cache

from .sources import mentioning
from .test_imports import modules

OPENS = {"open", "read_text", "read_bytes", "read_excel", "read_csv", "read_ipc", "read_ipc_stream", "read_ndjson"} | {
    "read_parquet", "scan_csv", "scan_ipc", "scan_ndjson", "scan_parquet", "safe_open"
}  # fmt: skip
# The module that opens paths named by users, and those that use it to check a path before a library opens it.
CHECKED = {
    "core.disk.files", "curate.read.formats.opened", "curate.read.formats.workbook", "curate.read.formats.trial",
    "evaluate.outputs.models",
}  # fmt: skip
# Files in the folders of runs, in jobs and caches, and others that Tuneworth writes.
WRITTEN = {
    "core.disk.appending", "core.stored.reading", "curate.decisions.log",
    "curate.export", "curate.parts.files", "curate.parts.storage", "curate.run_files",
    "train.checkpoint", "train.model.adapter", "train.model.merge",
    "train.model.provenance", "project.demo.measuring", "project.history.index",
    "project.run", "deploy.hosted.client", "deploy.hosted.weights",
}  # fmt: skip
# Files that come with Tuneworth or the system, and things that are not files on disk.
SHIPPED = {
    "core.commands", "core.console", "core.machine", "core.stored.run_files", "curate.parts.drive",
    "curate.read.formats.records",
    "train.model.hardware", "evaluate.risks.forgetting", "reports.page", "project.curation.cluster_curate",
    "project.demo.example", "project.evaluation.gate_paths", "deploy.export.export", "review.server.server",
}  # fmt: skip
# After `is_file`: files next to the project, which are compared or searched.
SEARCHED = {"project.create", "project.history.keeping", "train.preview"}
KNOWN = CHECKED | WRITTEN | SHIPPED | SEARCHED


@cache
def opened() -> tuple[tuple[str, int], ...]:
    """The module and line of each call that opens a path to read."""
    return tuple(calls_that_open())


def calls_that_open() -> Iterator[tuple[str, int]]:
    opening = set(mentioning(*OPENS))
    for name, path in modules().items():
        for node in () if path not in opening else ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            modes = [
                one.value for one in (*node.args, *(k.value for k in node.keywords)) if isinstance(one, ast.Constant)
            ]
            writes = called == "open" and any(mode in ("wb", "w", "xb", "x", "ab", "a") for mode in modes)
            if called in OPENS and not writes:
                yield name, node.lineno


def test_no_other_module_opens_a_path():
    assert [f"{name}:{line}" for name, line in opened() if name not in KNOWN] == []


def test_every_named_module_still_opens_something():
    assert sorted(KNOWN - {name for name, _ in opened()}) == []
