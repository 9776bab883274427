"""Updates a run's verdict: its stored outputs, judged by the current settings and style. Nothing is generated."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from msgspec import structs

from ...core import DataError, damage, home_of, say
from ...curate import read_tested, tested_files
from ...evaluate import Evaluated, EvaluateSettings, Outcomes, Raw, read_lines, read_raws, with_judgements, write_scored
from ...evaluate.results import ChangedSetting, Provenance, Results
from ...style import StyleSchema
from ..gather.gathering import TRAIN_OUTPUTS, train_outcomes
from ..load import counts_tokens, local_counter
from ..project import PROJECT_FILE, Project, read_project
from ..run import Run
from ..runs import provenance_of, with_files
from .collected import collected_inputs, collected_style, evaluate_collected
from .evaluate import evaluate_in_project, run_context
from .gates import evaluate_gates, parse_gate
from .judgements import count_people, recount_judgements, with_people_named
from .verdicts import Changes, keep_evaluated, stated_by, unapplied

LATER = "it takes effect with new outputs, from `tuneworth evaluate`"


@dataclass(frozen=True)
class Today:
    """The evaluation of a run's outputs by the current settings.

    stated: the settings that it follows. inputs: their files, as (role, path). waiting: changed keys that only take effect
    with new outputs.
    """

    evaluated: Evaluated
    stated: Mapping[str, Any]
    inputs: Sequence[tuple[str, Path]]
    waiting: Sequence[str] = ()


def decide_again(run: Run, *, allow_code: bool = False) -> Changes:
    """Judge the stored outputs of a run by the current settings and style, and keep its earlier verdict.

    Returns what changed since the last verdict, as `{key, from, to}`, and prints it. A run whose project or style is missing
    keeps its results, with a note.

    Raises: ConfigError if the project has errors; DataError if files of the run are damaged.
    """
    try:
        today = evaluate_again(run, allow_code=allow_code)
    except ElsewhereError as error:
        run.talk.note(f"note: the verdict is the stored one: {error}")
        _recount_people(run)
        return []
    results = _with_people(run, today.evaluated)
    if run.results is not None and run.results.gates:
        gates = [parse_gate(gate.gate) for gate in run.results.gates]
        results = structs.replace(results, gates=evaluate_gates(gates, results))
    evaluated = replace(today.evaluated, results=results)
    changed = keep_evaluated(run, evaluated, today.stated, write=write_scored)
    if changed:
        run.update(inputs=today.inputs)
    for line in (*map(change_line, changed), *(f"{key}: not applied yet; {LATER}" for key in today.waiting)):
        run.talk.note(line)
    return changed


def change_line(change: ChangedSetting) -> str:
    """One change in words: the key, its old and its new value."""
    if change.key == "style":
        return "changed: the style; the outputs are scored by its current rules"
    return f"changed: {change.key} from {_value(change.from_)} to {_value(change.to)}"


def _value(value: Any) -> str:
    if value is None:
        return "not stated"
    return say.stated(value) if isinstance(value, int | float) and not isinstance(value, bool) else json.dumps(value)


class ElsewhereError(DataError):
    """The project or the style that a run was judged by is not where it was."""


def evaluate_again(run: Run, *, roi: Mapping[str, Any] | None = None, allow_code: bool = False) -> Today:
    """The evaluation of a run's outputs by the current settings, with the keys of `roi` overriding those of [roi].

    Nothing is written. Raises: as `decide_again`; ElsewhereError if the project or the style is missing.
    """
    if (call := run.facts.get("judged")) is not None:
        return _collected(run, _with_roi(call, roi), roi, allow_code=allow_code)
    folder = home_of(run.folder.resolve()).parent.parent
    if not (folder / PROJECT_FILE).is_file():
        raise ElsewhereError(f"{home_of(run.folder)} is not in a project, a folder with {PROJECT_FILE}")
    project = _priced(read_project(folder, allow_code=allow_code), roi)
    opened = Run(run.folder, project=project, talk=run.talk)
    pairs, raws = _inputs(opened, project.evaluate, opened.style)
    context = replace(
        run_context(opened, tested=len(pairs), of=len(opened.test)),
        provenance=_provenance(opened, project.inputs), on_train=_on_train(opened, raws), **_measured(opened.results),
    )  # fmt: skip
    evaluated = evaluate_in_project(opened, pairs, raws, context)
    waiting = unapplied(opened.facts.get("config") or {}, project)
    return Today(evaluated, stated_by(project, opened.style), project.inputs, waiting)


def _priced(project: Project, roi: Mapping[str, Any] | None) -> Project:
    return project if roi is None or project.roi is None else replace(project, roi={**project.roi, **roi})


def _with_roi(call: Mapping[str, Any], roi: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return call if roi is None or call["roi"] is None else {**call, "roi": {**call["roi"], **roi}}


def _collected(run: Run, call: Mapping[str, Any], roi: Mapping[str, Any] | None, *, allow_code: bool) -> Today:
    home = home_of(run.folder)
    places = {key: home / call[key] for key in ("project", "style", "money") if call.get(key) is not None}
    for key, place in places.items():
        if not place.exists():
            raise ElsewhereError(f"its {key} is no longer at {place}")
    if not {"project", "style"} & places.keys():
        raise ElsewhereError("its style was passed in Python and is in no file")
    project = None
    if "project" in places:
        project = _priced(read_project(places["project"], allow_code=allow_code), roi)
    money, stated_style = places.get("money"), places.get("style")
    if money is not None:
        call = {**call, "roi": roi}
    style = collected_style(project, stated_style, allow_code=allow_code)
    opened = Run(run.folder, project=project, talk=run.talk)
    pairs, raws = _inputs(opened, None, style)
    files = collected_inputs(project, None if stated_style is None else style, money)
    evaluated, stated = evaluate_collected(
        opened, pairs, raws, call, project=project, style=style, money=money, provenance=_provenance(opened, files)
    )
    return Today(evaluated, stated, files)


def _inputs(run: Run, settings: EvaluateSettings | None, style: StyleSchema) -> tuple[pl.DataFrame, list[Raw]]:
    """The tested pairs and the variants with their outputs, in the order of the outputs."""
    raws = read_raws(
        run.folder / "evaluate", settings=settings, counter=local_counter if counts_tokens(style) else None
    )
    ids = raws[0].outputs["id"].unique(maintain_order=True) if raws else pl.Series("id", [], dtype=pl.String)
    pairs = ids.to_frame("id").join(read_tested(run.folder), on="id", how="left", maintain_order="left")
    if (gone := pairs.filter(pl.col("input").is_null())).height:
        file, kind = run.folder / "evaluate" / "outputs.jsonl", "evaluate/outputs.jsonl"
        tested = tested_files(run.folder)[0].relative_to(run.folder)
        raise damage(file, kind, f'it answers "{gone["id"][0]}", which is not among the tested pairs ({tested})')
    if pairs["id"].is_duplicated().any():
        raise DataError(f"{tested_files(run.folder)[0]}: an id occurs twice")
    return pairs, raws


def _provenance(run: Run, files: Iterable[tuple[str, Path]]) -> Provenance:
    """The provenance of the results, with the current fingerprints of these inputs."""
    before = None if run.results is None else run.results.provenance
    return with_files(before or provenance_of({}), run.folder, files)


def _measured(results: Results | None) -> dict[str, Any]:
    """Findings that do not depend on the settings: data, training, forgetting, omitted rivals."""
    if results is None:
        return {}
    return {
        "data": results.data,
        "training": results.training,
        "forgetting": next(
            (risk for risk in results.risks if risk.id == "forgetting" and risk.areas is not None), None
        ),
        "leaked": [found for found in results.integrity if found.what == "leaked"],
        "left_out": [(row.name, row.why or "") for row in results.rivals if not row.measured],
    }


def _on_train(run: Run, raws: Sequence[Raw]) -> Outcomes | None:
    """The outcomes of the candidate's stored outputs for train pairs, by the current style; None if there are none."""
    file, risks = run.folder / TRAIN_OUTPUTS, () if run.results is None else run.results.risks
    measured = any(risk.id == "overfitting" and risk.train is not None for risk in risks)
    tuned = next((raw for raw in raws if raw.variant.name == run.project.evaluate.candidate), None)
    if not measured or tuned is None or not file.is_file():
        return None
    outputs = read_lines(file)
    pairs = outputs.select("id").join(run.train, on="id", how="left", maintain_order="left")
    return train_outcomes(run, pairs, outputs, tuned.variant, count_tokens=tuned.count_tokens)


def _with_people(run: Run, evaluated: Evaluated) -> Results:
    """The results with people's judgements: counted again, or as before if the outputs that people saw have changed."""
    from ...reports import read_run

    lines = evaluated.outputs.unique(["id", "variant"], keep="first", maintain_order=True).iter_rows(named=True)
    outputs = {(line["id"], line["variant"]): line for line in lines}
    try:
        judged = count_people(run, lambda: replace(read_run(run.folder), results=evaluated.results, outputs=outputs))
    except DataError as error:
        run.talk.note(_as_before(error))
        judged = None
    judged = judged or (None if run.results is None else run.results.judgements)
    if judged is None:
        return evaluated.results
    return with_judgements(with_people_named(run, evaluated.results), judged)


def _recount_people(run: Run) -> None:
    """Count people's judgements of a run that keeps its verdict."""
    try:
        recount_judgements(run)
    except DataError as error:
        run.talk.note(_as_before(error))


def _as_before(error: DataError) -> str:
    return f"note: people's judgements are as counted before ({str(error).partition(chr(10))[0]})"
