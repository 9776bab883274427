"""One job at a provider, from its files to its adapter; each step is recorded, so that none is done twice.

The record is `job.json`. It is written before and after anything is created. If a process is killed in between, the next one
asks the provider for whatever carries the request's key before it creates anything.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal
from pathlib import Path
from typing import Any

from ...core import ConfigError, RunBroken, printable, read_stored, say, shortened, whole_folder, write_synced
from .client import Client, Pauses, Unanswered
from .fireworks import Fireworks
from .provider import CURRENCY, JobRequest, JobState, Upload
from .together import Together
from .weights import check_adapter_files

JOB_FILE = "job.json"
SCHEMA = "tuneworth/hosted-job/1"
FINDS = 3  # attempts to find what may have been created, since a provider's list may lag behind
CENT = Decimal("0.01")
ENDED = ("succeeded", "failed", "cancelled")


def job_key(
    files: Mapping[str, str], *, provider: str, model: str, hyperparameters: Mapping[str, Any], attempt: int
) -> str:
    """The hash of a job's content (files, model, hyperparameters) at one provider.

    `attempt` distinguishes a repeated job from the first one.
    """
    content = json.dumps([provider, model, dict(sorted(files.items())), dict(sorted(hyperparameters.items())), attempt])
    return hashlib.sha256(content.encode()).hexdigest()


def read_job(folder: Path) -> dict[str, Any]:
    """The record in a run's `train/hosted` folder; {} if there is none.

    Raises: DataError if it is damaged, since an unknown job would be created and paid for again.
    """
    return read_stored(folder / JOB_FILE, "train/hosted/job.json")


@dataclass(frozen=True)
class HostedJob:
    """A job for this request at this provider, with its record in `folder`; `note` gets lines of progress.

    No job is created that the provider expects to cost more than the `agreed` limit, in USD.
    """

    folder: Path
    provider: Together | Fireworks
    client: Client
    request: JobRequest
    uploads: Sequence[Upload]
    note: Callable[[str], None]
    agreed: Decimal | None = None
    pauses: Pauses = Pauses()  # noqa: RUF009 - frozen
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    # --- the record -----------------------------------------------------------------------------------------------

    def begin(self, **facts: Any) -> None:
        """Write the record of a job before anything is sent, unless it exists; it includes the `facts`."""
        if read_job(self.folder).get("key") == self.request.key:
            return
        files = {
            upload.role: {"name": upload.name, "sha256": upload.sha256, "bytes": upload.size, "lines": upload.lines, "id": None}
            for upload in self.uploads
        }  # fmt: skip
        self._write(
            {
                "schema": SCHEMA, "key": self.request.key, "provider": self.provider.name, "base_url": self.provider.base_url,
                "model": self.request.model, "suffix": self.request.suffix, "hyperparameters": self.request.hyperparameters(),
                "files": files, "step": "planned", "job": None, "status": None, "message": "", "tuned_model": None,
                "tokens": None, "cost": None, "currency": CURRENCY, "started": self.clock().isoformat(), "created": None,
                "ended": None, **facts,
            }
        )  # fmt: skip

    @property
    def record(self) -> dict[str, Any]:
        """The content of `job.json`."""
        return read_job(self.folder)

    def _update(self, **facts: Any) -> dict[str, Any]:
        record = self.record | facts
        self._write(record)
        return record

    def _write(self, record: dict[str, Any]) -> None:
        write_synced(self.folder / JOB_FILE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")

    # --- the steps ------------------------------------------------------------------------------------------------

    def run(self, adapter: Path) -> dict[str, Any]:
        """Do the remaining steps, up to the adapter; returns the record.

        Raises: RunBroken if the job failed or was cancelled, or the provider does not answer; ConfigError if it refuses.
        """
        if self.record["job"] is None:
            self._create(self._files())
        state = self._follow()
        if state is not None and state.status != "succeeded":
            raise RunBroken(self._ended_badly(state))
        if not adapter.is_dir():
            self._fetch(adapter)
        return self._update(step="done")

    def _files(self) -> dict[str, str]:
        """The provider's ids of the files, which are sent unless it has them, and then processed."""
        ids = {}
        for upload in self.uploads:
            known = self.record["files"][upload.role]["id"]
            ids[upload.role] = known or self._file(upload)
        for upload in self.uploads:
            self._wait_for(upload, ids[upload.role])
        return ids

    def _file(self, upload: Upload) -> str:
        self._update(step=f"sending {upload.role}")
        found = self.provider.find_file(self.client, upload)
        if found is not None:
            self.note(f"{self.provider.title} has the {upload.role} file already")
        else:
            self.note(f"sending the {upload.role} file: {say.count(upload.lines, 'example')}, {say.size(upload.size)}")
            found = self.provider.create_file(self.client, upload)
        files = self.record["files"]
        files[upload.role]["id"] = found
        self._update(files=files, step=f"sent {upload.role}")
        return found

    def _wait_for(self, upload: Upload, file: str) -> None:
        pause = self.pauses.check
        while (state := self.provider.file_state(self.client, file)).status == "waiting":
            self.pauses.sleep(pause)
            pause = min(self.pauses.checks_at_most, 1.5 * pause)
        if state.status == "bad":
            raise RunBroken(
                f"{self.provider.title} cannot use the {upload.role} file: {_readable(state.message)}\nNo job was created. "
                f"Compare {upload.path} with the provider's rules ({self.provider.rules.source})."
            )

    def _create(self, files: Mapping[str, str]) -> None:
        """Create the job, or resume the one that an earlier process created."""
        interrupted = self.record["step"] == "creating"  # an earlier process may have created it
        self._update(step="creating")
        job = self._find(FINDS if interrupted else 1)
        if job is not None:
            self.note(f"job: resuming {job}, which was created with the same content")
        else:
            self._check_estimate(files)
            try:
                job = self.provider.create_job(self.client, self.request, files)
            except Unanswered:
                if (job := self._find(FINDS)) is None:
                    raise
            self.note(f"job: {printable(job)} was created at {self.provider.title}")
        self._update(step="created", job=job, created=self.clock().isoformat())

    def _check_estimate(self, files: Mapping[str, str]) -> None:
        """Raises: ConfigError if the provider expects a higher cost than was agreed to."""
        expected = self.provider.estimate(self.client, self.request, files)
        if expected is None or self.agreed is None or expected <= self.agreed:
            return
        more, most = (say.money(float(amount), CURRENCY) for amount in (expected, self.agreed))
        raise ConfigError(
            f"{self.provider.title} expects the job to cost {more}, more than the {most} that you agreed to\n"
            f"The files were sent, but no job was created. To agree to it, add --max-cost {expected.quantize(CENT, ROUND_UP)}."
        )

    def _find(self, times: int) -> str | None:
        """The job with this request's key, after several attempts to find it."""
        for number in range(times):
            if number:
                self.pauses.sleep(self.pauses.after(number))
            if (job := self.provider.find_job(self.client, self.request)) is not None:
                return job
        return None

    def _follow(self) -> JobState | None:
        """Wait for the end of the job; None if the record shows that it succeeded."""
        record = self.record
        if record["status"] == "succeeded":
            return None
        pause, word = self.pauses.check, None
        try:
            while (state := self.provider.state(self.client, record["job"])).status not in ENDED:
                if state.word != word:
                    word = state.word
                    self._update(status="running", word=word)
                    self.note(f"job: {_readable(word)}")
                self.pauses.sleep(pause)
                pause = min(self.pauses.checks_at_most, 1.25 * pause)
        except KeyboardInterrupt:
            self.note(
                f"job: {record['job']} is still running at {self.provider.title} and costs money. The same command "
                "resumes waiting; with --cancel, it cancels the job"
            )
            raise
        if state.status == "succeeded" and not state.tuned_model:
            raise RunBroken(
                f"{self.provider.title} says that the job {record['job']} is done, but does not name its model\n"
                "Run the same command again."
            )
        self.take(state)
        return state

    def take(self, state: JobState) -> None:
        """Record the end of the job."""
        self._update(
            status=state.status, word=state.word, message=shortened(state.message), tuned_model=state.tuned_model,
            tokens=state.tokens, cost=None if state.cost is None else str(state.cost), ended=self.clock().isoformat(),
            step="ended",
        )  # fmt: skip

    def _ended_badly(self, state: JobState) -> str:
        what = (
            f"failed: {_readable(state.message) or _readable(state.word)}"
            if state.status == "failed"
            else "was cancelled"
        )
        cost = (
            ""
            if state.cost is None
            else f" {self.provider.title} states a cost of {say.money(float(state.cost), CURRENCY)}."
        )
        return (
            f"{self.provider.title}: the job {self.record['job']} {what}.{cost}\nThe same command does not start a second job. "
            "Correct what the message names, then run it with --again to start another one."
        )

    def _fetch(self, adapter: Path) -> None:
        """Store the adapter's files, all of them or none."""
        record, title = self._update(step="fetching"), self.provider.title
        self.note(f"adapter: fetching it from {title}")
        state = JobState("succeeded", "", tuned_model=record["tuned_model"])
        with whole_folder(adapter, ()) as part:
            self.provider.fetch_adapter(self.client, record["job"], state, part)
            check_adapter_files(part, title=title)
        self._update(step="fetched")

    def cancel(self) -> JobState | None:
        """Cancel the job; returns its state, None if no job was created.

        Raises: RunBroken or ConfigError as for any request.
        """
        record = self.record
        job = record["job"]
        if job is None and record["step"] == "creating":
            job = self._find(FINDS)
        if job is None:
            return None
        state = self.provider.state(self.client, job)
        if state.status not in ENDED:
            self.provider.cancel(self.client, job)
            state = self._after_cancel(job)
        self._update(job=job)
        if state.status in ENDED:
            self.take(state)
        return state

    def _after_cancel(self, job: str) -> JobState:
        """The state of a cancelled job, polled a few times until it has ended."""
        state = self.provider.state(self.client, job)
        for number in range(1, FINDS + 1):
            if state.status in ENDED:
                break
            self.pauses.sleep(self.pauses.after(number))
            state = self.provider.state(self.client, job)
        return state


def cost_in(record: Mapping[str, Any]) -> Decimal | None:
    """The cost in a record; None if the provider stated none."""
    with suppress(ArithmeticError, TypeError, ValueError):
        return Decimal(record["cost"])
    return None


def _readable(text: str) -> str:
    """A text from the provider for people: one line, safe for a terminal, without a final full stop."""
    return shortened(text).rstrip(".")
