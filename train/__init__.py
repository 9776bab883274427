"""Splits in, LoRA adapter out; torch and transformers are imported at first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .render import chat_messages, render_prompt
from .settings import TrainSettings
from .threads import set_waiting

set_waiting()  # before torch is first imported

if TYPE_CHECKING:
    from .examples import drop_long, pair_notices, preview, token_lengths
    from .fitting import TrainResult, fit
    from .loop import StepReport
    from .merging import MergeResult, merge
    from .model import LoadedModel, find_model, load_model, token_counter
    from .planning import Preflight, preflight
    from .provenance import CardFacts

__all__ = [
    "CardFacts",
    "LoadedModel",
    "MergeResult",
    "Preflight",
    "StepReport",
    "TrainResult",
    "TrainSettings",
    "chat_messages",
    "drop_long",
    "find_model",
    "fit",
    "load_model",
    "merge",
    "pair_notices",
    "preflight",
    "preview",
    "render_prompt",
    "token_counter",
    "token_lengths",
]

HEAVY = {
    "CardFacts": "provenance",
    "LoadedModel": "model",
    "MergeResult": "merging",
    "Preflight": "planning",
    "StepReport": "loop",
    "TrainResult": "fitting",
    "drop_long": "examples",
    "find_model": "model",
    "fit": "fitting",
    "load_model": "model",
    "merge": "merging",
    "pair_notices": "examples",
    "preflight": "planning",
    "preview": "examples",
    "token_counter": "model",
    "token_lengths": "examples",
}


def __getattr__(name: str) -> Any:
    if name not in HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{HEAVY[name]}", __name__), name)
