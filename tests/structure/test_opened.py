"""Whoever takes a path opens regular files only: a pipe or a device would be waited for, or never end."""

import ast
from collections.abc import Iterator

from .test_imports import modules

OPENS = {"open", "read_text", "read_bytes", "read_excel", "read_csv", "read_ipc", "read_ipc_stream", "read_ndjson"} | {
    "read_parquet", "scan_csv", "scan_ipc", "scan_ndjson", "scan_parquet", "safe_open"
}  # fmt: skip
# The one place that opens what a user names, and those that check a path there before a library opens it.
CHECKED = {
    "core.disk.regular", "curate.read.formats.opened", "curate.read.formats.workbook", "curate.read.formats.tables",
    "evaluate.outputs.models", "evaluate.outputs.workers",
}  # fmt: skip
# Files in the folders of runs, in jobs and caches, and others that Tuneworth writes.
WRITTEN = {
    "core.disk.appending", "core.disk.locks", "core.stored.reading", "evaluate.endpoints.sent", "curate.decision_log",
    "curate.export", "curate.jobs.files", "curate.jobs.storage", "curate.plan.measure", "curate.run_files",
    "train.checkpoint", "train.hosted.client", "train.hosted.weights", "train.model.adapter", "train.model.merge",
    "train.model.provenance", "evaluate.endpoints.store", "evaluate.outputs.batches", "project.demo.measuring",
    "project.evaluation.judgements", "project.evaluation.verdicts", "project.history.cache", "project.history.index",
    "project.run",
}  # fmt: skip
# What comes with Tuneworth, what the system has, and what is no file on a disk.
BROUGHT = {
    "core.install", "core.machine", "core.streams", "core.stored.run_files", "curate.jobs.curate",
    "curate.read.formats.records",
    "train.model.memory", "evaluate.risks.forgetting", "reports.page", "project.curation.cluster_curate",
    "project.demo.example", "project.evaluation.gate_paths", "project.serving.request", "review.server.server",
}  # fmt: skip
# After `is_file`: what is beside the project, to compare or to look through.
PASSED_OVER = {"project.create", "project.history.keeping", "train.trial.checks"}
KNOWN = CHECKED | WRITTEN | BROUGHT | PASSED_OVER


def opened() -> Iterator[tuple[str, int]]:
    """The module and line of each call that opens a path to read."""
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
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
