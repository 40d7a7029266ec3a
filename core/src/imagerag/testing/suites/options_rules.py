"""Rules about options: what a user may write into a component's table."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.verdict import broken, require

if TYPE_CHECKING:
    from imagerag.testing.suites.workshop import Workshop

UNKNOWN = "no_such_option_of_anybody"

_SECRET = re.compile(
    r"(?:^|_)(?:api_?key|secret|password|passwd|credentials?|(?:access|auth|bearer|hf)_?token)$",
    re.IGNORECASE,
)


class OptionsRules:
    """Rules about the configuration class that an offer names."""

    @rule()
    def test_unknown_options_are_refused(self, workshop: Workshop) -> None:
        """An option that does not exist is an error, never ignored."""
        try:
            workshop.config_class.model_validate({**workshop.config.model_dump(), UNKNOWN: 1})
        except ValidationError:
            return
        broken(
            f"{workshop.config_class.__name__} accepts the option {UNKNOWN!r}: derive it from "
            "imagerag.ComponentConfig, or set extra='forbid'"
        )

    @rule()
    def test_options_survive_json(self, workshop: Workshop) -> None:
        """Options written as JSON and read again are the same options, as a record needs."""
        text = workshop.config.model_dump_json()
        again = workshop.config_class.model_validate(json.loads(text))
        require(again == workshop.config, f"{workshop.config!r} comes back as {again!r}")

    @rule()
    def test_options_are_explained(self, workshop: Workshop) -> None:
        """Each option has a description, for `imagerag plugins info` and the configuration file."""
        lacking = [
            name
            for name, field in _model(workshop).model_fields.items()
            if not (field.description or "").strip()
        ]
        require(not lacking, f"no description for: {', '.join(lacking)}")

    @rule()
    def test_options_have_defaults(self, workshop: Workshop) -> None:
        """Each option has a default, so that a table may name what it changes and nothing else."""
        lacking = [n for n, field in _model(workshop).model_fields.items() if field.is_required()]
        require(not lacking, f"no default for: {', '.join(lacking)}")

    @rule()
    def test_keys_are_no_options(self, workshop: Workshop) -> None:
        """No option holds a secret: keys come from the environment, never from a file or record."""
        secret = [name for name in _model(workshop).model_fields if _SECRET.search(name)]
        require(
            not secret,
            f"named like a secret: {', '.join(secret)}. Read it from the environment, and name "
            "the variable in Offer.keys",
        )


def _model(workshop: Workshop) -> type[BaseModel]:
    model: type[BaseModel] = workshop.config_class
    return model
