"""One edit as guidance for the editor: the picture as its reference, the instruction in words."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner, Generator
from imagerag.text import clean
from imagerag.values import Guidance, Reference

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_grape.config import GrapeConfig

EDITS = frozenset({"edit", "in-context"})
"""An editor has one of these abilities; an image prompt alone gives variations, not edits."""


def pixels_digest(picture: Image) -> str:
    """Return the SHA-256 of mode, size and pixels, as a run record has it of its pictures."""
    head = f"{picture.mode} {picture.width} {picture.height} ".encode()
    return hashlib.sha256(head + picture.tobytes()).hexdigest()


def check_editor(editor: Generator, name: str, *, paints: bool) -> None:
    """Check that a generator can edit; `paints` says that it is the painter, too.

    Raises:
        CapabilityError: It cannot; the message names what it has.
    """
    have = editor.capability()
    if have.abilities & EDITS and have.max_references:
        return
    role = "the painter, which is to edit too," if paints else "the editor"
    lacks = "takes no reference" if have.abilities & EDITS else f"has {sorted(have.abilities)}"
    raise CapabilityError(
        f"the generator 'grape' needs an editor with the ability 'edit' or 'in-context', and "
        f"{role} {name!r} {lacks}. Set [generator.editor] `use` to one that edits: "
        "`imagerag plugins list --role generator` shows the choice."
    )


def check_conditioner(conditioner: Conditioner, name: str, editor: Generator) -> None:
    """Check that a conditioner's wording is one that the editor understands.

    Raises:
        CapabilityError: It is not.
    """
    have = editor.capability().abilities
    if lacking := conditioner.needs - have:
        raise CapabilityError(
            f"the conditioner {name!r} inside 'grape' needs {sorted(lacking)} of the editor, which "
            f"has {sorted(have)}. Set [generator.conditioner] `use` to one that fits, or leave it "
            "out."
        )


class Wording:
    """Turns a picture and an instruction into guidance for the editor."""

    def __init__(
        self, editor: Generator, conditioner: Conditioner | None, config: GrapeConfig
    ) -> None:
        self._editor = editor
        self._conditioner = conditioner
        self._config = config

    def guidance(
        self, picture: Image, instruction: str, prompt: str, painted: Guidance
    ) -> Guidance:
        """Return the guidance for one edit.

        Args:
            picture: What to edit.
            instruction: What to change, in plain words.
            prompt: What the picture should show, as a caption of it.
            painted: The guidance that the picture was painted with: its seed serves every edit (as
                in the paper's own code), and its size where `edit_size` is "asked".

        Raises:
            CapabilityError: From the conditioner.
        """
        reference = Reference(picture, clean(prompt), "user", digest=pixels_digest(picture))
        size = self._size(picture, painted)
        if self._conditioner is not None:
            return self._conditioner.condition(
                instruction,
                [reference],
                self._editor.capability(),
                seed=painted.seed,
                size=size,
            )
        width, height = size or (None, None)
        return Guidance(
            self._text(instruction), painted.seed, (reference,), width=width, height=height
        )

    def _size(self, picture: Image, painted: Guidance) -> tuple[int, int] | None:
        if self._config.edit_size == "picture":
            return picture.size
        if painted.width is None or painted.height is None:
            return None
        return painted.width, painted.height

    def _text(self, instruction: str) -> str:
        syntax = self._editor.capability().reference_syntax
        template = self._config.editor_prompt or _template(syntax)
        return template.format(image=syntax.format(k=1), instruction=instruction)


def _template(syntax: str) -> str:
    """Return the wording for an editor that names pictures in this way, or not at all."""
    if not syntax:
        return "{instruction}"
    # The paper's for OmniGen is a placeholder and the instruction; words want a colon between.
    return "{image}: {instruction}" if syntax[0].isalpha() else "{image} {instruction}"
