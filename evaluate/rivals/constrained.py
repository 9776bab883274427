"""The rival `NAME + constrained`: a variant that can only generate what the style's schema or pattern allows."""

from dataclasses import replace

from ...core import ConfigError
from ...style import StyleSchema
from ..variants import Variant, constraint_for
from .constraint import constraint_of
from .names import constrained_name

__all__ = ["constrained_rival", "may_be_constrained", "named_constrained"]


def constrained_rival(variant: Variant, style: StyleSchema) -> Variant:
    """The variant under the style's constraint.

    Raises: ConfigError with the reason if the style has none, or the variant's model cannot be held to it.
    """
    if variant.constraint is not None:
        raise ConfigError(f'"{variant.name}" is constrained already')
    if not (variant.local or variant.source == "endpoint"):
        raise ConfigError("existing outputs cannot be constrained")
    return replace(named_constrained(variant), constraint=constraint_for(style, local=variant.local))


def named_constrained(variant: Variant) -> Variant:
    """The rival's name and origin, without the constraint."""
    return replace(variant, name=constrained_name(variant.name), way="constrained", of=(variant.name,))


def may_be_constrained(variant: Variant, style: StyleSchema) -> bool:
    """Whether the style limits the whole output by a rule, so that the rival is worth a line even if it is not measured."""
    try:
        return variant.constraint is None and constraint_of(style) is not None
    except ConfigError:
        return True
