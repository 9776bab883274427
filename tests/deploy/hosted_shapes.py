"""The published shapes of two providers of hosted training, and the strict check of files that the local server makes."""

import io
import json
import tarfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

Answer = tuple[int, Any, dict[str, str]]


def tensors(names: tuple[str, ...] = ("base.q_proj.lora_A.weight", "base.q_proj.lora_B.weight")) -> bytes:
    """A safetensors file with two numbers in each tensor."""
    header = {n: {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]} for i, n in enumerate(names)}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(8 * len(names))


CONFIG = json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 16}).encode()
ADAPTER = {"adapter_config.json": CONFIG, "adapter_model.safetensors": tensors()}


def archive(files: dict[str, bytes], *, compress: bool = True) -> bytes:
    """A tar archive as Together AI sends it."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    if not compress:
        return target.getvalue()
    from backports import zstd

    return zstd.compress(target.getvalue())


@dataclass
class File:
    name: str
    content: bytes | None = None
    read: bool = False
    looks: int = 0


@dataclass
class Job:
    body: dict[str, Any]
    looks: int = 0
    cancelled: bool = False


def valid(content: bytes, provider: str) -> str | None:
    """The first thing that the provider's published rules forbid in a training file; None if it is accepted."""
    try:
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
        chats = [json.loads(line) for line in lines]
    except ValueError as error:
        return f"not JSON lines in UTF-8: {error}"
    least = {"together": 1, "fireworks": 3}[provider]
    if len(chats) < least:
        return f"{len(chats)} examples; {least} are needed"
    for number, chat in enumerate(chats, start=1):
        if not isinstance(chat, dict) or list(chat) != ["messages"] or not isinstance(chat["messages"], list):
            return f"line {number}: no messages"
        roles = []
        for message in chat["messages"]:
            if not isinstance(message, dict) or sorted(message) != ["content", "role"]:
                return f"line {number}: a message needs role and content"
            if message["role"] not in ("system", "user", "assistant"):
                return f"line {number}: role {message['role']!r}"
            if not isinstance(message["content"], str) or message["content"].strip() == "":
                return f"line {number}: no content"
            message["content"].encode("utf-8")
            roles.append(message["role"])
        if not roles or roles[-1] != "assistant" or "user" not in roles:
            return f"line {number}: ends with {roles[-1:]}"
        if "system" in roles[1:]:
            return f"line {number}: a late system message"
        if provider == "together":
            turns = roles[roles[0] == "system" :]
            if turns[0::2] != ["user"] * len(turns[0::2]) or turns[1::2] != ["assistant"] * len(turns[1::2]):
                return f"line {number}: roles do not alternate"
    return None


class Shapes(ABC):
    """What the shapes of every provider need of the server."""

    provider: str
    outcome: str
    looks: int
    files: dict[str, File]
    jobs: dict[str, Job]
    sizes: dict[str, int]
    adapter: dict[str, bytes]
    expects: float
    credit: bool
    redirects: bool
    named: bool

    @property
    @abstractmethod
    def origin(self) -> str:
        """The server's own address."""

    def _add_file(self, name: str, content: bytes | None) -> str:
        id = f"file-{len(self.files) + 1}"
        self.files[id] = File(name, content)
        return id

    def _add_job(self, prefix: str, data: dict[str, Any]) -> str:
        id = f"{prefix}{len(self.jobs) + 1}"
        self.jobs[id] = Job(data)
        return id

    def _wrong(self, file: str) -> str | None:
        if file not in self.files or self.files[file].content is None:
            return f"no file {file}"
        return valid(self.files[file].content or b"", self.provider)

    def _state(self, id: str) -> str:
        job = self.jobs[id]
        if job.cancelled:
            return "cancelled"
        return "running" if job.looks <= self.looks else self.outcome


