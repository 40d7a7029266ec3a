"""Where weights come from, what they must be, and what is said where they are not."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imagerag.errors import CapabilityError, CredentialsError, WeightsError
from imagerag_omnigen.config import OmniGenConfig
from imagerag_omnigen.generator import OmniGenGenerator
from imagerag_omnigen.published import CATALOGUE, OMNIGEN

COMMIT = CATALOGUE[OMNIGEN].revision
UNWANTED = {
    "README.md": b"",
    "pipeline.py": b"raise SystemExit",
    "transformer/diffusion_pytorch_model.bin": b"pickle",
    "transformer/diffusion_pytorch_model.fp16.safetensors": b"",
    "model.safetensors": b"",
}


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as a snapshot download speaks."""

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        if self.path.removeprefix("/api/models").startswith("/us/gated"):
            return self.send(401, b"", {"X-Error-Code": "GatedRepo"})
        if COMMIT not in self.path:
            return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        files = self.server.files
        if "/tree/" in self.path:
            rows = [
                {"type": "file", "path": name, "size": len(data), "oid": f"{number:040x}"}
                for number, (name, data) in enumerate(files.items())
            ]
            return self.send(200, json.dumps(rows).encode())
        if self.path.startswith("/api/models"):
            facts = {"id": OMNIGEN, "sha": COMMIT, "siblings": [{"rfilename": n} for n in files]}
            return self.send(200, json.dumps(facts).encode())
        name = self.path.partition(f"/resolve/{COMMIT}/")[2]
        if body:
            self.server.fetched.append(name)
        number = list(files).index(name)
        return self.send(
            200, files[name], {"ETag": f'"{number:040x}"', "X-Repo-Commit": COMMIT}, body
        )

    def send(self, status, data, headers=None, body=True):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture
def hub(tiny, tmp_path, monkeypatch):
    """A hub on this machine: the tiny model under the published name, and what else lies there."""
    from huggingface_hub import close_session, constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files = {
        str(path.relative_to(tiny)): path.read_bytes()
        for path in sorted(tiny.rglob("*"))
        if path.is_file()
    } | UNWANTED
    server.fetched = []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    yield server
    close_session()
    server.shutdown()
    server.server_close()


def test_the_published_model_is_fetched_at_its_commit_and_nothing_else_is(make, say, shown, hub):
    guidance = say("a cat", *shown[:2])
    (here,) = make().generate([guidance])
    fetched = make(fresh=True, model=OMNIGEN)
    (there,) = fetched.generate([guidance])
    assert here.tobytes() == there.tobytes()
    assert set(hub.fetched) == set(hub.files) - set(UNWANTED)
    assert fetched.versions()["revision"] == COMMIT
    fetched.close()
    hub.fetched.clear()
    fetched.generate([guidance])
    fetched.close()
    assert hub.fetched == [], "a second start fetches nothing"


def test_a_gated_model_asks_for_a_token(make, say, hub):
    generator = make(fresh=True, model="us/gated", revision=COMMIT)
    with pytest.raises(CredentialsError, match=r"'us/gated' is gated.*HF_TOKEN"):
        generator.generate([say("a cat")])


def test_an_autoencoder_of_other_proportions_is_named(make, say, tiny, tmp_path):
    """The processor has 16 pixels a token built in; diffusers fails at a shape much later."""
    from diffusers import OmniGenPipeline

    from imagerag_diffusers.quiet import quiet
    from imagerag_diffusers.testing import autoencoder

    with quiet():
        pipe = OmniGenPipeline.from_pretrained(
            tiny, vae=autoencoder(blocks=3), local_files_only=True
        )
        pipe.save_pretrained(tmp_path / "other")
    with pytest.raises(WeightsError, match=r"a token of 8 pixels.*counts on 16.*4 blocks"):
        make(fresh=True, model=str(tmp_path / "other")).generate([say("a cat")])


def test_memory_that_runs_out_is_a_message_and_leaves_the_generator_usable(make, say, shown):
    import torch

    generator = make(fresh=True)
    guidance = say("a cat", *shown[:2])
    (before,) = generator.generate([guidance])
    hook = generator._loaded.pipe.transformer.register_forward_pre_hook(
        lambda *given: torch.empty(2**55)
    )
    with pytest.raises(CapabilityError, match="Memory ran out while painting 1 at 64×64") as seen:
        generator.generate([guidance])
    hook.remove()
    (after,) = generator.generate([guidance])
    generator.close()
    for option in ("offload", "quantisation", "smaller size"):
        assert option in str(seen.value)
    assert before.tobytes() == after.tobytes()


def test_group_offloading_and_tiling_paint_the_same_picture(make, say, shown, monkeypatch):
    """Here from the CPU to the CPU, which moves nothing but runs every hook."""
    import torch

    from imagerag_diffusers.placement import place

    def prepare(self, pipe):
        place(pipe, make(offload="group", vae_tiling=True).config, torch.device("cpu"))

    guidance = say("a cat", *shown[:2])
    (before,) = make().generate([guidance])
    monkeypatch.setattr(OmniGenGenerator, "prepare", prepare)
    generator = make(fresh=True)
    (after,) = generator.generate([guidance])
    modules = generator._loaded.pipe.transformer.modules()
    assert any(hasattr(module, "_diffusers_hook") for module in modules)
    assert generator._loaded.pipe.vae.use_tiling
    generator.close()
    assert before.tobytes() == after.tobytes()


def test_bfloat16_is_what_a_gpu_gets_and_paints_here_too(make, say, shown):
    """The published weights are bfloat16; float16 overflows where that was trained in."""
    assert OmniGenConfig.half == "bfloat16"
    (picture,) = make(dtype="bfloat16").generate([say("a cat", *shown[:2])])
    assert len(set(picture.tobytes())) > 20, "no flat picture, as of values that are not numbers"


def test_what_is_declared_follows_the_options_and_loads_nothing(make):
    published = OmniGenGenerator(OmniGenConfig(), None)
    have, facts = published.capability(), published.facts()
    assert have.abilities == {"text", "in-context", "edit"}
    assert (have.max_references, have.recommended_references) == (3, 3)
    assert have.reference_syntax.format(k=2) == "<img><|image_2|></img>"
    assert (have.licence, have.commercial, have.steps) == ("MIT", True, 50)
    assert all(512 <= side <= 1024 and side % 16 == 0 for size in have.sizes for side in size)
    assert (facts.model, facts.revision) == (OMNIGEN, COMMIT)
    assert (facts.implementation, facts.usd_per_picture) == ("diffusers.OmniGenPipeline", 0.0)
    assert facts.memory_gb is None, "unknown, and said so"
    assert "random" in facts.proven
    assert published._loaded is None
    other = make(max_references=2, memory_gb=20.0)
    assert (other.capability().max_references, other.capability().recommended_references) == (2, 2)
    assert other.facts().memory_gb == 20.0
    assert other.facts().revision.startswith("sha256:")
    assert other.facts().licence is None, "nothing is known of a folder"
