"""The core's own components, and the doubles, are held to the rules of their roles."""

from __future__ import annotations

from imagerag.testing import (
    ConditionerSuite,
    CriticSuite,
    EncoderSuite,
    GeneratorSuite,
    RerankerSuite,
    RetrieverSuite,
    SourceSuite,
)
from imagerag.values import Capability


class TestSeeded(GeneratorSuite):
    component = "seeded"
    options = {"width": 16, "height": 8}  # noqa: RUF012


class TestNull(GeneratorSuite):
    component = "null"
    xfail = dict.fromkeys(
        (
            "other-seed-other-picture",
            "another-prompt-another-picture",
            "a-reference-matters",
            "each-reference-matters",
            "options-of-nobody-are-refused",
        ),
        "it paints the same grey picture whatever it is given, and at once",
    )


class TestPlain(ConditionerSuite):
    component = "plain"
    capability = Capability(frozenset({"text", "image-prompt"}), 3, 1)


class TestScripted(CriticSuite):
    component = "scripted"
    options = {"answers": ["missing: hedgehog"], "order": [1, 0], "edits": ["add a hedgehog"]}  # noqa: RUF012


class TestHashing(EncoderSuite):
    component = "hashing"
    other_options = {"salt": "another"}  # noqa: RUF012


class TestMemory(RetrieverSuite):
    component = "memory"


class TestUnion(RetrieverSuite):
    component = "union"
    options = {"of": [{"use": "memory"}]}  # noqa: RUF012


class TestCriticChoice(RerankerSuite):
    component = "critic"
    beside = {"critic": {"use": "scripted", "order": [2, 0]}}  # noqa: RUF012


class TestFolder(SourceSuite):
    component = "folder"
