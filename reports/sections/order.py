"""The order in which variants are shown: the compared two, then the others, each repaired one beside its origin."""

from ..stored import StoredRun

__all__ = ["MOST_VARIANTS", "compared_variants", "other_variants", "shown_order"]

MOST_VARIANTS = 4  # with more, charts and tables show the compared two, and the others where there is room


def shown_order(run: StoredRun) -> list[str]:
    """All scored variants: baseline and candidate first."""
    return [*compared_variants(run), *other_variants(run)]


def compared_variants(run: StoredRun) -> list[str]:
    """The baseline and the candidate, as far as they were scored."""
    return [name for name in (run.baseline, run.candidate) if name in run.variants]


def other_variants(run: StoredRun) -> list[str]:
    """The variants that are not compared: those with the highest share first, each repaired one before its origin."""
    others = [name for name in run.variants if name not in (run.baseline, run.candidate)]
    families: dict[str, list[str]] = {}
    for name in others:
        origin = run.origins(name)[0] if run.way(name) == "repair" else name
        families.setdefault(origin, []).append(name)
    ordered = sorted(families.values(), key=lambda names: -max(_share(run, name) for name in names))
    return [name for names in ordered for name in sorted(names, key=lambda name: -_share(run, name))]


def _share(run: StoredRun, name: str) -> float:
    share = (run.results["quality"][name].get("acceptable") or {}).get("share")
    return -1.0 if share is None else share
