"""The packages and models that training and evaluation need on this machine, and checks of a project's paths."""

from collections.abc import Callable, Sequence
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ..core import Console, DataError, ModelError, install_command
from ..evaluate import RUN_ADAPTER, check_rivals, check_roi, plan_variants
from ..style import StyleSchema
from .project import PROJECT_FILE, Project

if TYPE_CHECKING:
    from ..train import LoadedModel

NO_PAIRS = pl.DataFrame(schema=dict.fromkeys(("id", "group", "input", "output", "system"), pl.String))


def check_project(project: Project, *, train: bool) -> None:
    """Check everything that the later stages need, before the first one starts.

    Raises: ConfigError, DataError or ModelError for the first missing thing.
    """
    path = project.folder / project.data.path
    if not path.exists() and not glob(str(path)):  # noqa: PTH207 - the pattern may be absolute
        raise DataError(f"no file of pairs at {path}\nCorrect path under [data] in {project.folder / PROJECT_FILE}.")
    # This opens guides and outputs files; the adapter does not exist yet.
    plan_variants(project.evaluate, folder=project.folder, style=project.style, train=NO_PAIRS, adapter=Path("adapter"))
    check_rivals(project.evaluate)
    check_costs(project)
    if train:
        need_training(project)


def check_costs(project: Project) -> None:
    """Check the costs of the variants that are compared: the candidate and all that may become the baseline.

    Raises: ConfigError if [roi] lacks something.
    """
    settings = project.evaluate
    if (roi := project.roi_settings) is not None:
        whole = [name for name in settings.variants if settings.of(name).source == "outputs"]
        check_roi(roi, settings.variants, required=[*settings.contenders, settings.candidate], whole=whole)


def runs_here(project: Project) -> tuple[bool, bool]:
    """Whether the model of [train] has to run on this machine, and whether an adapter has to be trained for it."""
    variants = {name: project.evaluate.of(name) for name in project.evaluate.variants}
    local = {name: variant for name, variant in variants.items() if variant.source is None}
    trains = any(v.adapter == RUN_ADAPTER or (n == "tuned" and v.adapter is None) for n, v in local.items())
    return trains or any(variant.model is None for variant in local.values()), trains


def lacks_for_training() -> list[str]:
    """The packages for training that are not installed."""
    return [name for name in ("torch", "transformers", "peft") if find_spec(name) is None]


def missing_packages() -> ModelError | None:
    """The error that names the packages for training that are not installed; None if all are."""
    if not (missing := lacks_for_training()):
        return None
    return ModelError(f"training needs {', '.join(missing)}\nInstall with: {install_command('train')}")


def need_training(project: Project) -> None:
    """Check the packages and the models of the training stage.

    Raises: ModelError, or ConfigError for a tracker, with the exact command if one is missing.
    """
    if (missing := missing_packages()) is not None:
        raise missing
    from ..train import find_model, need_trackers

    if project.train.quantised:
        from ..train import check_quantised

        check_quantised()
    need_trackers(project.train.trackers)
    find_model(model_name(project))
    for name in project.evaluate.variants:
        variant = project.evaluate.of(name)
        if variant.source is None and variant.model is not None:
            find_model(str(folder) if (folder := project.folder / variant.model).is_dir() else variant.model)


def model_name(project: Project) -> str:
    """The model of `[train]`; a relative folder is resolved from the project, not from the current folder."""
    folder = project.folder / project.train.model
    return str(folder) if folder.is_dir() else project.train.model


def load(project: Project, talk: Console, name: str | None = None) -> "LoadedModel":
    """Load the project's model, or the model `name` of a variant, in the number format of `[train]`."""
    need_training(project)
    from ..train import TrainSettings, format_notices, load_model, set_threads

    embedded = name is None and project.train.model == TrainSettings().model
    first = " (the first use converts it, which takes about 20 s)" if embedded else ""
    talk.note(f"model: loading {name or project.train.model}{first}")
    set_threads()
    dtype = None if project.train.dtype == "auto" else project.train.dtype
    with talk.progress("model"):
        loaded = load_model(name or model_name(project), dtype=dtype, quantised=project.train.quantised)
    for notice in format_notices(loaded.model.dtype, device=loaded.model.device.type):
        talk.note(f"warning: {notice}")
    return loaded


def counts_tokens(style: StyleSchema) -> bool:
    """Whether a rule of the style limits lengths in tokens."""
    return any(getattr(check.parameters, "unit", None) == "tokens" for check in style.checks)


def local_counter(model: str) -> Callable[[Sequence[str]], Sequence[int]] | None:
    """The token counter of a model, if its tokenizer is on this machine; its weights are not loaded."""
    from ..train import token_counter

    try:
        return token_counter(model)
    except ModelError:
        return None
