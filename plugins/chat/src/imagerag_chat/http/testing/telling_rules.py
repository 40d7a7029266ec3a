"""What a critic tells: of itself, and of what a model said."""

from __future__ import annotations

from typing import Any

import pytest

from imagerag.errors import CriticError
from imagerag.testing import Answer, LoopbackVLM
from imagerag_chat.http.testing.provider import PROMPT, ProviderRules, picture


class TellingRules(ProviderRules):
    """Versions, and notes."""

    def test_captions_are_known_by_what_they_depend_on(self) -> None:
        """So that a cache of captions outlives changes of what they do not depend on."""
        with LoopbackVLM() as server:
            usual = self._captions(server)
            same = {"deadline": 9.0, "attempts": 1, "compare": "both-orders", "calls": "three"}
            assert {self._captions(server, **{name: same[name]}) for name in same} == {usual}
            other = {
                "model": "another",
                "image_size": 512,
                "image_format": "jpeg",
                "max_tokens": 99,
                "extra_body": {"top_k": 3},
            }
            ids = {self._captions(server, **{name: other[name]}) for name in other}
        assert len(ids | {usual}) == len(other) + 1

    def _captions(self, server: LoopbackVLM, **options: Any) -> str:
        critic = self.make(server, **options)
        critic.close()
        return critic.versions()["captions"]

    def test_what_is_said_instead_of_an_answer_is_plain_and_short(self) -> None:
        """It ends in the record and on the terminal, which it must not steer."""
        said = "no \x1b[31mred\x1b]0;title\x07 \u202e<img>" + "!" * 5000
        with LoopbackVLM([Answer(said, refusal=said, finish="refusal")]) as server:
            critic = self.make(server, deadline=20.0)
            notes = [
                critic.compare(PROMPT, picture(), picture()).note,
                critic.choose(PROMPT, [picture(), picture()]).note,
                critic.edits(picture(), PROMPT).note,
            ]
            with pytest.raises(CriticError, match="red") as caught:
                critic.caption(picture())
            critic.close()
        for note in (*notes, str(caught.value)):
            assert note.isprintable()
            assert "red" in note
            assert len(note) < 1000
