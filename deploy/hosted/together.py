"""Together AI's fine-tuning API, as its reference and its Python package 3.1 describe it (read on 28 November 2026).

A file: `POST /files` answers with its id and the address to put it at, then `POST /files/ID/preprocess`. `POST`,
`GET /fine-tunes`; a job is identified by the key in its suffix. `GET /finetune/download?checkpoint=adapter` returns an
archive of the adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ...core import Complaint, RunBroken, say
from .client import Client, Conflict
from .provider import CURRENCY, FileRules, FileState, JobRequest, JobState, Provider, TrainingPrice, Upload
from .weights import MOST_BYTES, unpack

END = {"completed": "succeeded", "error": "failed", "user_error": "failed", "cancelled": "cancelled"}
SUFFIX = 40  # characters of a suffix
KEY = 16  # of them for the key
NANO = 10**9  # prices come in billionths of a dollar
BAD = ("FAILED", "INVALID_FORMAT")


# Nothing was confirmed with the provider; prices that a page shows only in a browser come from copies of that page, or from
# people who published what they paid. `[train.hosted] price` overrides them.
# Together's own page (docs.together.ai/docs/fine-tuning/pricing, read on 28 November 2026) names no rate and says that there
# is no minimum; a customer who published a bill of 2026 paid 0.48 USD per million tokens, and 4 USD for a small job.
SOURCE = "a published bill of 2026 for LoRA on a model of up to 16B; 4 USD at least, though the documentation names no minimum"
PRICES = {
    model: TrainingPrice(Decimal("0.48"), SOURCE, None, minimum=Decimal(4))
    for model in (
        "Qwen/Qwen3-4B", "Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "Qwen/Qwen3.5-9B",
        "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference",
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Together(Provider):
    """LoRA fine-tuning at Together AI."""

    base_url: str = "https://api.together.ai/v1"
    name: str = "together"
    title: str = "Together AI"
    key_env: str = "TOGETHER_API_KEY"
    preset: str = "dedicated"
    bills_validation: bool = True
    rules: FileRules = FileRules(  # noqa: RUF009 - frozen
        least_examples=1, most_examples=None, most_bytes=int(50.1 * 2**30), roles=("system", "user", "assistant"),
        alternates=True,
        source="docs.together.ai/docs/fine-tuning/data-preparation and the package's check of files, 28 November 2026",
    )  # fmt: skip
    prices: Mapping[str, TrainingPrice] = field(default_factory=lambda: PRICES, repr=False)

    @property
    def chat_url(self) -> str:
        """The address of the tuned model, once it is deployed."""
        return self.base_url

    def advice(self, status: int, complaint: Complaint) -> str | None:
        """What to do about "wrong key", which is also the answer for a file that exceeds the free credit."""
        if status == 401 and "credit" in complaint.message.lower():
            return "Add credit at api.together.ai under Settings, then Billing, and run the same command again."
        return None

    def find_file(self, client: Client, upload: Upload) -> str | None:
        """The id of a complete file with this name and size; an interrupted upload has another size."""
        for file in client.get("/files").get("data") or []:
            if file.get("filename") != upload.name or file.get("bytes") != upload.size:
                continue
            if file.get("processing_status") not in BAD:
                self._process(client, str(file["id"]), file)
                return str(file["id"])
        return None

    def create_file(self, client: Client, upload: Upload) -> str:
        """Announce the file, upload it to the address in the answer, and have it processed; returns its id."""
        fields = {
            "purpose": "fine-tune", "file_name": upload.name, "file_type": "jsonl", "checksum": upload.sha256,
        }  # fmt: skip
        try:
            headers = client.post_for_place("/files", fields)
        except Conflict as error:
            if isinstance(error.body, dict) and isinstance(known := error.body.get("file_id"), str):
                return known
            raise
        place, file = headers.get("location"), headers.get("x-together-file-id")
        if not place or not file or not file.replace("-", "").replace("_", "").isalnum():
            raise RunBroken("Together AI did not say where to put the file.\nRun the same command again.")
        client.put_file(place, upload.path)
        self._process(client, file, {})
        return file

    def _process(self, client: Client, file: str, known: Mapping[str, Any]) -> None:
        if known.get("processing_status") is None:
            client.post(f"/files/{file}/preprocess", again=True)

    def file_state(self, client: Client, file: str) -> FileState:
        """Whether the file was processed and found valid."""
        found = client.get(f"/files/{file}")
        word = found.get("processing_status")
        if word in BAD:
            return FileState("bad", str((found.get("validation_report") or {}).get("error") or word))
        return FileState("ready" if word in (None, "COMPLETED") else "waiting")

    def find_job(self, client: Client, request: JobRequest) -> str | None:
        """The job whose suffix or model name contains the request's key."""
        for job in client.get("/fine-tunes").get("data") or []:
            named = f"{job.get('suffix') or ''} {job.get('model_output_name') or ''}"
            if request.key[:KEY] in named:
                return str(job["id"])
        return None

    def estimate(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> Decimal | None:
        """The cost that Together AI itself estimates once it has processed the files.

        Raises: RunBroken if the account may not spend that.
        """
        body: dict[str, Any] = {"training_file": files["train"], "model": request.model, "n_epochs": request.epochs}
        if "validation" in files:
            body |= {"validation_file": files["validation"], "n_evals": request.evaluations}
        found = client.post("/fine-tunes/estimate-price", body, again=True)
        price = found.get("estimated_total_price") if found.get("estimation_available") else None
        expected = Decimal(str(price)) if isinstance(price, int | float) and price > 0 else None
        if found.get("allowed_to_proceed") is False:
            of = "" if expected is None else f", which it expects to cost {say.money(float(expected), CURRENCY)}"
            raise RunBroken(
                f"the account at Together AI has not enough credit for this job{of}\n"
                "No job was created. Add credit at api.together.ai, then run the same command again."
            )
        return expected

    def create_job(self, client: Client, request: JobRequest, files: Mapping[str, str]) -> str:
        """Create the job; returns its id."""
        body: dict[str, Any] = {
            "training_file": files["train"],
            "model": request.model,
            "n_epochs": request.epochs,
            "suffix": f"{request.suffix[: SUFFIX - KEY - 1].rstrip('-')}-{request.key[:KEY]}",
            "training_method": {"method": "sft", "train_on_inputs": False},
            "batch_size": request.batch_size or "max",
        }
        if request.rank is not None:  # without it, LoRA of the model's default rank
            body["training_type"] = {"type": "Lora", "lora_r": request.rank, "lora_alpha": 2 * request.rank}
        if request.learning_rate is not None:
            body["learning_rate"] = request.learning_rate
        if "validation" in files:
            body |= {"validation_file": files["validation"], "n_evals": request.evaluations}
        made = client.post("/fine-tunes", body)
        if not isinstance(made, dict) or not isinstance(made.get("id"), str):
            raise RunBroken("Together AI's answer has no id of a job.\nRun the same command again.")
        return made["id"]

    def state(self, client: Client, job: str) -> JobState:
        """The state of the job, with its price once known."""
        found = client.get(f"/fine-tunes/{job}")
        word = str(found.get("status"))
        tokens, price = found.get("token_count"), found.get("total_price")
        status = END.get(word, "running")
        return JobState(
            status, word, self._reason(client, job) if status == "failed" else "",  # type: ignore[arg-type]
            found.get("model_output_name") or None, tokens if isinstance(tokens, int) else None,
            Decimal(price) / NANO if isinstance(price, int) and price > 0 else None,
        )  # fmt: skip

    def _reason(self, client: Client, job: str) -> str:
        """The last error among the job's events."""
        events = client.get(f"/fine-tunes/{job}/events").get("data") or []
        errors = [
            str(event.get("message"))
            for event in events
            if "error" in f"{event.get('level')} {event.get('type')}".lower()
        ]
        return errors[-1] if errors else ""

    def cancel(self, client: Client, job: str) -> None:
        """Cancel the job."""
        client.post(f"/fine-tunes/{job}/cancel", again=True)

    def fetch_adapter(self, client: Client, job: str, state: JobState, into: Path) -> None:
        """Download the archive of the adapter and unpack it."""
        archive = into.parent / "adapter.archive"
        client.download("/finetune/download", archive, most=MOST_BYTES, query={"ft_id": job, "checkpoint": "adapter"})
        try:
            unpack(archive, into, title=self.title)
        finally:
            archive.unlink(missing_ok=True)
