"""The included example as a project folder, with the sizes of a demo."""

import shutil
from pathlib import Path

from ...core import ConfigError, write_whole
from ..project import PROJECT_FILE
from ..runs import OVERRIDES, SPLITS
from .sizing import MOST, DemoPlan

SHIPPED = "outputs"  # the example's folder with the outputs of a live demo, a file for each variant


def example_folder() -> Path:
    """The example's folder in the package."""
    from ...examples import example_path

    return example_path("components")


def recorded_outputs() -> dict[str, Path]:
    """The files with the outputs of a live demo, by variant."""
    return {file.stem: file for file in sorted((example_folder() / SHIPPED).glob("*.jsonl"))}


def check_example_folder(out: Path) -> bool:
    """Whether `out` already has the project of an earlier demo, possibly changed by the user.

    Raises: ConfigError if it has something else.
    """
    if (out / PROJECT_FILE).is_file():
        return True
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} already exists and is not a Tuneworth project; pass another folder with --out DIR")
    return False


def create_example(out: Path, plan: DemoPlan | None = None) -> None:
    """Copy the example project to `out` with the sizes of the plan; an existing project is kept.

    Without a plan, its variants are the recorded outputs of a live demo, so that no model is needed.

    Raises: ConfigError if `out` is something else.
    """
    if check_example_folder(out):
        return
    source = example_folder()
    out.mkdir(parents=True, exist_ok=True)
    skipped = {PROJECT_FILE, SPLITS, OVERRIDES}  # the last two appear when the example is curated in place
    for file in source.iterdir():
        if file.is_file() and file.name not in skipped:
            shutil.copyfile(file, out / file.name)
    text = (source / PROJECT_FILE).read_text(encoding="utf-8")
    if plan is None:
        shutil.copytree(source / SHIPPED, out / SHIPPED)
        text = _with_outputs(text)
        text = _stated(text, "evaluate", f"max_pairs = {MOST.test_pairs}", "the requests of the shipped outputs")
    else:
        why = f"{plan.reason()}; remove this line to use all pairs"
        text = _stated(text, "train", f"max_pairs = {plan.sizes.train_pairs}", why)
        rivals = "the maximum time for rivals, as a share of the run's own"
        text = _stated(text, "evaluate", f"rivals_time = {plan.rivals_time:g}", rivals)
        text = _stated(text, "evaluate", f"max_pairs = {plan.sizes.test_pairs}", why)
    write_whole(out / PROJECT_FILE, text)


def _stated(text: str, section: str, line: str, why: str) -> str:
    """The project file with this line, and a comment that explains it, at the start of a section."""
    return text.replace(f"[{section}]\n", f"[{section}]\n{line:<27}# {why}\n", 1)


def _with_outputs(text: str) -> str:
    """The project file with recorded outputs as its variants instead of tables that prompt a model."""
    head, _, rest = text.partition("[evaluate.prompted]\n")
    tables = "\n".join(f'[evaluate."{name}"]\noutputs = "{SHIPPED}/{name}.jsonl"\n' for name in recorded_outputs())
    return f"{head}{tables}\n{rest[rest.index('# The prices') :]}"
