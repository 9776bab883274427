"""OpenAI's fine-tuning API, as its reference and its Python package 3.57 describe it (read on 28 November 2026).

`POST /files` and `GET /files`; `POST`, `GET /fine_tuning/jobs` with metadata that identify a job; `GET` and
`POST .../cancel` of a job. The weights stay at OpenAI.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import Complaint, RunBroken
from .client import Client
from .prices import OPENAI
from .provider import FileState, JobRequest, JobState, TrainingPrice, Upload
from .rules import FileRules

__all__ = ["OpenAI"]

END = {"succeeded": "succeeded", "failed": "failed", "cancelled": "cancelled"}
METADATA = "tuneworth"
ENDS = date(2027, 1, 14)  # GPT-4o, GPT-4o mini, GPT-4.1 and GPT-4.1 mini, and models tuned from them


@dataclass(frozen=True)
class OpenAI:
    """Supervised fine-tuning at OpenAI."""

    base_url: str = "https://api.openai.com/v1"
    name: str = "openai"
    title: str = "OpenAI"
    key_env: str = "OPENAI_API_KEY"
    preset: str | None = None
    gives_adapter: bool = False
    bills_validation: bool = False
    unknown: tuple[str, ...] = ("rank",)
    no_new_jobs: date | None = date(2027, 1, 6)
    retires: Mapping[str, date] = field(default_factory=lambda: dict.fromkeys(OPENAI, ENDS))
    announced: str = "developers.openai.com/api/docs/deprecations, read on 28 November 2026"
    rules: FileRules = FileRules(  # noqa: RUF009 - frozen
        least_examples=10, most_examples=None, most_bytes=512 * 10**6, roles=("system", "user", "assistant"),
        alternates=False, apart=True,
        source="developers.openai.com/api/docs/guides/supervised-fine-tuning and the reference of files, 28 November 2026",
    )  # fmt: skip

    @property
    def chat_url(self) -> str:
        """The address of the tuned model."""
        return self.base_url

    def price(self, model: str) -> TrainingPrice | None:
        """The price of training this base model; None if it is not in this repository's table."""
        return OPENAI.get(model)

    def longest_tokens(self, model: str) -> int | None:
        """The published maximum length of a training example for GPT-4o and GPT-4.1 (Microsoft's table of these models)."""
        return 65_536 if model in OPENAI else None

    def advice(self, status: int, complaint: Complaint) -> str | None:
        """What to do about an error that means that the platform is closed for the organisation."""
        if "training_not_available" in complaint.codes or "winding down" in complaint.message:
            return (
                "OpenAI accepts no more jobs from this organisation. Train at another provider (--on together, --on fireworks) "
                "or on this machine (without --on)."
            )
        return None

    def find_file(self, client: Client, upload: Upload) -> str | None:
        """The id of a complete file with this name and size."""
        for file in _pages(client, "/files", {"purpose": "fine-tune", "limit": 1000}):
            same = file.get("filename") == upload.name and file.get("bytes") == upload.size
            if same and file.get("status") != "error":
                return str(file["id"])
        return None

    def create_file(self, client: Client, upload: Upload) -> str:
        """Send the file; returns its id."""
        made = client.post_form("/files", {"purpose": "fine-tune"}, (upload.name, upload.path))
        return _id(made, "a file")

    def file_state(self, client: Client, file: str) -> FileState:
        """Whether the file is usable: `status` is deprecated, so only a stated error counts; a bad file fails its job."""
        found = client.get(f"/files/{file}")
        if found.get("status") == "error":
            return FileState("bad", str(found.get("status_details") or "the file has an error"))
        return FileState("ready")

    def find_job(self, client: Client, request: JobRequest) -> str | None:
        """The job whose metadata hold the request's key."""
        for job in _pages(client, "/fine_tuning/jobs", {"limit": 100, f"metadata[{METADATA}]": request.key}):
            if (job.get("metadata") or {}).get(METADATA) == request.key:
                return str(job["id"])
        return None

    def estimate(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> Decimal | None:
        """None: OpenAI does not state the cost of a job before it is done."""
        return None

    def create_job(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> str:
        """Create the job; returns its id."""
        stated = {
            "n_epochs": request.epochs, "batch_size": request.batch_size,
            "learning_rate_multiplier": request.learning_rate,
        }  # fmt: skip
        body: dict[str, Any] = {
            "model": request.model,
            "training_file": files["train"],
            "suffix": request.suffix[:64].rstrip("-"),
            "metadata": {METADATA: request.key},
            "method": {
                "type": "supervised",
                "supervised": {"hyperparameters": {k: v for k, v in stated.items() if v is not None}},
            },
        }
        if "validation" in files:
            body["validation_file"] = files["validation"]
        return _id(client.post("/fine_tuning/jobs", body), "a job")

    def state(self, client: Client, job: str) -> JobState:
        """The state of the job; `trained_tokens` are those that are billed."""
        found = client.get(f"/fine_tuning/jobs/{job}")
        word = str(found.get("status"))
        tokens, tuned = found.get("trained_tokens"), found.get("fine_tuned_model")
        return JobState(
            END.get(word, "running"), word, str((found.get("error") or {}).get("message") or ""),  # type: ignore[arg-type]
            str(tuned) if tuned else None, tokens if isinstance(tokens, int) else None, None,
        )  # fmt: skip

    def cancel(self, client: Client, job: str) -> None:
        """Cancel the job."""
        client.post(f"/fine_tuning/jobs/{job}/cancel", again=True)

    def fetch_adapter(self, client: Client, job: str, state: JobState, into: Path) -> None:
        """Never called: OpenAI does not offer the weights."""
        raise RunBroken("OpenAI does not offer the weights; evaluate the tuned model at its endpoint.")


def _pages(client: Client, path: str, query: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All entries of a list, page by page."""
    after: dict[str, Any] = {}
    while True:
        page = client.get(path, {**query, **after})
        entries = [entry for entry in page.get("data") or [] if isinstance(entry, dict)]
        yield from entries
        if not page.get("has_more") or not entries or after.get("after") == entries[-1].get("id"):
            return
        after = {"after": entries[-1]["id"]}


def _id(made: Any, what: str) -> str:
    if not isinstance(made, dict) or not isinstance(made.get("id"), str):
        raise RunBroken(f"OpenAI's answer has no id of {what}.\nRun the same command again.")
    return made["id"]
