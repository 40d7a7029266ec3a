"""The base of conditioners for models that are told of their references by number, in words."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field, field_validator

from imagerag.component_config import ComponentConfig
from imagerag.errors import CapabilityError
from imagerag.roles import Conditioner
from imagerag.values import Ability, Capability, Guidance, Reference
from imagerag_diffusers.captions import caption_of, without_markup

FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "template": (frozenset({"groups", "prompt"}), frozenset({"prompt"})),
    "group": (frozenset({"images", "caption"}), frozenset({"images", "caption"})),
}
"""Which fields each template may use, and which it must."""


class NumberedConditionerConfig(ComponentConfig):
    """Options of a conditioner that numbers references."""

    template: str = Field(
        "According to {groups}, generate {prompt}",
        description="The text with references: {groups}, which edits leave out, and {prompt}.",
    )
    group: str = Field(
        "{images} of {caption}",
        description="One member of {groups}: the images of one caption by number, and the caption. "
        "Commas join the members.",
    )
    unnamed: str = Field(
        "the subject",
        min_length=1,
        description="The caption of images of which none is known.",
    )
    max_caption: int = Field(300, ge=8, le=2000, description="Most characters of a caption.")

    @field_validator("template", "group", "unnamed")
    @classmethod
    def _holds_no_markup(cls, value: str) -> str:
        if without_markup(value) != value:
            raise ValueError(f"{value!r} holds markup of a model's chat")
        return value

    @field_validator("template", "group")
    @classmethod
    def _fields_are_known(cls, value: str, info: Any) -> str:
        allowed, required = FIELDS[info.field_name]
        try:
            found = [field for field in string.Formatter().parse(value) if field[1] is not None]
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from error
        used = [name for _, name, _, _ in found]
        if (
            not required <= set(used) <= allowed
            or len(set(used)) < len(used)
            or any(form or conversion for _, _, form, conversion in found)
        ):
            names = " and ".join(f"{{{name}}}" for name in sorted(required))
            more = ", ".join(f"{{{name}}}" for name in sorted(allowed - required))
            raise ValueError(
                f"{value!r} must use {names}{f', may use {more}' if more else ''}, each once, "
                "and nothing else"
            )
        return value


@dataclass(frozen=True)
class Group:
    """References of one caption."""

    caption: str
    references: tuple[Reference, ...]


class NumberedConditioner(Conditioner):
    """Writes "According to image 1 of {caption}, image 2 of {caption}, generate {prompt}".

    What an image is called ("image 1", "Picture 1") is the generator's `reference_syntax`.
    """

    needs: ClassVar[frozenset[Ability]] = frozenset({"text", "in-context"})

    name: ClassVar[str]
    """What the offer calls it, for messages."""

    config: NumberedConditionerConfig

    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return guidance: the prompt alone without references, numbered captions with them.

        The user's own images come first, and images of one caption together; the guidance holds
        the references in the order of their numbers. Words of the model's chat are removed from the
        prompt, which the run record says.

        Raises:
            CapabilityError: More references than the generator takes, a generator that has no
                words for them, or a prompt of nothing but markup.
        """
        syntax = capability.reference_syntax
        if len(references) > capability.max_references:
            raise CapabilityError(
                f"{len(references)} references, but the generator takes at most "
                f"{capability.max_references}. Give fewer."
            )
        if references and "{k}" not in syntax:
            raise CapabilityError(
                f"The conditioner {self.name!r} numbers references inside the prompt, and this "
                f"generator has no words for that (reference_syntax is {syntax!r}). Set "
                "conditioner.use to the generator's own conditioner."
            )
        text = self._plain(prompt)
        groups = self._grouped(references, prompt)
        ordered = tuple(reference for group in groups for reference in group.references)
        if any(reference.strength is not None for reference in ordered):
            self.context.decide(
                "condition", "leave strengths aside", "the generator sees all its images in full"
            )
        width, height = size or (None, None)
        return Guidance(
            prompt=self._worded(text, groups, syntax) if groups else text,
            seed=seed,
            references=ordered,
            width=width,
            height=height,
        )

    def versions(self) -> Mapping[str, str]:
        """Return the wording, which the configuration may change."""
        return {"template": self.config.template, "group": self.config.group}

    def _plain(self, prompt: str) -> str:
        text = without_markup(prompt)
        if text == prompt:
            return prompt
        if not text.strip():
            raise CapabilityError(
                f"The prompt {prompt!r} is nothing but markup of a model's chat: say in words what "
                "to paint."
            )
        self.context.decide(
            "condition",
            "remove markup from the prompt",
            f"the model would take it for a part of its chat; what is left: {text[:120]!r}",
        )
        return text

    def _grouped(self, references: Sequence[Reference], prompt: str) -> list[Group]:
        """Return the references by caption, the user's own first; else they stay in their order."""
        found: dict[tuple[bool, str], list[Reference]] = {}
        for reference in sorted(references, key=lambda each: each.origin != "user"):
            caption = caption_of(reference, prompt, self.config.max_caption)
            key = (reference.origin == "user", caption or self.config.unnamed)
            found.setdefault(key, []).append(reference)
        return [Group(caption, tuple(members)) for (_, caption), members in found.items()]

    def _worded(self, prompt: str, groups: Sequence[Group], syntax: str) -> str:
        texts, number = [], 0
        for group in groups:
            last = number + len(group.references)
            names = [syntax.format(k=k) for k in range(number + 1, last + 1)]
            texts.append(self.config.group.format(images=_listed(names), caption=group.caption))
            number = last
        return self.config.template.format(groups=", ".join(texts), prompt=prompt)


def _listed(names: Sequence[str]) -> str:
    """Return "a", "a and b", or "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
