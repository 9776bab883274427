"""A base model in 4 bits (QLoRA): a quarter of the memory for its weights, on NVIDIA GPUs.

Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023: weights as NF4 with doubly quantised scales,
products in bf16 (fp32 where the GPU has none), the adapter in fp32. Embeddings, norms and the head stay as they are; the
norms need no fp32 of their own, for transformers computes them in fp32 whatever they are stored in.
"""

from importlib.util import find_spec
from typing import Any

from ..style.errors import ModelError

__all__ = ["check_quantised", "four_bits"]


def check_quantised() -> None:
    """Check that a model can be loaded in 4 bits here.

    Raises: ModelError with everything that is missing.
    """
    import torch

    missing = []
    if not torch.cuda.is_available():
        missing.append("an NVIDIA GPU (torch sees none)")
    if find_spec("bitsandbytes") is None:
        missing.append("bitsandbytes (pip install 'tuneworth[qlora]')")
    if missing:
        raise ModelError(
            f"quantised = true needs {' and '.join(missing)}.\n"
            "Without it: quantised = false, and gradient_checkpointing = true or a smaller model where memory is short."
        )


def four_bits(compute: Any) -> Any:
    """The setting with which transformers loads a model's linear layers in 4 bits, the head left out.

    `compute` is the torch type of products.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )
