"""Evaluates outputs that were collected with any tool, without a model or training."""

import json
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ...core import (
    ConfigError,
    Console,
    DataError,
    Fix,
    Limits,
    carry,
    changing,
    home_of,
    open_regular,
    say,
    write_whole,
)
from ...curate import (
    DataSettings,
    RawPairs,
    copied_in_train,
    file_stamps,
    is_curated,
    read_frame,
    read_pairs,
    unchanged,
)
from ...evaluate import (
    NO_MODEL,
    Evaluated,
    Raw,
    RunContext,
    Variant,
    evaluate_outputs,
    made_from,
    read_outputs,
)
from ...evaluate.results import COLLECTED, Provenance, Way
from ...style import StyleSchema, read_style
from ..project import PROJECT_FILE, Project, plain, read_project
from ..run import Run, console_for
from ..runs import Stopwatch, check_place, from_run, provenance_of, read_run, start_run, test_set_uses
from .finish import finish_evaluation
from .gate_paths import gates_for
from .roles import judged_by, read_money, with_settings
from .verdicts import keep_evaluated, stated_by


def judge_outputs(
    pairs: Any,
    outputs: Mapping[str, Any],
    style: str | Path | StyleSchema | None = None,
    *,
    project: str | Path | None = None,
    input: str | Sequence[str] | None = None,
    output: str | None = None,
    id: str | None = None,
    group: str | None = None,
    baseline: str | None = None,
    candidate: str | None = None,
    roi: Mapping[str, Any] | None = None,
    money: str | Path | None = None,
    margin: float | None = None,
    repair: Mapping[str, Fix] | None = None,
    limits: Mapping[str, str | int] | None = None,
    gates: Sequence[str] = (),
    out: str | Path | None = None,
    allow_code: bool = False,
    seed: int | None = None,
    talk: Console | None = None,
) -> Run:
    """Judge collected outputs on the same test pairs: the run with its results, verdict and report.

    `pairs` and each value of `outputs` (by the name of its variant) are paths or tables, as for `curate_pairs`; `input`,
    `output`, `id` and `group` name the columns of the pairs. Outputs have the columns `id` and `output`, or the names that
    these have in the pairs, and may have more (docs/collected.md). A list or Series of texts is taken in the order of the
    pairs; two pandas objects with the same labels are matched by label. The sections [style], [data], [evaluate] and [roi]
    of a `project` apply; `roi`, or the [roi] table of the TOML file `money`, stands in place of its [roi]. The `baseline`
    is usually `prompted`, the `candidate` `tuned`. `margin` is the non-inferiority margin (a share). `repair` states for a
    variant whether the style repairs its outputs first, `limits` how much a file may hold, as in [data.limits]. Everything
    is written to the folder `out`, by default a new temporary one.

    Raises: ConfigError or DataError for errors in project, style, pairs or outputs.
    """
    talk = console_for(talk, seed)
    opened = None if project is None else read_project(Path(project), allow_code=allow_code)
    schema = collected_style(opened, style, allow_code=allow_code)
    sources = {name: Path(source) if isinstance(source, str) else source for name, source in outputs.items()}
    _check_distinct(sources)
    names, rules = list(sources), [check.id for check in schema.checks]
    conditions = gates_for(gates, variants=names, candidate=candidate or names[-1], rules=rules)
    if money is not None:
        if roi is not None:
            raise ConfigError("the costs are stated twice, as roi and as money; pass one of them")
        money = Path(money)
        roi = read_money(money)  # before any other file is read
    own = {"baseline": baseline, "candidate": candidate, "margin": margin, "repair": dict(repair or {})}
    call: dict[str, Any] = {**own, "roi": None if roi is None else dict(roi)}
    judged_by(list(sources), call, opened)  # so that errors are reported before any file is read
    watch, named = Stopwatch(), {"input": input, "output": output, "id": id, "group": group}
    data = _reading(opened, named, limits)
    pairs = list(pairs) if isinstance(pairs, Iterator) else pairs
    files = [("pairs", pairs), *((f"outputs of {name}", source) for name, source in sources.items())]
    stamps = file_stamps(source for _, source in files)
    with unchanged(stamps):  # so that the fingerprints are of what was read
        table, read = _read_all(pairs, sources, data, {name: named[name] for name in ("id", "output")}, talk)
    folder = Path(tempfile.mkdtemp(prefix="tuneworth-")) / "judged" if out is None else Path(out)
    check_place(folder)
    with changing(folder, afresh=True) as stage:
        with unchanged(stamps):
            run = _start(stage, opened, files, schema if style is not None else None, money, talk)
        fingerprint, uses = test_set_uses(run.folder, table["id"].to_list())
        places = _places(run, opened, None if style is None else schema)
        if money is not None:  # read again whenever the verdict is renewed
            places |= {"roi": None, "money": from_run(run.folder, money)}
        run.update(test_set=fingerprint, test_set_used=uses, judged=plain(call | places))
        _write_pairs(table, run.folder)
        provenance = provenance_of(run.facts)
        evaluated, stated = evaluate_collected(
            run, table, read, call, project=opened, style=schema, money=money, provenance=provenance
        )  # fmt: skip
        keep_evaluated(run, evaluated, stated)
        run.update(seconds={"evaluate": watch.seconds()})
        error = finish_evaluation(run, conditions)
    judged = Run(folder, project=opened, talk=talk)
    judged.gate_error = error
    return judged