class TogetherShapes(Shapes):
    """Files and fine-tunes as Together AI publishes them."""

    def _together(
        self, method: str, path: str, query: dict, form: dict, data: dict, body: bytes, request: BaseHTTPRequestHandler
    ) -> Answer | None:
        if (method, path) == ("POST", "/files"):
            assert sorted(form) == ["checksum", "file_name", "file_type", "purpose"]
            for id, file in self.files.items():
                if file.name == form["file_name"].decode() and file.content is not None:
                    return 409, {"error": {"message": "exists"}, "file_id": id}, {}
            id = self._add_file(form["file_name"].decode(), None)
            return 302, b"", {"Location": f"{self.origin}/signed/{id}", "X-Together-File-Id": id}
        if method == "PUT" and path.startswith("/signed/"):
            assert int(request.headers["Content-Length"]) == len(body)
            self.files[path.rpartition("/")[2]].content = body
            return 200, b"", {}
        if method == "POST" and path.endswith("/preprocess"):
            self.files[path.split("/")[2]].read = True
            return _ok(self._together_file(path.split("/")[2]))
        if (method, path) == ("GET", "/files"):
            return _ok({"data": [self._together_file(id) for id in self.files]})
        if method == "GET" and path.startswith("/files/"):
            return _ok(self._together_file(path.rpartition("/")[2], look=True))
        if (method, path) == ("POST", "/fine-tunes/estimate-price"):
            assert {"training_file", "model", "n_epochs"} <= set(data)
            return _ok(
                {"estimation_available": True, "allowed_to_proceed": self.credit, "estimated_total_price": self.expects}
            )
        if (method, path) == ("POST", "/fine-tunes"):
            problem = _wrong_keys(
                data, {"training_file", "model", "n_epochs", "suffix", "training_method", "batch_size"},
                {"validation_file", "n_evals", "learning_rate", "training_type"},
            )  # fmt: skip
            if problem is None and len(data["suffix"]) > 40:
                problem = "the suffix has more than 40 characters"
            problem = problem or self._wrong(data["training_file"])
            if problem or not self.files[data["training_file"]].read:
                return 400, {"message": problem or "the file was not processed", "type_": "invalid_request_error"}, {}
            return _ok(self._together_job(self._add_job("ft-", data)))
        if (method, path) == ("GET", "/fine-tunes"):
            return _ok({"data": [self._together_job(id) for id in self.jobs]})
        if path.startswith("/fine-tunes/"):
            id = path.split("/")[2]
            if path.endswith("/events"):
                event = {"object": "fine-tune-event", "created_at": "1", "level": "error", "type": "job_error"}
                return _ok({"data": [event | {"message": "out of luck"}] if self._state(id) == "failed" else []})
            if method == "POST" and path.endswith("/cancel"):
                self.jobs[id].cancelled = True
            else:
                self.jobs[id].looks += 1
            return _ok(self._together_job(id))
        if (method, path) == ("GET", "/finetune/download"):
            assert query["checkpoint"] == "adapter"
            assert self._state(query["ft_id"]) == "succeeded"
            if self.redirects:
                return 302, b"", {"Location": f"/signed/adapters/{query['ft_id']}"}
            return 200, archive(self.adapter), {"Content-Type": "application/octet-stream"}
        if method == "GET" and path.startswith("/signed/adapters/"):
            return 200, archive(self.adapter), {"Content-Type": "application/octet-stream"}
        return None

    def _together_file(self, id: str, *, look: bool = False) -> dict[str, Any]:
        file = self.files[id]
        file.looks += look
        status = ("RUNNING" if file.looks < 2 else "COMPLETED") if file.read else None
        problem = valid(file.content, self.provider) if file.read and file.content is not None else None
        report = {"valid": problem is None, "error": problem}
        return {
            "id": id, "object": "file", "bytes": len(file.content or b""), "created_at": 1, "filename": file.name,
            "FileType": "jsonl", "purpose": "fine-tune", "processing_status": "INVALID_FORMAT" if problem else status,
            "validation_report": report if file.read else None,
        }  # fmt: skip

    def _together_job(self, id: str) -> dict[str, Any]:
        job, state = self.jobs[id], self._state(id)
        word = {"succeeded": "completed", "failed": "error"}.get(state, state)
        output = f"me/{job.body['model'].rpartition('/')[2]}-{job.body['suffix']}"
        return {
            "id": id, "status": word, "created_at": "1", "updated_at": "1", "user_id": "u", "suffix": job.body["suffix"],
            "model": job.body["model"], "model_output_name": output if self.named else None,
            "token_count": 12_000 if state == "succeeded" else None,
            "total_price": 4_000_000_000 if state == "succeeded" else None, "training_file": job.body["training_file"],
        }  # fmt: skip


