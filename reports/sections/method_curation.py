"""How curating compares, drops and divides, with the terms of the trade."""

from collections.abc import Mapping
from typing import Any

from ...core import unbroken as say
from .method_entry import MethodEntry, number

__all__ = ["curation_entries"]


def curation_entries(data: Mapping[str, Any]) -> list[MethodEntry]:
    """The entries about the data of a run; [] where nothing was curated."""
    if not data:
        return []
    near = data.get("near_duplicate") or {}
    threshold, recall = near.get("threshold"), near.get("expected_recall")
    limit = f"{threshold:g}" if number(threshold) else "the stated one"
    found = "The search is exact: every pair at or above the threshold is found, none is estimated."
    if near.get("method") == "candidates":
        share = f" ({say.percent(recall)} expected to be found)" if number(recall) else ""
        found = (
            "Candidates come from MinHash bands and are then counted exactly, so what is named is alike; some pairs may be "
            f"missed{share}. The search of the certificate is exact at any size."
        )
    left_out = " and without the identifiers" if data.get("identifiers") else ""
    tied = (data.get("certificate") or {}).get("siblings_tied_from")
    siblings = (
        f"Alike inputs with other facts are siblings; from a similarity of {tied:g} on they stay together (where nobody states "
        "otherwise, the lowest at which no set of tied rows grows beyond a fifth of all). "
        if number(tied)
        else ""
    )
    return [
        MethodEntry(
            "alike",
            "What counts as alike",
            (
                "Two texts are as alike as the Jaccard similarity of their sets of character 5-grams, after NFKC, case folding "
                f"and single spaces{left_out}; alike from {limit} on. {found}",
                "Pairs whose numbers, units, codes or field values differ are different examples, however alike they read: they "
                "are never called duplicates.",
            ),
        ),
        MethodEntry(
            "split",
            "Leaving and splitting",
            (
                "A row leaves as a duplicate only for a row that is kept and that it repeats itself, never through a chain. A "
                "row whose output breaks a must rule leaves train and validation; in test it stays, so that not only easy "
                "requests are tested.",
                f"{siblings}Rows of one group, and rows alike with the same facts, are on one side. The order of the rows "
                "decides nothing. What tied rows weigh is Kish's (Σn)²/Σn² over sets of tied rows (1965), a lower end.",
            ),
        ),
    ]
