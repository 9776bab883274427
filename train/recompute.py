"""Activations that are computed again in the backward pass: memory for time (`gradient_checkpointing`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..style.errors import ConfigError

__all__ = ["recomputed"]


@contextmanager
def recomputed(model: Any) -> Iterator[None]:
    """Keep only each layer's input while the block lasts, and compute the rest again when its gradients are wanted.

    Only where the model is in training mode and gradients are on; the loss and its gradients stay as they are, and so
    do the fast paths. Raises ConfigError where the model's layers cannot do so.
    """
    if not model.supports_gradient_checkpointing:
        raise ConfigError(
            f"{type(model).__name__} knows no gradient checkpointing.\nSet gradient_checkpointing = false."
        )
    model.activation_checkpointing_enable({"use_reentrant": False})
    model.disable_input_require_grads()  # only the older, re-entrant way needs gradients at the embeddings
    try:
        yield
    finally:
        model.activation_checkpointing_disable()
