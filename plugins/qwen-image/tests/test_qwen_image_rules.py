"""The rules of every generator on a diffusers pipeline, and those of the roles."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagerag.testing import ConditionerSuite, GeneratorSuite
from imagerag.values import Capability
from imagerag_diffusers.testing.rules import EndingRules, LoadingRules, PictureRules, pixels


class TestQwenImageEdit(PictureRules, EndingRules, LoadingRules):
    def test_a_picture_does_not_depend_on_what_else_is_in_the_batch(self, make, guidances):
        """As the rule, for the one batch size there is."""
        generator = make()
        alone = [pixels(generator.generate([guidance]))[0] for guidance in guidances]
        assert pixels(generator.generate(guidances)) == alone
        assert pixels(generator.generate(guidances[::-1]))[::-1] == alone
        assert len(set(alone)) == len(alone)
        with pytest.raises(ValidationError, match="batch_size"):
            make(batch_size=2)


class TestGenerator(GeneratorSuite):
    component = "qwen-image-edit"
    options = "small"


class TestConditioner(ConditionerSuite):
    component = "qwen-image"
    capability = Capability(frozenset({"text", "in-context", "edit"}), 3, 3, "Picture {k}")
