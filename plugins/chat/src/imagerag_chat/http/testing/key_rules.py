"""The key comes from the environment, goes to the server, and is seen nowhere."""

from __future__ import annotations

import json
import os
import re
import traceback
from pathlib import Path
from typing import Any

import pytest

from imagerag import ImageRAG, Run, save, tell
from imagerag.collection import Collection
from imagerag.errors import CredentialsError
from imagerag.roles import Context, Found
from imagerag.testing import Answer, LoopbackVLM, Plain, registry
from imagerag.testing.doubles import SeededGenerator
from imagerag.values import Missing, Usage
from imagerag_chat.http.testing.provider import (
    FIRST,
    KEY,
    PROMPT,
    WRONG,
    ProviderRules,
    picture,
)


class KeyRules(ProviderRules):
    """A planted key, a server that repeats it, and a whole run."""

    def test_a_missing_key_is_told_with_its_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """And with how to set it."""
        monkeypatch.delenv(self.critic.usual_key)
        options: dict[str, Any] = {}
        critic = self.critic(self.config(**options), Context(lambda role: None, Path("unused")))
        with pytest.raises(CredentialsError, match=f"export {self.critic.usual_key}="):
            critic.review(picture(), PROMPT)
        critic.close()

    def test_a_missing_key_is_told_before_anything_is_painted(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A draft may take minutes, or cost money."""
        monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
        monkeypatch.delenv(self.critic.usual_key)
        painted: list[Any] = []
        monkeypatch.setattr(SeededGenerator, "generate", lambda self, asked: painted.extend(asked))
        with pytest.raises(CredentialsError, match=f"export {self.critic.usual_key}="):
            self._run(self.critic.home, tmp_path)
        assert painted == []

    def test_the_key_is_taken_out_of_what_the_server_says(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Answers, refusals, redirects, errors, and the headers that libraries log."""
        caplog.set_level("DEBUG")
        echo = {"X-Echo": KEY, "Location": f"https://{KEY}.example/", "Request-Id": KEY}
        error = json.dumps({"error": {"message": f"bad key {KEY}", "type": KEY, "code": KEY}})
        missing = [{"concept": f"a {KEY}", "caption": f"a photo of a {KEY}"}]
        script: list[Any] = [
            {**WRONG, "missing": missing, "note": KEY},
            Answer(f"I'm sorry, {KEY}", refusal=f"no, {KEY}", finish="refusal"),
            Plain(302, "", echo),
            Plain(400, error, echo),
            Plain(200, error, echo),
            Plain(401, error, echo),
        ]
        spent: list[Usage] = []
        with LoopbackVLM(script) as server:
            critic = self.make(server, spent)
            reviews = [critic.review(picture(), PROMPT) for _ in script[:-1]]
            with pytest.raises(CredentialsError, match=self.critic.usual_key) as caught:
                critic.review(picture(), PROMPT)
            critic.close()
        assert isinstance(reviews[0], Missing), reviews
        told = "".join(traceback.format_exception(caught.value)) + repr((reviews, spent))
        assert f"${self.critic.usual_key}" in told
        assert KEY not in told
        # Which variable it is called by is open: others may hold the same key.
        assert re.search(r"\$[A-Z_]+", caplog.text), "a library logs what came"
        assert KEY not in caplog.text

    def test_headers_of_the_environment_are_not_sent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Clients add them by themselves; they may hold credentials, for any server whatever."""
        variable = f"{self.critic.provider.upper()}_CUSTOM_HEADERS"
        monkeypatch.setenv(variable, "X-Other-Key: another-canary\nAuthorization: Bearer canary")
        with LoopbackVLM([FIRST], key=KEY) as server:
            critic = self.make(server, deadline=20.0)
            critic.compare(PROMPT, picture(), picture())
            critic.close()
        (request,) = server.requests
        assert request.key_arrived
        assert "x-other-key" not in request.headers

    def test_a_run_and_its_picture_hold_no_key(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Record, story, picture, every file that was written, and what was printed."""
        monkeypatch.setenv("IMAGERAG_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        with LoopbackVLM([WRONG, FIRST], key=KEY) as server:
            run = self._run(self.address(server), tmp_path)
        assert [line.call for line in run.ledger] == ["review", "compare"]
        assert [request.key_arrived for request in server.requests] == [True, True]
        save(run, tmp_path / "picture.png")
        printed = capfd.readouterr()
        texts = (tell(run), json.dumps(run.to_json()), repr(run), printed.out, printed.err)
        assert not [text for text in texts if KEY in text]
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert tmp_path / "picture.png" in files
        assert not [file for file in files if KEY.encode() in file.read_bytes()]

    def _run(self, address: str, folder: Path) -> Run:
        picture().save(folder / "hedgehog.png")
        place = Path(os.environ["IMAGERAG_HOME"]) / "collections" / "pool"
        found = Found("hedgehog.png", folder / "hedgehog.png", None, "a photo of a hedgehog")
        with Collection.create(place, "pool") as collection:
            collection.add([found])
        settings = {
            "collection": "pool",
            "generator": {"use": "seeded", "width": 32, "height": 32},
            "conditioner": {"use": "plain"},
            "critic": {
                "use": self.critic.provider,
                "base_url": address,
                "deadline": 30.0,
            },
            "encoder": {"use": "hashing"},
            "retriever": {"use": "memory"},
        }
        plugins = registry(f"imagerag_{self.critic.provider}.plugin")
        with ImageRAG.from_config(settings, registry=plugins, progress=False) as rag:
            return rag.generate(PROMPT, seed=1)
