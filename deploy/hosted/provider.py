"""The interface of a provider of hosted training, and the values exchanged with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, Protocol

from ...core import Complaint
from .client import Client
from .rules import FileRules

__all__ = ["FileState", "JobRequest", "JobState", "Provider", "TrainingPrice", "Upload"]

CURRENCY = "USD"  # of every provider here


@dataclass(frozen=True)
class TrainingPrice:
    """A price per million training tokens, in USD, the minimum for a job, and the source and date of both."""

    per_million: Decimal
    source: str
    as_of: date | None = None
    minimum: Decimal = Decimal(0)


@dataclass(frozen=True)
class Upload:
    """A local file of chat lines, as it will be sent. Its name at the provider is derived from its content."""

    role: Literal["train", "validation"]
    path: Path
    sha256: str
    size: int
    lines: int

    @property
    def name(self) -> str:
        """The file's name at the provider."""
        return f"tuneworth-{self.sha256[:24]}.jsonl"


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """One job: `key` is the hash of its files, model and hyperparameters. The provider chooses values that are None."""

    key: str
    model: str
    suffix: str
    epochs: int
    evaluations: int = 0
    learning_rate: float | None = None
    rank: int | None = None
    batch_size: int | None = None

    def hyperparameters(self) -> dict[str, int | float | None]:
        """The hyperparameters that are part of the job's content."""
        return {
            "epochs": self.epochs, "evaluations": self.evaluations, "learning_rate": self.learning_rate,
            "rank": self.rank, "batch_size": self.batch_size,
        }  # fmt: skip


@dataclass(frozen=True)
class FileState:
    """Whether the provider has processed a file; `message` says why it is "bad"."""

    status: Literal["ready", "waiting", "bad"]
    message: str = ""


@dataclass(frozen=True)
class JobState:
    """The state of a job. `word` is the provider's own; `cost` (in USD) and `tokens` are None unless it states them."""

    status: Literal["running", "succeeded", "failed", "cancelled"]
    word: str
    message: str = ""
    tuned_model: str | None = None
    tokens: int | None = None
    cost: Decimal | None = None


class Provider(Protocol):
    """One provider: its file rules, its prices and its API.

    `preset` is the name of the machine-hour in [roi] for serving its tuned models.
    """

    @property
    def name(self) -> str:
        """The value of `--on`."""
        ...

    @property
    def title(self) -> str:
        """The name for messages."""
        ...

    @property
    def base_url(self) -> str:
        """The address of its API."""
        ...

    @property
    def chat_url(self) -> str:
        """The address of its chat API."""
        ...

    @property
    def key_env(self) -> str:
        """The usual environment variable of its key."""
        ...

    @property
    def rules(self) -> FileRules:
        """Its rules for files."""
        ...

    @property
    def preset(self) -> str:
        """Its machine-hour in [roi]."""
        ...

    @property
    def bills_validation(self) -> bool:
        """Whether it evaluates on the validation file as often as requested, and charges for it."""
        ...

    def price(self, model: str) -> TrainingPrice | None:
        """The price of training this base model; None if it is not in this repository's table."""
        ...

    def advice(self, status: int, complaint: Complaint) -> str | None:
        """What to do about an error that is specific to this provider; None for the usual advice."""
        ...

    def find_file(self, client: Client, upload: Upload) -> str | None:
        """The id of a complete file with this name and size; None if there is none."""
        ...

    def create_file(self, client: Client, upload: Upload) -> str:
        """Send the file; returns its id."""
        ...

    def file_state(self, client: Client, file: str) -> FileState:
        """Whether the provider has processed the file."""
        ...

    def find_job(self, client: Client, request: JobRequest) -> str | None:
        """The id of the job that was created with this request's key; None if there is none."""
        ...

    def estimate(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> Decimal | None:
        """The provider's own estimate of the cost in USD before the job is created; None if it gives none."""
        ...

    def create_job(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> str:
        """Create the job, which then costs money; returns its id. `files` are their ids by role."""
        ...

    def state(self, client: Client, job: str) -> JobState:
        """The state of the job."""
        ...

    def cancel(self, client: Client, job: str) -> None:
        """Cancel the job."""
        ...

    def fetch_adapter(self, client: Client, job: str, state: JobState, into: Path) -> None:
        """Download the adapter's files into an empty folder. Raises: RunBroken if they are not an adapter."""
        ...