class FireworksShapes(Shapes):
    """Datasets, supervised fine-tuning jobs and models as Fireworks AI publishes them."""

    def _fireworks(
        self, method: str, path: str, query: dict, form: dict, data: dict, body: bytes, request: BaseHTTPRequestHandler
    ) -> Answer | None:
        if method == "PUT" and path.startswith("/signed/datasets/"):
            id = path.rpartition("/")[2]
            assert request.headers["x-goog-content-length-range"] == f"{self.sizes[id]},{self.sizes[id]}"
            assert len(body) == self.sizes[id]
            self.files[id].content = body
            return 200, b"", {}
        if path.startswith("/signed/"):
            return 200, self.adapter[path.removeprefix("/signed/")], {}
        home = "/accounts/acme"
        if not path.startswith(f"{home}/"):
            return 403, {"error": {"message": "wrong account", "code": "PERMISSION_DENIED"}}, {}
        path = path.removeprefix(home)
        if (method, path) == ("POST", "/datasets"):
            if data["datasetId"] in self.files:
                return 409, {"error": {"code": 6, "message": "ALREADY_EXISTS", "status": "ALREADY_EXISTS"}}, {}
            assert len(data["datasetId"]) <= 63
            assert "userUploaded" in data["dataset"]
            self.files[data["datasetId"]] = File(data["datasetId"])
            return _ok(self._dataset(data["datasetId"]))
        if path.startswith("/datasets/"):
            id, _, verb = path.removeprefix("/datasets/").partition(":")
            if id not in self.files:
                return None
            if verb == "getUploadEndpoint":
                ((name, size),) = data["filenameToSize"].items()
                self.sizes[id] = int(size)
                return _ok({"filenameToSignedUrls": {name: f"{self.origin}/signed/datasets/{id}"}})
            if verb == "upload":
                _, self.files[id].content = form["file"]
                return _ok({"id": id, "object": "file"})
            return _ok(self._dataset(id, look=method == "GET"))
        if (method, path) == ("POST", "/supervisedFineTuningJobs"):
            id = query["supervisedFineTuningJobId"]
            if id in self.jobs:
                return 409, {"error": {"message": "ALREADY_EXISTS"}}, {}
            known = {"displayName", "dataset", "baseModel", "outputModel", "epochs"}
            problem = _wrong_keys(data, known, {"evaluationDataset", "learningRate", "loraRank", "batchSizeSamples"})
            problem = problem or self._wrong(data["dataset"].rpartition("/")[2])
            if problem:
                return 400, {"error": {"code": 3, "message": problem, "status": "INVALID_ARGUMENT"}}, {}
            self.jobs[id] = Job(data)
            return _ok(self._fireworks_job(id))
        if path.startswith("/supervisedFineTuningJobs/"):
            id, _, verb = path.removeprefix("/supervisedFineTuningJobs/").partition(":")
            if id not in self.jobs:
                return None
            if verb == "cancel":
                self.jobs[id].cancelled = True
                return _ok({})
            self.jobs[id].looks += 1
            return _ok(self._fireworks_job(id))
        if path.startswith("/models/") and path.endswith(":getDownloadEndpoint"):
            return _ok({"filenameToSignedUrls": {name: f"{self.origin}/signed/{name}" for name in self.adapter}})
        return None

    def _dataset(self, id: str, *, look: bool = False) -> dict[str, Any]:
        file = self.files[id]
        file.looks += look
        ready = file.content is not None and file.looks > 1
        problem = valid(file.content, self.provider) if file.content is not None else None
        status = {"code": "INVALID_ARGUMENT", "message": problem} if problem else {"code": "OK", "message": ""}
        return {"name": f"accounts/acme/datasets/{id}", "state": "READY" if ready else "UPLOADING", "status": status}

    def _fireworks_job(self, id: str) -> dict[str, Any]:
        job, state = self.jobs[id], self._state(id)
        word = {"succeeded": "COMPLETED", "failed": "FAILED", "cancelled": "CANCELLED"}.get(state, "RUNNING")
        return {
            "name": f"accounts/acme/supervisedFineTuningJobs/{id}", "state": f"JOB_STATE_{word}", **job.body,
            "status": {"code": "INTERNAL", "message": "a node was lost"} if state == "failed" else {"code": "OK"},
            "estimatedCost": {"currencyCode": "USD", "units": "1", "nanos": 250_000_000},
        }  # fmt: skip


def _ok(content: Any) -> Answer:
    return 200, content, {"Content-Type": "application/json"}


def _wrong_keys(data: dict[str, Any], needed: set[str], possible: set[str]) -> str | None:
    missing, unknown = needed - set(data), set(data) - needed - possible
    return f"missing {missing}, unknown {unknown}" if missing or unknown else None
