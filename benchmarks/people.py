"""Measures how far styles agree with people, on the rated outputs of the E2E and the WebNLG challenges.

Run: python benchmarks/people.py E2E WEBNLG; it writes benchmarks/people.md. E2E is a checkout of the public repository
tuetschek/e2e-eval, WEBNLG one of abevieiramota/challenge-webnlg (of which only data/webnlg2017 is read). Each style,
benchmarks/people_e2e.yaml and benchmarks/people_webnlg.yaml, was written with the rated outputs of every second request at
hand (development half); the other requests are the test half. Of the workers only counts of ratings are kept.
"""

import argparse
import datetime
import json
import re
import unicodedata
from importlib.metadata import version
from pathlib import Path

import polars as pl
from scipy.stats import spearmanr

from tuneworth.evaluate.statistics.agreement import people_agreement
from tuneworth.style import check_outputs, read_style

FOLDER = Path(__file__).parent
FEWEST_RATERS = 3
HALVES = {"all requests": None, "development half": 0, "test half": 1}
WEBNLG_RATINGS = "data/webnlg2017/webnlg-human-evaluation-master/all_data_final_scores_anonymised.csv"
MEANING_KEPT = "3"  # of the answers 1 to 3 to "Does the text correctly represent the meaning in the data?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("e2e", type=Path, nargs="?")
    parser.add_argument("webnlg", type=Path, nargs="?")
    options = parser.parse_args()
    if options.webnlg is None:
        print("Nothing was measured: name both checkouts.")
        return
    parts = [
        ("E2E NLG challenge", "tuetschek/e2e-eval", "people_e2e.yaml", read_e2e(options.e2e), E2E_ABOUT),
        ("WebNLG challenge 2017", "abevieiramota/challenge-webnlg", "people_webnlg.yaml", read_webnlg(options.webnlg),
         WEBNLG_ABOUT),
    ]  # fmt: skip
    text = "\n".join([*_head(), *(line for part in parts for line in _part(*part))])
    (FOLDER / "people.md").write_text(text, encoding="utf-8")
    print(text)


# --- ratings ------------------------------------------------------------------------------------------------------


def read_e2e(folder: Path) -> pl.DataFrame:
    """One row per rated output: request, half, system, output, fields, and the number of ratings and of failed ones."""
    table = pl.read_csv(folder / "human_ratings" / "quality.csv", infer_schema=False)
    columns = [
        table.select(request="mr", number="mr_id", system=f"sys{n}", output=f"ref{n}", rating=f"check{n}")
        for n in range(1, 6)
    ]
    ratings = pl.concat(columns).drop_nulls(["system", "output", "rating"])
    rated = _counted(ratings.with_columns(half=pl.col("number").cast(pl.Int64) % 2), pl.col("rating") != "ok")
    fields = [dict(re.findall(r"(\w[\w ]*)\[([^\]]*)\]", request)) for request in rated["request"]]
    return rated.with_columns(input="request", fields=_as_json(fields))


def read_webnlg(folder: Path) -> pl.DataFrame:
    """The same for triples, in which the names and the outputs are brought to one form."""
    table = pl.read_csv(folder / WEBNLG_RATINGS, infer_schema=False).filter(pl.col("X_worker_id") != "na")
    ratings = table.select(
        request="mr", system="team", output=pl.col("text").fill_null(""), rating="semantic_adequacy"
    ).with_columns(half=(pl.col("request").rank("dense") - 1) % 2)
    rated = _counted(ratings, pl.col("rating") != MEANING_KEPT)
    triples = [[triple.split(" | ") for triple in request.split("<br>")] for request in rated["request"]]
    return rated.with_columns(
        output=pl.Series([plain(text) for text in rated["output"]]),
        input=pl.Series([plain(request.replace("<br>", " ")) for request in rated["request"]]),
        fields=_as_json([triple_fields(found) for found in triples]),
    )


def _counted(ratings: pl.DataFrame, failed: pl.Expr) -> pl.DataFrame:
    outputs = ratings.group_by("request", "half", "system", "output", maintain_order=True)
    return outputs.agg(raters=pl.len().cast(pl.Int64), fails=failed.sum().cast(pl.Int64)).filter(
        pl.col("raters") >= FEWEST_RATERS
    )


def _as_json(fields: list[dict[str, list[str]]] | list[dict[str, str]]) -> pl.Series:
    return pl.Series([json.dumps(found, ensure_ascii=False) for found in fields])


