"""Shared by tests of locally generated outputs: an adapter with an effect, and the batches in a store."""

import json
from pathlib import Path
from typing import Any

from tuneworth.train.model.kernels import attach_adapter, detach_adapter


def adapter_of(loaded: Any, folder: Path) -> Path:
    """An adapter with an effect, as written by peft."""
    import torch

    adapted = attach_adapter(loaded.model, rank=4, alpha=8, seed=5, name="tiny")
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(folder, save_embedding_layers=False)
    detach_adapter(loaded.model)
    return folder


def finished(store: Path) -> list[tuple[int, int]]:
    """The complete batches in the store."""
    found = []
    for line in store.read_bytes().splitlines():
        try:
            table = json.loads(line)
        except ValueError:
            continue
        found.append((table["batch"], table["sample"]))
    return found
