"""`tuneworth demo`: the shipped example, live."""

import shutil
from pathlib import Path

import click

from ..core import Talk
from .options import common_options

__all__ = ["command"]

# What two cores train and judge in a few minutes; the project's file says so and can be changed.
TRAIN_PAIRS, TEST_PAIRS = 300, 80


@click.command("demo", epilog="Example:  tuneworth demo --out /tmp/demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("tuneworth-demo"),
    show_default=True,
    help="Where the project is put.",
)
@common_options
def command(out: Path, talk: Talk) -> None:
    """The shipped example, live, end to end, offline, on two CPU cores.

    Copies the project of catalogue lines for electronic parts, curates its 2,966 pairs, fits a LoRA on a sample of
    them, races it against the prompted model, and writes the report. Nothing is recorded: the numbers are what they are.
    """
    from .run import run_project

    prepare(out)
    talk.note(
        f"demo: the project is in {out}; {TRAIN_PAIRS} training and {TEST_PAIRS} test pairs, so that it ends in minutes"
    )
    run_project(out, talk)


def prepare(out: Path) -> None:
    """Copy the example project to `out` and limit its sizes; a project that is there already is left as it is.

    Raises: ConfigError where `out` is something else.
    """
    from ..core import ConfigError, write_whole
    from ..examples import example_path
    from ..project import OVERRIDES, PROJECT_FILE, SPLITS

    source = example_path("components")
    if (out / PROJECT_FILE).is_file():  # an earlier demo, perhaps with a change that its owner wants to see at work
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already and is no Tuneworth project; --out DIR names another folder")
    out.mkdir(parents=True, exist_ok=True)
    left_out = {PROJECT_FILE, SPLITS, OVERRIDES}  # the latter two are what curating it in place has left
    for file in source.iterdir():
        if file.is_file() and file.name not in left_out:
            shutil.copyfile(file, out / file.name)
    text = (source / PROJECT_FILE).read_text(encoding="utf-8")
    limits = {"[train]": TRAIN_PAIRS, "[evaluate]": TEST_PAIRS}
    for section, most in limits.items():
        text = text.replace(
            f"{section}\n",
            f"{section}\nmax_pairs = {most}            # the demo's sample; take the line out for all pairs\n",
            1,
        )
    write_whole(out / PROJECT_FILE, text)