def triple_fields(triples: list[list[str]]) -> dict[str, list[str]]:
    """Triples as fields: `names` of all subjects and objects, `relations`, and each relation with its objects.

    >>> triple_fields([["Adare_Manor", "isPartOf", "Munster,_Ireland"]])
    {'names': ['adare manor', 'munster'], 'relations': ['is part of'], 'is part of': ['munster']}
    """
    fields: dict[str, list[str]] = {"names": [], "relations": []}
    for subject, relation, value in triples:
        name = plain(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", relation))
        fields["names"] += [*names_of(subject), *names_of(value)]
        fields["relations"].append(name)
        fields.setdefault(name, []).extend(names_of(value))
    return {name: list(dict.fromkeys(filter(None, values))) for name, values in fields.items()}


def names_of(text: str) -> list[str]:
    """The parts of a quoted literal, or an entity without what DBpedia adds to its name to make it unique.

    >>> names_of('"Gram flour, vegetables"'), names_of("Bolt_(comicsCharacter)"), names_of("Austin,_Texas")
    (['gram flour', 'vegetables'], ['bolt'], ['austin'])
    """
    if text.startswith('"'):
        return [plain(part) for part in re.split(r", | and ", text.replace('"', ""))]
    entity = re.sub(r"(?<=.),_.*$", "", re.sub(r"_?\(.*?\)$", "", text.strip()))
    return [plain(entity or text)]


def plain(text: str) -> str:
    """Small letters without accents, single spaces, and no marks but those within numbers.

    Some systems' outputs come in that form, others with a space around every mark.

    >>> plain("J. V. Jones' 523 . 9 kilometres"), plain("Herald-Examiner (1914-15)")
    ('j v jones 523.9 kilometres', 'herald examiner 1914-15')
    """
    letters = unicodedata.normalize("NFKD", text.replace("_", " ")).lower()
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    joined = re.sub(r"(?<=\d) ?([./-]) ?(?=\d)", r"\1", letters)
    return " ".join(re.sub(r"[^\w\s./%$-]|(?<!\d)[./-]|[./-](?!\d)", " ", joined).split())


# --- tables -------------------------------------------------------------------------------------------------------

E2E_ABOUT = (
    'Workers rated each output as "ok", "missing" or "added" information; all but *ok* fail. Fields are the attributes of '
    "a meaning representation."
)
WEBNLG_ABOUT = (
    f'Workers answered "Does the text correctly represent the meaning in the data?" with 1 to 3; all but {MEANING_KEPT} '
    "fail. It is harder: there are 163 relations, most of them in one or two requests, and a text is wrong as well if it "
    "joins the right names by the wrong relation or in the wrong direction. Fields of a triple set: `names` (all subjects "
    "and objects, without disambiguation such as *(film)* and *, Texas*; quoted lists as their parts), `relations`, and "
    "each relation in words (*birth place*) with its objects, so that a rule with `when` asks how a relation is said. Names "
    "and outputs are compared without accents and marks, since every system has its own tokens. Rules cannot say which of "
    "two names a relation starts from."
)


def _head() -> list[str]:
    return [
        "# Agreement of styles with people",
        "",
        f"{datetime.date.today():%Y-%m-%d}, polars {version('polars')}. `python benchmarks/people.py E2E WEBNLG`: outputs with "
        f"at least {FEWEST_RATERS} ratings. An output fails for people if most of its ratings fail, and for a style if it "
        "breaks a rule; outputs on which people are evenly divided are left out. Ranges are 95% intervals by request "
        "(`evaluate/statistics/agreement.py`). *The same majority* compares style and person over the same decisions. "
        "Each style was written with the rated outputs of every second request at hand (development half); of the test "
        "half, only the figures below were seen, and of WebNLG 30 outputs of any half while the reader was written.",
        "",
    ]


def _part(title: str, source: str, style: str, rated: pl.DataFrame, about: str) -> list[str]:
    table = scored(rated, style)
    requests, systems = (table[column].n_unique() for column in ("request", "system"))
    counts = f"{len(table):,} outputs, {systems} systems, {requests} requests ({source}); style `{style}`."
    return [f"## {title}", "", counts, "", about, "", *_agreement(table), "", *_systems(table), ""]


def scored(rated: pl.DataFrame, style: str) -> pl.DataFrame:
    """The rated outputs with `style` (fails) and `majority` (fails; null: as many ratings for as against)."""
    table = rated.select("output", "fields", "input")
    failed = ~check_outputs(table, read_style(FOLDER / style)).shares()["acceptable"]
    half = 2 * pl.col("fails") - pl.col("raters")
    return rated.with_columns(style=failed, majority=pl.when(half != 0).then(half > 0))


def agreement_on(table: pl.DataFrame) -> dict:
    """The style against people, as the report of a run measures it."""
    yes, raters = (table["raters"] - table["fails"]).to_numpy(), table["raters"].to_numpy()
    found = people_agreement(~table["style"].to_numpy(), yes, raters, table["request"].to_list())
    assert found is not None
    return found


def _agreement(rated: pl.DataFrame) -> list[str]:
    lines = [
        "| requests | compared | decisions | agreement | kappa | precision, recall of *fails* |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, half in HALVES.items():
        part = rated if half is None else rated.filter(pl.col("half") == half)
        found = agreement_on(part)
        unanimous = part.filter((pl.col("fails") == 0) | (pl.col("fails") == pl.col("raters")))
        for what, measured in (("style, majority", found), ("style, unanimous outputs", agreement_on(unanimous))):
            classes = f"{measured['precision']['share']:.1%}, {measured['recall']['share']:.1%}"
            share, kappa = measured["agreement"]["share"], measured["kappa"]
            lines.append(_line(name, what, measured["n"], share, kappa, classes))
        raters = found["raters"]
        for who, what in (("one_person", "one person, majority of the others"), ("rules", "style, the same majority")):
            lines.append(_line(name, what, raters["decisions"], raters[who]["agreement"], raters[who]["kappa"]))
    return lines


def _line(name: str, what: str, count: int, share: float, kappa: dict[str, float], classes: str = "") -> str:
    ends = f"{kappa['value']:.2f} ({kappa['low']:.2f} to {kappa['high']:.2f})"
    return f"| {name} | {what} | {count:,} | {share:.1%} | {ends} | {classes} |"


def _systems(rated: pl.DataFrame) -> list[str]:
    """The systems by their share of acceptable outputs."""
    table = rated.drop_nulls("majority").group_by("system").agg(
        n=pl.len(), style=1 - pl.col("style").mean(), people=1 - pl.col("majority").mean()
    ).sort("people", "system", descending=True)  # fmt: skip
    rho = spearmanr(table["style"], table["people"]).statistic
    lines = [f"Spearman's correlation over {len(table)} systems: {rho:.2f}.", ""]
    lines += ["| system | outputs | acceptable: people | acceptable: style |", "|---|---:|---:|---:|"]
    return lines + [f"| {name} | {n} | {people:.1%} | {style:.1%} |" for name, n, style, people in table.iter_rows()]


if __name__ == "__main__":
    main()
