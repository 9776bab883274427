"""The roles, margin, costs and repairs by which collected outputs are judged."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from ...core import ConfigError, Fix, nearest, read_toml
from ...evaluate import (
    AUTO,
    EvaluateSettings,
    Raw,
    VariantSettings,
    check_roi,
    is_tuned_name,
    read_roi,
    with_price_path,
)
from ..project import Project, exact


def judged_by(
    names: list[str], call: Mapping[str, Any], project: Project | None
) -> tuple[dict[str, Any], dict[str, Fix]]:
    """The arguments of a comparison (roles, margin, settings, costs), and the repair of each variant.

    Raises: ConfigError for settings that do not match the variants.
    """
    settings = None if project is None else project.evaluate
    first, second = _roles(names, call["baseline"], call["candidate"], settings)
    money = None if project is None else project.roi_settings
    if call["roi"] is not None:
        money = read_roi(exact(call["roi"]))
    if money is not None and first in names and second in names:
        known = dict.fromkeys([*names, *(settings.variants if settings else ())])
        check_roi(money, list(known), required=[first, second], whole=names)
    usual = settings or EvaluateSettings()
    margin = usual.margin if call["margin"] is None else call["margin"]
    rules = {"baseline": first, "candidate": second, "margin": margin, "settings": usual, "roi": money}
    return rules, _repairs(names, call["repair"], settings)


def read_money(file: Path) -> Mapping[str, Any]:
    """The `[roi]` table of a TOML file, with the path of its price file resolved. Raises: ConfigError if it has none."""
    table = read_toml(file)
    if not isinstance(table.get("roi"), dict):
        raise ConfigError(f"{file} has no [roi] table; add one with the volume, the investment and prices")
    return with_price_path(table["roi"], file.parent) or {}


def with_settings(raw: Raw, repairs: Mapping[str, Fix], candidate: str, settings: EvaluateSettings | None) -> Raw:
    """The outputs with the settings of their variant: whether it is tuned, and how its outputs are repaired."""
    name = raw.variant.name
    tuned, how = _is_tuned(name, raw.model, candidate, settings), VariantSettings(repair=repairs[name])
    return replace(raw, variant=replace(raw.variant, tuned=tuned, settings=how))


def _repairs(names: list[str], stated: Mapping[str, Fix], settings: EvaluateSettings | None) -> dict[str, Fix]:
    """The repair of each variant: as stated, or as in the project. Raises: ConfigError for an unknown name or repair."""
    for name, repair in stated.items():
        if name not in names:
            raise ConfigError(f'repair of "{name}": it is not among the variants; {nearest(name, names)}')
        if repair not in get_args(Fix):
            raise ConfigError(f'repair of "{name}": unknown repair "{repair}"; {nearest(repair, list(get_args(Fix)))}')
    usual: dict[str, Fix] = {name: "off" if settings is None else settings.of(name).repair for name in names}
    return {**usual, **stated}


def _is_tuned(name: str, model: str | None, candidate: str, settings: EvaluateSettings | None) -> bool:
    """Whether a variant is tuned: by the project's settings for it, otherwise by its role, its name or its model."""
    if settings is not None and name in settings.named:
        return settings.is_tuned(name)
    return name == candidate or is_tuned_name(name) or (model is not None and is_tuned_name(model))


def _roles(
    names: list[str], baseline: str | None, candidate: str | None, settings: EvaluateSettings | None
) -> tuple[str, str]:
    """The baseline and the candidate: as given, as the project states, or by name and order."""
    for role, given in (("baseline", baseline), ("candidate", candidate)):
        if given is not None and given not in names:
            raise ConfigError(f'{role} "{given}" is not among the variants; {nearest(given, names)}')
    usual = "prompted" if settings is None or settings.baseline == AUTO else settings.baseline
    untuned_first = sorted(names, key=is_tuned_name)
    first = baseline or _default(usual, untuned_first, other=candidate or (settings.candidate if settings else "tuned"))
    second = candidate or _default(settings.candidate if settings else "tuned", names, other=first)
    if first == second:
        raise ConfigError(f'"{first}" cannot be both the baseline and the candidate')
    return first or "", second or ""


def _default(usual: str, names: list[str], *, other: str | None) -> str | None:
    """The usual name if it is available, else the first one that is; None if there is none."""
    free = [name for name in names if name != other]
    return usual if usual in free else next(iter(free), None)
