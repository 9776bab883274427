"""The ways to train of benchmarks/train.py, on given batches in a given order: ours, part by part, and its peers."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any

from tuneworth.train import LoadedModel
from tuneworth.train.examples import Example
from tuneworth.train.loss import LossPath, fast_paths, split_head
from tuneworth.train.model.kernels import attach_adapter, detach_adapter

# isort: split
import torch

__all__ = [
    "BATCH",
    "ONLY_BFLOAT16",
    "PARTS_OF_A_STEP",
    "RANK",
    "RATE",
    "Course",
    "Work",
    "ours",
    "peft_loop",
    "transformers_trainer",
    "trl_best",
    "trl_defaults",
    "trl_padding_free",
]

BATCH, RANK, RATE = 8, 16, 1e-3


@dataclass(frozen=True)
class Work:
    """What each way is given: the same examples, batches and steps."""

    model: LoadedModel
    examples: Sequence[Example]
    order: Sequence[Sequence[int]]

    @property
    def batches(self) -> list[list[Example]]:
        return [[self.examples[i] for i in rows] for rows in self.order]


@dataclass
class Course:
    """Seconds, loss and tokens that went through the model, of each step."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)


def ours(given: Work, *, rank: int = RANK) -> Course:
    """What `fit` does at each step."""
    with ExitStack() as stack:
        adapted = attach_adapter(given.model.model, rank=rank, alpha=2 * rank, seed=0, name=given.model.name)
        stack.callback(detach_adapter, given.model.model)
        path, _ = stack.enter_context(fast_paths(adapted, given.examples))
        return own_loop(adapted, path, given)


def peft_loop(given: Work) -> Course:
    """peft's layers and the library's attention in a loop of our own: logits at the labels only, padding, no mask."""
    adapted = attach_adapter(given.model.model, rank=RANK, alpha=2 * RANK, seed=0, name=given.model.name)
    base = adapted.get_base_model()
    return own_loop(adapted, LossPath(base, split_head(base, given.examples[0])), given)


def own_loop(adapted: Any, path: LossPath, given: Work) -> Course:
    """Optimizer steps over the given batches."""
    parameters = [p for p in adapted.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, fused=True)
    course = Course()
    adapted.train()
    for chosen in given.batches:
        started = time.perf_counter()
        batch = path.batch(chosen)
        loss = path.loss(batch).total / len(batch.labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        course.losses.append(loss.item())
        course.seconds.append(time.perf_counter() - started)
        course.computed.append(batch.computed)
    return course


def unchunked(hidden: Any, head: Any, labels: Any, *, bias: Any = None) -> tuple[Any, Any]:
    """The loss at the labels by the library's own functions, all logits at once."""
    logits = torch.nn.functional.linear(hidden, head, bias).float()
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    return each.sum(), each.detach()


def nothing(*_: Any, **__: Any) -> Any:
    return nullcontext(0)


# Label, whose module is changed, and what stands under a name there instead.
PARTS_OF_A_STEP: list[tuple[str, Any, dict[str, Any]]] = [
    ("**ours**", fast_paths, {}),
    ("padded rows, the library's attention", fast_paths, {"sequence_attention": lambda *_, **__: nullcontext()}),
    ("the library's norms", fast_paths, {"fast_norms": nothing}),
    ("peft's LoRA", fast_paths, {"replace_forward": lambda _: 0}),
    ("logits at every position", fast_paths, {"split_head": lambda *_: None}),
    ("logits of all labels at once", LossPath._label_losses, {"label_loss": unchunked}),
    ("activations computed again", None, {}),
]
ONLY_BFLOAT16 = ("peft's LoRA",)


def transformers_trainer(given: Work) -> Course:
    """`transformers.Trainer` on peft's model, its padding collator, no gradient checkpointing."""
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    adapted = attach_adapter(given.model.model, rank=RANK, alpha=2 * RANK, seed=0, name=given.model.name)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(**trainer_settings(given, folder))
        collator = DataCollatorForSeq2Seq(given.model.tokenizer, padding=True)
        trainer = Trainer(adapted, arguments, train_dataset=dataset(given), data_collator=collator)
        return trainer_course(trainer)


def trl_defaults(given: Work) -> Course:
    """`SFTTrainer` as it comes: it loads the model, casts to bf16 as it goes, computes activations again."""
    return trl(given)


def trl_best(given: Work) -> Course:
    """bf16 weights, activations kept; like lengths in a batch, which the given order brings."""
    return trl(given, bf16=False, gradient_checkpointing=False, model_init_kwargs={"dtype": "bfloat16"})


def trl_padding_free(given: Work) -> Course:
    """The same with each batch in one row."""
    return trl(
        given, bf16=False, gradient_checkpointing=False, model_init_kwargs={"dtype": "bfloat16"}, padding_free=True,
        max_length=None,
    )  # fmt: skip


def trl(given: Work, **settings: Any) -> Course:
    """`SFTTrainer` with labels at the outputs only: the same loss as everyone's."""
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    with tempfile.TemporaryDirectory() as folder:
        prepared = {"dataset_kwargs": {"skip_prepare_dataset": True}, "completion_only_loss": True}
        arguments = SFTConfig(**trainer_settings(given, folder), **prepared, **settings)
        lora = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
        torch.manual_seed(0)
        trainer = SFTTrainer(
            str(given.model.path), arguments, train_dataset=dataset(given), processing_class=given.model.tokenizer,
            peft_config=lora,
        )  # fmt: skip
        return trainer_course(trainer)


def trainer_settings(given: Work, folder: str) -> dict[str, Any]:
    """What the peers' trainers are told alike: the same steps, batches in order, nothing saved or sent."""
    return {
        "output_dir": folder, "use_cpu": True, "max_steps": len(given.order), "per_device_train_batch_size": len(given.order[0]),
        "learning_rate": RATE, "lr_scheduler_type": "constant", "weight_decay": 0.0, "max_grad_norm": 1.0, "seed": 0,
        "train_sampling_strategy": "sequential", "logging_steps": 1, "save_strategy": "no", "report_to": "none",
        "disable_tqdm": True, "dataloader_pin_memory": False, "remove_unused_columns": False,
    }  # fmt: skip


def dataset(given: Work) -> Any:
    """The examples in the order in which they are trained."""
    from datasets import Dataset

    ordered = [example for batch in given.batches for example in batch]
    masked = [[-100] * e.prompt_tokens + list(e.ids[e.prompt_tokens :]) for e in ordered]
    return Dataset.from_dict({"input_ids": [list(e.ids) for e in ordered], "labels": masked})


def trainer_course(trainer: Any) -> Course:
    """Train, with a clock around each step and each batch's size noted."""
    from transformers import TrainerCallback

    course = Course()

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.started = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            course.seconds.append(time.perf_counter() - self.started)

    collate = trainer.data_collator

    def noting(features: list[dict[str, Any]]) -> Any:
        batch = collate(features)
        course.computed.append(batch["input_ids"].numel())
        return batch

    trainer.data_collator = noting
    trainer.add_callback(Clock())
    trainer.train()
    course.losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    course.computed = course.computed[: len(course.seconds)]
    return course