def _read_all(
    pairs: Any, sources: Mapping[str, Any], data: DataSettings, columns: Mapping[str, str | None], talk: Console
) -> tuple[pl.DataFrame, list[Raw]]:
    """The test pairs, and the outputs of each variant."""
    raw = _pairs(pairs, DataSettings(path="", limits=data.limits) if _is_curated(pairs) else data, talk)
    stated = {name: column for name, column in columns.items() if column}
    read = [
        _raw(
            name, _texts_by_id(source, name, pairs, raw), raw, talk, columns=stated, made=_made(name, sources),
            limits=data.limits,
        )
        for name, source in sources.items()
    ]  # fmt: skip
    return raw.pairs, read


def _places(run: Run, project: Project | None, style: StyleSchema | None) -> dict[str, Any]:
    """The paths of the project and the stated style, relative to the run."""
    return {
        "project": None if project is None else from_run(run.folder, project.folder / PROJECT_FILE),
        "style": None if style is None or style.path is None else from_run(run.folder, style.path),
    }


def evaluate_collected(
    run: Run, pairs: pl.DataFrame, raws: Sequence[Raw], call: Mapping[str, Any], *, project: Project | None,
    style: StyleSchema, money: Path | None, provenance: Provenance,
) -> tuple[Evaluated, dict[str, Any]]:  # fmt: skip
    """The evaluation of collected outputs by the settings of the `call` and of `money`, else of the project; and these."""
    if money is not None:
        call = {**call, "roi": {**read_money(money), **(call["roi"] or {})}}
    names = [raw.variant.name for raw in raws]
    rules, repairs = judged_by(names, call, project)
    settings = None if project is None else project.evaluate
    own = [with_settings(raw, repairs, rules["candidate"], settings) for raw in raws]
    curated = bool(run.curation)  # these pairs are a split of it
    before = () if run.results is None else run.results.integrity
    context = RunContext(
        train=run.train if curated else None, copied=copied_in_train(run.folder) if curated else (),
        leaked=[found for found in before if found.what == "leaked"],
        provenance=provenance, project=run.facts["project"], created=run.facts["created"],
        identifiers=() if project is None else project.data.identifiers,
    )  # fmt: skip
    with run.talk.progress("scoring"):
        evaluated = evaluate_outputs(pairs, own, style, **rules, context=context, seed=run.seed)
    stated = {
        "roi": plain(call["roi"]),
        **{f"evaluate.{key}": call[key] for key in ("baseline", "candidate", "margin")},
    }
    stated |= {f"evaluate.{name}.repair": repair for name, repair in call["repair"].items()}
    return evaluated, stated_by(project, style, {key: value for key, value in stated.items() if value is not None})


