"""An evaluation of outputs that were collected elsewhere: no model, no training, any tool's outputs."""

from pathlib import Path
from typing import Any

from ..core import ConfigError, DataError, Talk, nearest
from ..curate import DataSettings, read_pairs
from ..evaluate import (
    AUTO,
    EvaluateSettings,
    Raw,
    Surroundings,
    Variant,
    check_roi,
    evaluate_outputs,
    is_tuned_name,
    read_outputs,
    read_roi,
    write_evaluated,
)
from ..style import read_style
from .project import Project, read_project
from .runs import Stopwatch, read_run, start_run, test_set_uses, update_run
from .stages import need_style, write_pairs

__all__ = ["evaluate_collected"]


def evaluate_collected(
    project_path: Path | None, pairs_path: Path | None, outputs: tuple[str, ...], style_path: Path | None, out: Path | None,
    baseline: str | None, candidate: str | None, talk: Talk,
    *, allow_code: bool = False,
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Judge collected outputs; the run folder and the results. A project's [roi], [style] and [data] apply where given."""
    project = read_project(project_path, allow_code=allow_code) if project_path is not None else None
    if pairs_path is None or not outputs or out is None:
        raise ConfigError(
            "collected outputs need all of --pairs FILE, --outputs NAME=FILE (once for each variant) and --out DIR"
        )
    need_style(project, style_path)
    files = _named(outputs)
    settings = project.evaluate if project is not None else None
    first, second = _roles(list(files), baseline, candidate, settings)
    style = read_style(style_path, allow_code=allow_code) if style_path else project.style  # type: ignore[union-attr]
    roi = read_roi(project.roi) if project is not None and project.roi is not None else None
    if roi is not None and first in files and second in files:
        known = dict.fromkeys([*files, *(settings.variants if settings else ())])
        check_roi(roi, list(known), required=[first, second])
    watch = Stopwatch()
    raw_pairs = read_pairs(pairs_path, _data(project, pairs_path))
    if raw_pairs.rows_read > len(raw_pairs.pairs):
        talk.note(
            f"warning: {raw_pairs.rows_read - len(raw_pairs.pairs)} lines of {pairs_path} cannot be read and are left out"
        )
    for warning in raw_pairs.warnings:
        talk.note(f"warning: {warning['text']}")
    pairs = raw_pairs.pairs
    if not len(pairs):
        raise DataError(f"{pairs_path} holds no pairs")
    ids = pairs["id"].to_list()
    read = [_raw(name, file, ids, talk, candidate=second, settings=settings) for name, file in files.items()]
    if out.exists() and not (out / "run.json").is_file() and any(out.iterdir()):
        raise ConfigError(f"{out} is there already and is no run of Tuneworth; name another folder")
    config = dict(project.resolved) if project is not None else {}
    name = project.name if project else pairs_path.stem
    start_run(out, talk, config=config, command="tuneworth evaluate --pairs", name=name)
    fingerprint, uses = test_set_uses(out, pairs["id"].to_list())
    inputs = [("pairs", pairs_path), *((f"outputs of {name}", file) for name, file in files.items())]
    own = project.inputs if project is not None else []
    inputs += [entry for entry in own if style_path is None or entry[0] != "style"]
    inputs += [("style", style_path)] if style_path is not None else []
    update_run(out, inputs=inputs, test_set=fingerprint, test_set_used=uses)
    facts = read_run(out)
    keys = ("versions", "seed", "inputs", "hardware", "seconds", "test_set_used", "command")
    around = Surroundings(
        provenance={key: facts[key] for key in keys}, project=facts["project"], created=facts["created"]
    )
    margin = settings.margin if settings else EvaluateSettings().margin
    evaluated = evaluate_outputs(
        pairs, read, style, baseline=first, candidate=second, margin=margin, roi=roi, around=around, seed=talk.seed
    )
    write_pairs(pairs, out)
    write_evaluated(evaluated, out)
    update_run(out, seconds={"evaluate": watch.seconds()})
    return out, evaluated.results


def _named(outputs: tuple[str, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for text in outputs:
        name, sign, file = text.partition("=")
        if not sign or not name or not file:
            raise ConfigError(f'--outputs "{text}": expected NAME=FILE, such as tuned=outputs.jsonl')
        if name in files:
            raise ConfigError(f'--outputs names the variant "{name}" twice')
        files[name] = Path(file)
    places = [file.resolve() for file in files.values()]
    for name, place in zip(files, places, strict=True):
        if places.count(place) > 1:
            same = " and ".join(f'"{other}"' for other, at in zip(files, places, strict=True) if at == place)
            raise ConfigError(f"--outputs: {same} are one file, {files[name]}; each variant has its own outputs")
    return files


def _raw(
    name: str, file: Path, ids: list[str], talk: Talk, *, candidate: str, settings: EvaluateSettings | None
) -> Raw:
    """A file's outputs as a variant; the model is what the lines say, where all say the same."""
    outputs = read_outputs(file, variant=name, ids=ids, say=lambda words: talk.note(f"note: {words}"))
    models = outputs["model"].drop_nulls().unique().sort().to_list()
    model = models[0] if len(models) == 1 else None
    tuned = _is_tuned(name, model, candidate, settings)
    return Raw(Variant(name, "outputs", file=file, tuned=tuned), outputs, model=model)


def _is_tuned(name: str, model: str | None, candidate: str, settings: EvaluateSettings | None) -> bool:
    """As the project says, where it knows the variant; else the candidate, and what is called so or by a model called so."""
    if settings is not None and name in settings.named:
        return settings.is_tuned(name)
    return name == candidate or is_tuned_name(name) or (model is not None and is_tuned_name(model))


def _roles(
    names: list[str], baseline: str | None, candidate: str | None, settings: EvaluateSettings | None
) -> tuple[str, str]:
    """Which variant is the baseline and which the candidate: as told, as the project says, or by name and order."""
    for role, given in (("--baseline", baseline), ("--candidate", candidate)):
        if given is not None and given not in names:
            raise ConfigError(f'{role} "{given}" is none of the variants; {nearest(given, names)}')
    usual = "prompted" if settings is None or settings.baseline == AUTO else settings.baseline
    untuned_first = sorted(names, key=is_tuned_name)
    first = baseline or _default(usual, untuned_first, other=candidate or (settings.candidate if settings else "tuned"))
    second = candidate or _default(settings.candidate if settings else "tuned", names, other=first)
    if first == second:
        raise ConfigError(f'"{first}" cannot be both the baseline and the candidate')
    return first or "", second or ""


def _default(usual: str, names: list[str], *, other: str | None) -> str | None:
    """The usual name where it takes part, else the first that has no role yet; None where there is none."""
    free = [name for name in names if name != other]
    return usual if usual in free else next(iter(free), None)


def _data(project: Project | None, pairs: Path) -> DataSettings:
    if project is None:
        return DataSettings(path=str(pairs))
    from dataclasses import replace

    return replace(project.data, path=str(pairs))
