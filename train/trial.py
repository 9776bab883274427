"""Real steps run before a fit: how long they take and what they keep in memory, extrapolated to any other part."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from ..core import is_out_of_memory
from .batches import Batch
from .examples import Example
from .loss import LossPath, chunk_rows, summed_loss
from .model.attention import LONGEST
from .model.hardware import MemoryAtHand
from .model.kernels import lora_layers, recomputed
from .settings import TrainSettings

MARGIN = 1.15  # what a fit is assumed to need relative to its forecast, which is accurate to about a tenth
# Between its tensors the C library's allocator keeps unusable fragments: resident memory grew by 1.1 to 1.36 times
# the tensors' size (two models, two number formats, 64 to 3,162 tokens). The GPU's allocator is made for tensors.
FRAGMENTED = {"cpu": 1.2, "cuda": 1.1}
EAGER = 4  # tensors of a row's tokens x tokens that unfused attention keeps: scores, caps, shares
# In bf16 on a CPU, oneDNN builds a kernel for every product of a new shape, about 25 for each part's number of tokens,
# and keeps the last 1,024 of them; resident memory grew by 0.6 to 0.75 MB with each.
KERNELS_EACH, MOST_KERNELS, KERNEL_BYTES = 25, 1024, 700_000
COPIES = 5  # of the adapter's size in fp32: weights, gradients, two moments of Adam, the best adapter so far


@dataclass(frozen=True)
class Work:
    """The work of one part of a batch: tokens computed, labels, and tokens x keys of attention.

    `squares` are those tokens x keys that are kept for the backward pass: none with a fused kernel.
    """

    computed: int
    attended: int
    squares: int
    labels: int


@dataclass(frozen=True)
class Step:
    """One real step: its work, its seconds without and within the optimizer, and the memory its forward pass kept."""

    work: Work
    seconds: float
    optimizer_seconds: float
    kept_bytes: int


@dataclass(frozen=True)
class Measured:
    """What a trial measured, for another one with fewer or other pairs: its steps, and seconds per token without gradients.

    `basis` is what it holds for: the model, its number format, and settings that change the work of a step. `checks` are
    those of the model that need its losses. `seconds` is how long all that took.
    """

    basis: tuple[Any, ...]
    steps: tuple[Step, ...]
    forward_rate: float | None
    checks: tuple[Any, ...]
    seconds: float


@dataclass(frozen=True)
class MemoryForecast:
    """The peak of a fit in bytes, its parts, and the memory available beyond what the process already uses.

    `now_bytes` is program and model; `adapter_bytes` adapter, gradients, optimizer and best copy; `activation_bytes`
    the memory the heaviest part keeps for its backward pass; `logit_bytes` that of the loss; `kernel_bytes` that of
    oneDNN's compiled kernels. `longest_part` is the heaviest part's tokens.
    """

    peak_bytes: int
    now_bytes: int
    adapter_bytes: int
    activation_bytes: int
    logit_bytes: int
    kernel_bytes: int
    longest_part: int
    at_hand_bytes: int
    limit: str

    @property
    def wanted_bytes(self) -> int:
        """The memory the fit will need beyond what the process uses."""
        return self.peak_bytes - self.now_bytes

    @property
    def fits(self) -> bool:
        """Whether that is available with some margin."""
        return self.wanted_bytes * MARGIN <= self.at_hand_bytes


@dataclass(frozen=True)
class Sizes:
    """The sizes of a model with its adapter that determine time and memory."""

    parameters: int
    trainable: int
    linear: int  # weights of the layers that carry the adapter
    layers: int
    heads: int
    head_size: int
    hidden: int
    vocabulary: int
    bytes_each: int  # of one activation

    @classmethod
    def of(cls, adapted: Any) -> "Sizes":
        """Those of a peft model."""
        base: Any = adapted.get_base_model()
        config: Any = base.config.get_text_config()
        heads = getattr(config, "num_attention_heads", None) or 1
        trainable = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
        layers: Any = lora_layers(adapted)
        linear = sum(layer.in_features * layer.out_features for layer in layers)
        return cls(
            parameters=sum(p.numel() for p in adapted.parameters()) - trainable, trainable=trainable, linear=linear,
            layers=config.num_hidden_layers, heads=heads,
            head_size=getattr(config, "head_dim", None) or config.hidden_size // heads, hidden=config.hidden_size,
            vocabulary=base.get_input_embeddings().weight.shape[0], bytes_each=base.dtype.itemsize,
        )  # fmt: skip


@dataclass
class Trial:
    """Steps run with an adapter that is discarded afterwards; mutable because it collects the measurements."""

    adapted: Any
    path: LossPath
    settings: TrainSettings
    planned_steps: int
    now_bytes: int
    at_hand: MemoryAtHand
    steps: list[Step] = field(default_factory=list)
    forward_rate: float | None = None  # seconds per token of computing a loss without gradients, once measured

    def __post_init__(self) -> None:
        self.again = bool(self.steps)  # they are those of an earlier trial
        self.sizes = Sizes.of(self.adapted)
        self.parameters = [p for p in self.adapted.parameters() if p.requires_grad]
        # A rate of 0: all the work is done and nothing is learnt, so the losses are those of the untuned model.
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0.0, weight_decay=0.0, fused=True)

    @property
    def cuda(self) -> bool:
        """Whether the model is on a GPU."""
        return self.path.base.device.type == "cuda"

    # --- work ---------------------------------------------------------------------------------------------------

    def work(self, examples: Sequence[Example]) -> Work:
        """The work of these examples as one part."""
        return self._work(self.path.batch(examples))

    def _work(self, batch: Batch) -> Work:
        layout, eager = batch.layout, self.path.base.config._attn_implementation == "eager"
        if layout is not None:
            attended = layout.rows * layout.longest * (layout.shared + layout.longest) + layout.shared**2
            kept = 1 if layout.longest <= LONGEST and not self.cuda else 0
        else:
            attended, kept = batch.rows * batch.ids.shape[-1] ** 2, EAGER if eager else 0
        return Work(batch.computed, attended, kept * attended, len(batch.labels))

    def operations(self, work: Work) -> float:
        """Multiplications and additions of a step: forward, and back to the inputs and the adapter."""
        s = self.sizes
        head = work.labels if self.path.parts is not None else work.computed
        tokens = work.computed * (4 * s.linear + 6 * s.trainable)
        attention = 12 * work.attended * s.layers * s.heads * s.head_size
        return float(tokens + attention + 4 * head * s.vocabulary * s.hidden)

    # --- steps --------------------------------------------------------------------------------------------------

    def has_run(self, examples: Sequence[Example]) -> bool:
        """Whether an earlier trial had a step with at least the work of these examples."""
        work = self.work(examples)
        return self.again and any(
            step.work.computed >= work.computed and step.work.squares >= work.squares for step in self.steps
        )

    def step(self, examples: Sequence[Example], *, as_fitted: bool = True) -> bool:
        """One real step on these examples, measured; False if it ran out of memory.

        `as_fitted` is False if activations are to be kept whatever the settings say, so that they can be measured.
        """
        self.adapted.train()
        again = as_fitted and self.settings.gradient_checkpointing
        try:
            with recomputed(self.path.base) if again else nullcontext():
                self.steps.append(self._step(self.path.batch(examples), counted=not again))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.optimizer.zero_grad()
            return False
        return True

    def _step(self, batch: Batch, *, counted: bool) -> Step:
        start = time.perf_counter()
        with kept_bytes(self.adapted) if counted else nullcontext({}) as kept:
            loss = self.path.loss(batch).total
        (loss / len(batch.labels)).backward()
        self._wait()
        middle = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._wait()
        return Step(self._work(batch), middle - start, time.perf_counter() - middle, sum(kept.values()))

    def _wait(self) -> None:
        """Wait until the GPU has finished."""
        if self.cuda:
            torch.cuda.synchronize()

    def measure_forward(self, examples: Sequence[Example]) -> None:
        """Set `forward_rate` by computing the loss of these examples."""
        self.adapted.eval()
        start = time.perf_counter()
        summed_loss(self.path, examples, size=len(examples))
        self._wait()
        self.adapted.train()
        self.forward_rate = (time.perf_counter() - start) / sum(len(example.ids) for example in examples)

    def seconds(self, work: Work) -> float:
        """A part's time, estimated from the operations per second of the latest steps."""
        known = self.steps[2:] or self.steps[-1:]  # the first ones are of a single short pair
        return self.operations(work) * sum(s.seconds for s in known) / sum(self.operations(s.work) for s in known)

    # --- memory -------------------------------------------------------------------------------------------------

    def memory(self, work: Work, *, checkpointing: bool | None = None) -> MemoryForecast:
        """The peak memory of a fit whose heaviest part is this work."""
        s = self.sizes
        each = 4 * s.trainable  # bytes of one copy of the adapter
        kept, layer = self._kept(work, self.settings.gradient_checkpointing if checkpointing is None else checkpointing)
        if self.path.parts is not None:  # logits of a chunk: in the model's format, in fp32, and their softmax
            logits = min(chunk_rows(s.vocabulary, cuda=self.cuda), work.labels) * s.vocabulary * (s.bytes_each + 8)
        else:  # logits everywhere and their gradient, and in fp32 at the labels
            logits = s.vocabulary * (2 * work.computed * s.bytes_each + 12 * work.labels)
        activations = int(kept * FRAGMENTED["cuda" if self.cuda else "cpu"] + layer)
        # A checkpoint is assembled in memory, after the activations are freed.
        most = max(activations + logits, 0 if self.cuda else COPIES * each)
        jit = not self.cuda and self.path.base.dtype == torch.bfloat16
        kernels = min(MOST_KERNELS, KERNELS_EACH * self.planned_steps) * KERNEL_BYTES if jit else 0
        return MemoryForecast(
            peak_bytes=self.now_bytes + COPIES * each + most + kernels, now_bytes=self.now_bytes,
            adapter_bytes=COPIES * each, activation_bytes=activations, logit_bytes=logits, kernel_bytes=kernels,
            longest_part=work.computed,
            at_hand_bytes=self.at_hand.bytes, limit=self.at_hand.limit,
        )  # fmt: skip

    def _kept(self, work: Work, checkpointing: bool) -> tuple[float, float]:
        """The memory a part keeps for its backward pass, and that of one layer while it is processed."""
        per_token, per_square = self._rates()
        kept = per_token * work.computed + per_square * work.squares
        layer = kept / self.sizes.layers
        if checkpointing:  # each layer's input, plus one layer at a time with its gradients
            inputs = work.computed * self.sizes.hidden * self.sizes.bytes_each * self.sizes.layers
            return inputs + layer, layer
        return kept, layer / 2  # stored activations are freed as the gradients are computed

    def _rates(self) -> tuple[float, float]:
        """Bytes kept per computed token, from the measured steps, and per token x key: one share for each head."""
        s = self.sizes
        per_square = s.layers * s.heads * s.bytes_each
        known = [step for step in self.steps if step.kept_bytes]
        rest = sum(max(0, step.kept_bytes - per_square * step.work.squares) for step in known)
        return rest / sum(step.work.computed for step in known), per_square


@contextmanager
def kept_bytes(model: Any) -> Iterator[dict[int, int]]:
    """Bytes of each memory block that forward passes in the block keep for their backward pass, by address.

    The model's own weights, which are in memory anyway, are excluded.
    """
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    found: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield found