def collected_style(
    project: Project | None, style: str | Path | StyleSchema | None, *, allow_code: bool
) -> StyleSchema:
    """The style, with the values that the project's newest run knows.

    Raises: ConfigError if neither the project nor the caller gives one, or it is invalid.
    """
    if isinstance(style, StyleSchema):
        return style
    if style is not None:
        return read_style(Path(style), allow_code=allow_code)
    if project is None:
        raise ConfigError("no style is given\nPass --style STYLE.yaml, which defines a good output.")
    try:
        return Run(project.folder, project=project).style
    except DataError:  # nothing was curated yet, so only these pairs have values
        return project.style


def _check_distinct(sources: Mapping[str, Any]) -> None:
    """Raises: ConfigError if two variants have the same file."""
    places = {name: source.resolve() for name, source in sources.items() if isinstance(source, Path)}
    for name, place in places.items():
        same = [f'"{other}"' for other, at in places.items() if at == place]
        if len(same) > 1:
            raise ConfigError(
                f"--outputs: {' and '.join(same)} are the same file, {sources[name]}; give each variant its own outputs"
            )


def _reading(
    project: Project | None, columns: Mapping[str, Any], limits: Mapping[str, str | int] | None
) -> DataSettings:
    """How to read the pairs: by the project's [data], overridden by the given `columns` and `limits`."""
    stated = {name: value for name, value in columns.items() if value is not None}
    given = stated.get("input")
    if given is not None and not isinstance(given, str):
        stated["input"] = tuple(given)
    data = replace(DataSettings(path="") if project is None else project.data, **stated)
    try:
        return replace(data, limits=data.limits.but(limits))
    except ValueError as error:
        raise ConfigError(f"limits: {error}") from None


def _pairs(pairs: Any, data: DataSettings, talk: Console) -> RawPairs:
    """The test pairs; unreadable rows are reported. Raises: DataError if there are none."""
    path = Path(pairs) if isinstance(pairs, str | Path) else None
    where = "the table of pairs" if path is None else path
    raw = read_frame(pairs, data) if path is None else read_pairs(path, replace(data, path=str(path)))
    unanswered = int((raw.rejected["rule"] == "empty_output").sum())
    if unanswered:
        talk.note(f"warning: {where}: left out {say.count(unanswered, 'row')} without an output to compare with")
    if unread := raw.rows_read - len(raw.pairs) - unanswered:
        talk.note(f"warning: {where}: left out {say.count(unread, 'row')} that cannot be read")
    for warning in raw.warnings:
        talk.note(f"warning: {warning['text']}")
    if not len(raw.pairs):
        raise DataError(f"{where} has no pairs")
    return raw


def _is_curated(pairs: Any) -> bool:
    """Whether the pairs are a split written by curation, so that the columns in [data], of the raw file, do not apply."""
    if not isinstance(pairs, str | Path):
        first = pairs[0] if isinstance(pairs, list) and pairs and isinstance(pairs[0], Mapping) else ()
        # In an Arrow table or a Dataset, `columns` are the columns themselves, and `column_names` their names.
        return is_curated(getattr(pairs, "column_names", getattr(pairs, "columns", first)))
    try:
        with open_regular(Path(pairs)) as file:
            first = json.loads(file.readline())
    except (DataError, OSError, ValueError):  # a folder of parts, or an error that its reader will report
        return False
    return isinstance(first, dict) and is_curated(first)


def _start(
    folder: Path,
    project: Project | None,
    sources: Sequence[tuple[str, Any]],
    style: StyleSchema | None,
    money: Path | None,
    talk: Console,
) -> Run:
    """The run in a folder, with the fingerprints of its inputs; `style` and `money` are given in place of the project's.

    The run stays the one that curated these pairs, if it did.
    """
    pairs, home, earlier = sources[0][1], home_of(folder.resolve()), {}
    if isinstance(pairs, str | Path) and Path(pairs).resolve().is_relative_to(home):
        carry(folder, "curate/")
        earlier = read_run(home)
    stem = Path(pairs).stem if isinstance(pairs, str | Path) else "pairs"
    config = {**earlier.get("config", {}), **(project.resolved if project is not None else {})}
    kept = {key: earlier[key] for key in ("curated", "data_guide") if key in earlier}
    name = project.name if project is not None else stem
    start_run(folder, talk, config=config, command=COLLECTED, name=name, **kept)
    given = [(role, Path(source)) for role, source in sources if isinstance(source, str | Path)]
    run = Run(folder, project=project, talk=talk)
    run.update(inputs=[*given, *collected_inputs(project, style, money)])
    return run


def collected_inputs(project: Project | None, style: StyleSchema | None, money: Path | None) -> list[tuple[str, Path]]:
    """(role, file) of what the outputs are judged by; a given `style` replaces the project's."""
    inputs = [] if project is None else project.inputs
    files = [*(entry for entry in inputs if style is None or entry[0] != "style"), *(style.sources if style else [])]
    return files if money is None else [*files, ("money", money)]


def _raw(
    name: str,
    source: Any,
    raw: RawPairs,
    talk: Console,
    *,
    columns: Mapping[str, str],
    made: tuple[Way, tuple[str, ...]],
    limits: Limits,
) -> Raw:
    """A variant's outputs, with the model that the lines name if they all agree."""
    outputs = read_outputs(
        source, variant=name, ids=raw.pairs["id"].to_list(), inputs=raw.pairs["input"].to_list(),
        also=raw.rejected["id"].drop_nulls().to_list(), columns=columns, limits=limits,
        say=lambda words: talk.note(f"note: {words}"),
    )  # fmt: skip
    models = outputs["model"].drop_nulls().unique().sort().to_list()
    model = models[0] if len(models) == 1 else None
    file = source if isinstance(source, Path) else None
    way, of = made
    return Raw(Variant(name, "outputs", file=file, way=way, of=of), outputs, model=model)


def _made(name: str, names: Collection[str]) -> tuple[Way, tuple[str, ...]]:
    """How a variant is made, and from which ones, if it has a name that Tuneworth itself gives."""
    return made_from(name, names) or (name if name in NO_MODEL else "model", ())


def _write_pairs(pairs: pl.DataFrame, run: Path) -> None:
    """`evaluate/pairs.jsonl`: the pairs of a run that was not curated here, in canonical form."""
    lines = []
    for row in pairs.iter_rows(named=True):
        row["fields"] = json.loads(row["fields"]) if row["fields"] else None
        row["meta"] = json.loads(row["meta"]) if row["meta"] else None
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_whole(run / "evaluate" / "pairs.jsonl", "".join(lines))


# --- outputs without ids: matched by order, or by the labels of a pandas index ---------------------------------------


def _texts_by_id(source: Any, variant: str, pairs: Any, raw: RawPairs) -> Any:
    """The texts of a list or Series as a table with `id` and `output`; anything else unchanged.

    `raw` is what was read from `pairs`. Two pandas objects with the same labels are matched by label, whatever their order.

    Raises: DataError if there are not as many texts as rows, or the labels of the two indexes differ.
    """
    if not _is_texts(source):
        return source
    texts = _by_labels(source, variant, pairs) if hasattr(source, "iloc") and hasattr(pairs, "iloc") else list(source)
    if len(texts) != raw.rows_read:
        raise DataError(
            f"the outputs of {variant}: {say.count(len(texts), 'text')} for {say.count(raw.rows_read, 'pair')}\n"
            "Pass a text for each pair, in the same order, or a table with the columns id and output."
        )
    # Rows that are not pairs were left out, so a pair's text is found by its row number.
    return [{"id": id, "output": _text(texts[row - 1])} for id, row in raw.pairs.select("id", "row").iter_rows()]


def _is_texts(source: Any) -> bool:
    if isinstance(source, pl.Series) or (hasattr(source, "iloc") and not hasattr(source, "columns")):
        return True
    first = next((value for value in source if value is not None), None) if isinstance(source, list | tuple) else None
    return isinstance(first, str)


def _by_labels(series: Any, variant: str, pairs: Any) -> list[Any]:
    """The values of a pandas Series in the order of the rows of a pandas table."""
    if series.index.equals(pairs.index):
        return list(series)
    if not series.index.is_unique or not pairs.index.is_unique or set(series.index) != set(pairs.index):
        raise DataError(
            f"the outputs of {variant}: their index has different labels from that of the pairs\n"
            "Pass .to_list() if they are in the order of the pairs."
        )
    return list(series.reindex(pairs.index))


def _text(value: Any) -> Any:
    """The value, or None for the missing values of pandas."""
    missing = value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
    return None if missing else value
