"""What comes of a hub model: against a hub of our own, on the loopback interface."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"config.json": b"{}", "model.safetensors": b"weights", "model.bin": b"pickle", "a.py": b""}
PICKLED = {"config.json": b"{}", "model.bin": b"pickle"}

ASK = """
import sys
from imagerag.errors import ImageRAGError
from imagerag_torch import resolve_weights
try:
    folder = resolve_weights(*sys.argv[1:])
    print("found", *sorted(path.name for path in folder.iterdir()))
except ImageRAGError as error:
    print(type(error).__name__, error)
"""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a snapshot download speaks."""

    requests: list[str]

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        self.server.requests.append(self.path)
        name = "/".join(self.path.removeprefix("/api/models").strip("/").split("/")[:2])
        trouble = {
            "us/gated": (401 if "authorization" not in self.headers else 403, "GatedRepo"),
            "us/none": (401, "RepoNotFound"),
            "us/ill": (500, ""),
        }.get(name)
        if trouble is None and COMMIT not in self.path:
            trouble = (404, "RevisionNotFound")
        if trouble:
            return self.send(trouble[0], b"", {"X-Error-Code": trouble[1]} if trouble[1] else {})
        files = PICKLED if name == "us/pickled" else FILES
        if self.path.startswith("/api/models"):
            if "/tree/" in self.path:
                rows = [
                    {"type": "file", "path": n, "size": len(d), "oid": f"{at:040x}"}
                    for at, (n, d) in enumerate(files.items())
                ]
                return self.send(200, json.dumps(rows).encode())
            facts = {"id": name, "sha": COMMIT, "siblings": [{"rfilename": n} for n in files]}
            return self.send(200, json.dumps(facts).encode())
        data = files[self.path.rsplit("/", 1)[-1]]
        etag = {"ETag": f'"{hash(data) & (2**160 - 1):040x}"', "X-Repo-Commit": COMMIT}
        return self.send(200, data, etag, body)

    def send(self, status, data, headers=None, body=True):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ask(hub, tmp_path):
    """Resolve a model in a fresh process, whose hub is ours and whose cache is empty at first."""

    def one(*arguments, **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        given = {
            **kept,
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
            **environment,
        }
        done = subprocess.run(
            [sys.executable, "-c", ASK, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=given,
            timeout=60,
        )
        return done.stdout.strip()

    return one


def test_a_pinned_model_is_fetched_without_pickles_and_code(ask, hub):
    assert ask("us/model", COMMIT) == "found config.json model.safetensors"
    assert not any(path.endswith((".bin", ".py")) for path in hub.requests)


def test_what_was_fetched_once_is_there_offline(ask, hub):
    ask("hf-hub:us/model", COMMIT)
    before = len(hub.requests)
    assert ask("us/model", COMMIT, HF_HUB_OFFLINE="1") == "found config.json model.safetensors"
    assert len(hub.requests) == before


def test_offline_without_the_model_says_how_to_fetch_it(ask, hub):
    answer = ask("us/model", COMMIT, HF_HUB_OFFLINE="1")
    assert answer.startswith("WeightsError")
    assert "HF_HUB_OFFLINE is set" in answer
    assert f"hf download us/model --revision {COMMIT}" in answer
    assert hub.requests == []


@pytest.mark.long  # huggingface_hub tries again for some twenty seconds
def test_no_network_is_said_to_be_so(ask):
    answer = ask("us/model", COMMIT, HF_ENDPOINT="http://127.0.0.1:9")
    assert answer.startswith("WeightsError")
    assert "cannot be reached" in answer


def test_a_gated_model_asks_for_a_token(ask):
    answer = ask("us/gated", COMMIT)
    assert answer.startswith("CredentialsError")
    assert "HF_TOKEN" in answer


def test_a_token_without_access_is_not_shown(ask):
    answer = ask("us/gated", COMMIT, HF_TOKEN="hf_planted_secret")
    assert answer.startswith("WeightsError")
    assert "has no access" in answer
    assert "planted" not in answer


def test_an_unknown_model_is_named(ask):
    answer = ask("us/none", COMMIT)
    assert answer.startswith("CredentialsError")
    assert "'us/none'" in answer


def test_an_unknown_revision_is_named(ask):
    answer = ask("us/model", "f" * 40)
    assert answer.startswith("WeightsError")
    assert "f" * 40 in answer


def test_a_model_without_safetensors_is_refused(ask, hub):
    answer = ask("us/pickled", COMMIT)
    assert answer.startswith("WeightsError")
    assert not any(path.endswith(".bin") for path in hub.requests)
