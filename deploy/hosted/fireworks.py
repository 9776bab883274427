"""Fireworks AI's fine-tuning API, as its reference and its Python package 1.2 describe it (read on 28 November 2026).

The caller chooses the ids of datasets and jobs, so nothing can be created twice: `POST .../datasets`, then `:upload` (below
150 MB) or a signed address (`:getUploadEndpoint`, `:validateUpload`); `POST .../supervisedFineTuningJobs`. The adapter's
files are at the addresses of `.../models/MODEL:getDownloadEndpoint`.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import Complaint, RunBroken
from .client import Client, Conflict
from .provider import FileRules, FileState, JobRequest, JobState, Provider, TrainingPrice, Upload
from .weights import MOST_BYTES, checked_names

END = {
    "JOB_STATE_COMPLETED": "succeeded", "JOB_STATE_EARLY_STOPPED": "succeeded", "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed", "JOB_STATE_CANCELLED": "cancelled",
}  # fmt: skip
DIRECT = 150 * 10**6  # bytes below which a file is sent in one request
IDS = 63  # characters of an id


# Nothing was confirmed with the provider; prices that a page shows only in a browser come from copies of that page, or from
# people who published what they paid. `[train.hosted] price` overrides them.
SOURCE = (
    "fireworks.ai/pricing in an undated copy, read on 28 November 2026: up to 16B parameters 0.50 USD, to 80B 3.00 USD"
)
PRICES = {
    f"accounts/fireworks/models/{model}": TrainingPrice(Decimal(price), SOURCE)
    for model, price in {
        "qwen3-4b": "0.50", "qwen3-8b": "0.50", "qwen3-14b": "0.50", "qwen3-32b": "3.00",
        "llama-v3p1-8b-instruct": "0.50", "llama-v3p3-70b-instruct": "3.00",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Fireworks(Provider):
    """LoRA fine-tuning at Fireworks AI, in one account."""

    account: str
    base_url: str = "https://api.fireworks.ai/v1"
    name: str = "fireworks"
    title: str = "Fireworks AI"
    key_env: str = "FIREWORKS_API_KEY"
    preset: str = "dedicated-fireworks"
    bills_validation: bool = False
    rules: FileRules = FileRules(  # noqa: RUF009 - frozen
        least_examples=3, most_examples=3_000_000, most_bytes=10**9, roles=("system", "user", "assistant"),
        alternates=False,
        source="docs.fireworks.ai/fine-tuning/fine-tuning-models and /fine-tuning-via-api, 28 November 2026",
    )  # fmt: skip
    prices: Mapping[str, TrainingPrice] = field(default_factory=lambda: PRICES, repr=False)

    @property
    def chat_url(self) -> str:
        """The address of the tuned model, once it is deployed."""
        return f"{self.base_url.removesuffix('/v1')}/inference/v1"

    @property
    def _home(self) -> str:
        return f"/accounts/{self.account}"

    def advice(self, status: int, complaint: Complaint) -> str | None:
        """What to do about "forbidden", which is the answer for an account that the key does not belong to."""
        if status == 403:
            return 'Check the key, and "account" in [train.hosted]: the id that `firectl whoami` prints.'
        return None

    def _file_id(self, upload: Upload) -> str:
        return upload.name.removesuffix(".jsonl")

    def find_file(self, client: Client, upload: Upload) -> str | None:
        """The dataset with this content, if its upload was completed."""
        found = client.get(f"{self._home}/datasets/{self._file_id(upload)}", absent=True)
        return self._file_id(upload) if found is not None and found.get("state") == "READY" else None

    def create_file(self, client: Client, upload: Upload) -> str:
        """Create the dataset, unless an empty one exists, and send its file; returns its id."""
        file = self._file_id(upload)
        record = {"displayName": file, "format": "CHAT", "exampleCount": str(upload.lines), "userUploaded": {}}
        with suppress(Conflict):  # an interrupted upload left the record
            client.post(f"{self._home}/datasets", {"datasetId": file, "dataset": record})
        place = f"{self._home}/datasets/{file}"
        if upload.size < DIRECT:
            client.post_form(f"{place}:upload", upload.name, upload.path)
            return file
        sizes = {"filenameToSize": {upload.name: str(upload.size)}}
        urls = client.post(f"{place}:getUploadEndpoint", sizes, again=True).get("filenameToSignedUrls") or {}
        if upload.name not in urls:
            raise RunBroken("Fireworks AI did not say where to put the file.\nRun the same command again.")
        exactly = {
            "x-goog-content-length-range": f"{upload.size},{upload.size}",
            "Content-Type": "application/octet-stream",
        }
        client.put_file(urls[upload.name], upload.path, exactly)
        client.post(f"{place}:validateUpload", {}, again=True)
        return file

    def file_state(self, client: Client, file: str) -> FileState:
        """Whether the dataset was processed."""
        found = client.get(f"{self._home}/datasets/{file}")
        status = found.get("status") or {}
        if status.get("code") not in (None, "OK"):
            return FileState("bad", str(status.get("message") or status["code"]))
        return FileState("ready" if found.get("state") == "READY" else "waiting")

    def _job_id(self, request: JobRequest) -> str:
        return f"tuneworth-{request.key[:32]}"

    def find_job(self, client: Client, request: JobRequest) -> str | None:
        """The job with the id that belongs to the request."""
        job = self._job_id(request)
        return job if client.get(f"{self._home}/supervisedFineTuningJobs/{job}", absent=True) is not None else None

    def estimate(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> Decimal | None:
        """None: Fireworks AI estimates the cost of a job only after its creation."""
        return None

    def create_job(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> str:
        """Create the job under the request's id; an existing one is the same job."""
        job = self._job_id(request)
        body: dict[str, Any] = {
            "displayName": job,
            "dataset": f"{self._home[1:]}/datasets/{files['train']}",
            "baseModel": request.model,
            "outputModel": f"{self._home[1:]}/models/{self._model_id(request)}",
            "epochs": request.epochs,
        }
        if "validation" in files:
            body["evaluationDataset"] = f"{self._home[1:]}/datasets/{files['validation']}"
        stated = {
            "learningRate": request.learning_rate,
            "loraRank": request.rank,
            "batchSizeSamples": request.batch_size,
        }
        body |= {key: value for key, value in stated.items() if value is not None}
        with suppress(Conflict):
            client.post(f"{self._home}/supervisedFineTuningJobs", body, {"supervisedFineTuningJobId": job})
        return job

    def _model_id(self, request: JobRequest) -> str:
        return f"{request.suffix[: IDS - 17].rstrip('-')}-{request.key[:16]}"

    def state(self, client: Client, job: str) -> JobState:
        """The state of the job, with Fireworks' own estimate of the cost from the tokens of the dataset."""
        found = client.get(f"{self._home}/supervisedFineTuningJobs/{job}")
        word = str(found.get("state"))
        message = str((found.get("status") or {}).get("message") or "")
        return JobState(
            END.get(word, "running"), word.removeprefix("JOB_STATE_").lower(), message,  # type: ignore[arg-type]
            found.get("outputModel") or None, None, _usd(found.get("estimatedCost")),
        )  # fmt: skip

    def cancel(self, client: Client, job: str) -> None:
        """Cancel the job."""
        client.post(f"{self._home}/supervisedFineTuningJobs/{job}:cancel", {}, again=True)

    def fetch_adapter(self, client: Client, job: str, state: JobState, into: Path) -> None:
        """Download the files of the tuned model, each from its signed address."""
        model = (state.tuned_model or "").rpartition("/")[2]
        urls = client.get(f"{self._home}/models/{model}:getDownloadEndpoint").get("filenameToSignedUrls") or {}
        rest = MOST_BYTES
        for path, name in checked_names(urls, title=self.title).items():
            client.download(urls[path], into / name, most=rest)
            rest -= (into / name).stat().st_size


def _usd(money: Any) -> Decimal | None:
    """An amount in units and billionths; None if there is none, or it is not in dollars."""
    if not isinstance(money, dict) or money.get("currencyCode", "USD") != "USD":
        return None
    amount = Decimal(str(money.get("units") or 0)) + Decimal(str(money.get("nanos") or 0)) / 10**9
    return amount if amount > 0 else None
