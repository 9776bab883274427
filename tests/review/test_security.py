"""What the workbench refuses: other hosts, pages and tokens, bodies that are no decisions, names of files."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .served import Client, Served, serving
from .small_runs import all_kinds, curated

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    run = curated(tmp_path_factory.mktemp("guarded") / "parts", all_kinds())
    with serving(run.folder) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Client:
    return served.client()


def token(served: Served) -> str:
    return served.address.rsplit("/", 2)[1]


def raw(served: Served, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """A request as it is written here, which no client has made proper; a header of "" is left out."""
    host = served.origin.removeprefix("http://")
    stated = {"Host": host, "Content-Length": str(len(body)), "Connection": "close"}
    stated |= {"Origin": served.origin, "Content-Type": "application/json"} if method == "POST" else {}
    stated |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in stated.items() if value)]
    with socket.create_connection((host.partition(":")[0], int(host.partition(":")[2])), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return answer.status, answer.read().decode()


def test_another_token_finds_nothing(served):
    right = token(served)
    for wrong in ("", "x", right[:-1], right + "x", right.upper(), right[::-1], f"{right}%00", "%C3%A9"):
        for path in ("/", "/api/state", "/page/app.js"):
            assert raw(served, "GET", f"/{wrong}{path}")[0] == 404
    assert raw(served, "GET", f"/{right}")[0] == 404
    assert raw(served, "GET", f"/{right}/api/state")[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:PORT.evil.example", "", "localhost",
        "127.0.0.1:PORT@evil.example", "evil.example#127.0.0.1:PORT", "[::1", "127.0.0.2:PORT", "0:PORT", ":PORT",
    ],
)  # fmt: skip
def test_another_host_is_refused(served, host):
    port = served.origin.rsplit(":", 1)[1]
    status, text = raw(served, "GET", f"/{token(served)}/api/state", Host=host.replace("PORT", port))
    assert status in (400, 403), text
    assert "overrides" not in text


def test_two_hosts_are_refused(served):
    first = served.origin.removeprefix("http://")
    status, _ = raw(served, "GET", f"/{token(served)}/api/state", Host=f"{first}\r\nHost: evil.example")
    assert status in (400, 403)


def test_the_names_of_this_machine_alone_are_its_own(served):
    port = served.origin.rsplit(":", 1)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
        assert raw(served, "GET", f"/{token(served)}/api/state", Host=host)[0] == 200


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "https://127.0.0.1:PORT", "http://127.0.0.1:1"])
def test_another_page_writes_nothing(served, client, origin):
    before = client.state()
    port = served.origin.rsplit(":", 1)[1]
    status, _ = raw(served, "POST", f"/{token(served)}/api/undo", b"{}", Origin=origin.replace("PORT", port))
    assert status == 403
    assert client.state() == before


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; application/json"],
)
def test_only_json_is_read(served, kind):
    assert raw(served, "POST", f"/{token(served)}/api/undo", b"{}", Content_Type=kind)[0] == 415


def test_a_huge_body_is_refused_whatever_its_length_is_said_to_be(served):
    path = f"/{token(served)}/api/decide"
    body = b'{"text": "' + b"x" * 1_000_001 + b'"}'
    assert raw(served, "POST", path, body)[0] == 413
    assert raw(served, "POST", path, b"", Content_Length="100000000000")[0] == 413
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:600_000], body[600_000:]))
    chunked = raw(served, "POST", path, pieces + b"0\r\n\r\n", Content_Length="", Transfer_Encoding="chunked")
    assert chunked[0] == 413
    assert raw(served, "POST", path, b"{}", Content_Length="-1")[0] in (400, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"1", b"{", b"\xff", b'{"who": NaN}', b'{"who": Infinity}', b"[" * 100_000, b'{"a":' * 50_000,
        b"1" * 10_000, b'{"who": "Ada", "stamp": "\\ud800"}', b'{"who": 1, "stamp": ""}', b'{"who": "Ada"}',
        b'{"who": ["Ada"], "stamp": ""}', b'{"who": "Ada", "stamp": {}}', b'{"who": "' + b"A" * 300 + b'", "stamp": ""}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_a_sentence(served, body):
    status, text = raw(served, "POST", f"/{token(served)}/api/undo", body)
    assert status == 400
    assert text.startswith('{"error": ')


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../desk.py", "..%2fdesk.py", "%2e%2e/desk.py", "..%5cdesk.py", "../../pyproject.toml",
        "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "base.css/", "base.css%00", "base.css%00.js", "BASE.CSS",
        "....//desk.py", "desk.py", "__init__.py", "page/base.css", "a" * 5000, "%ff%fe", "\u00e9",
    ],
)  # fmt: skip
def test_no_other_file_is_served(served, name):
    status, text = raw(served, "GET", f"/{token(served)}/page/{name}")
    assert status in (400, 404), text
    assert "import" not in text
    assert "root:" not in text


def test_the_style_of_the_report_is_served(served):
    status, text = raw(served, "GET", f"/{token(served)}/page/base.css")
    assert status == 200
    assert text == (Path(__file__).parents[2] / "reports/styles/base.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/api/state", "/api/decide", "/page/base.css"])
def test_other_methods_do_nothing(served, method, path):
    status, text = raw(served, method, f"/{token(served)}{path}")
    assert status in (400, 403, 405)
    assert "overrides" not in text


def test_a_head_has_the_headers_alone(served, client):
    answer = client.http.head("api/state")
    assert answer.status_code == 200
    assert answer.content == b""
    assert raw(served, "HEAD", "/x/api/state") == (404, "")


@pytest.mark.parametrize("path", ["api/state", "api/none", "page/base.css", "page/none", ""])
def test_each_answer_keeps_others_out(client, path):
    headers = client.http.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert not [name for name in headers if name.startswith("access-control")]
    assert "server" not in headers


def test_a_refused_request_has_these_headers_too(served):
    answer = served.client().http.get(f"{served.origin}/wrong/api/state")
    assert answer.status_code == 404
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("kind", ["", "none", "../conflict", "conflict\0", "<script>", "conflict' OR 1=1", "\u2028"])
def test_an_unknown_kind_is_not_found(client, kind):
    for name in ("item", "queue"):
        answer = client.http.get(f"api/{name}", params={"kind": kind, "key": "1"})
        assert answer.status_code == 404
        assert "error" in answer.json()


@pytest.mark.parametrize(
    "key", ["", "none", "-1", "1e9", "99999999999999999999", "../1", "1\0", "<b>", "a" * 5000, "\U0001f600"]
)
def test_an_unknown_key_is_not_found(client, key):
    answer = client.http.get("api/item", params={"kind": "conflict", "key": key})
    assert answer.status_code == 404
    stated = {"kind": "conflict", "key": key, "action": "left", "seen": {}}
    assert client.send("decide", **stated).status_code == 404


@pytest.mark.parametrize(
    ("name", "value"), [("start", "-1"), ("start", "x"), ("limit", "1.5"), ("start", "9" * 30), ("left", "2")]
)
def test_a_number_that_is_none_is_refused(client, name, value):
    answer = client.http.get("api/queue", params={"kind": "conflict", name: value})
    assert answer.status_code == 400
    assert f'"{name}"' in answer.json()["error"]


def test_an_answer_has_at_most_some_hundred_rows(client):
    assert len(client.get("queue", kind="rejected", limit=10**8)["entries"]) <= 500
