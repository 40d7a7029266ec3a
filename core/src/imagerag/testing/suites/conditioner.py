"""What conditioners are held to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import pytest

from imagerag.testing.suites.easel import BY_REFERENCE
from imagerag.testing.suites.hostile import TEXTS
from imagerag.testing.suites.pictures import picture
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, refused, require
from imagerag.values import Ability, Capability, Guidance, Hit, Item, Reference

if TYPE_CHECKING:
    from imagerag.roles import Conditioner
    from imagerag.testing.suites.workshop import Workshop

PROMPT = "a hedgehog reading a newspaper"
CAPTION = "a photo of a hedgehog"
MOST = 3
SEED = 11

_PLAIN_SYNTAX = "<|image_{k}|>"
_ALWAYS = ("<img>", "</img>", "<|", "|>")


class ConditionerSuite(ComponentSuite):
    """Holds a conditioner to its role.

    `capability` is that of the generator it speaks to, such as your generator declares it. Where
    None, it is one with just the abilities that the conditioner needs, which takes three references
    where one of these is an ability to take any.
    """

    role = "conditioner"

    capability: ClassVar[Capability | None] = None

    @pytest.fixture(scope="class")
    @classmethod
    def known(cls, request: pytest.FixtureRequest, subject: Conditioner) -> Capability:
        """The capability of the generator that it speaks to."""
        declared: Capability | None = request.cls.capability
        return declared or _least(subject)

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, known: Capability) -> dict[str, Any]:
        """What it is exercised with."""
        return {"references": [_reference(1)][: known.max_references], "capability": known}

    def exercise(self, subject: Any, given: Any) -> Any:
        """Condition a prompt on a reference."""
        guidance = subject.condition(PROMPT, given["references"], given["capability"], seed=SEED)
        return guidance.prompt, guidance.seed, json.dumps(dict(guidance.options), sort_keys=True)

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """More references than fit."""
        known = type(self).capability or _least(subject)
        yield (
            f"{known.max_references + 1} references, where {known.max_references} fit,",
            lambda: self._condition(subject, known, known.max_references + 1),
        )

    @rule()
    def test_needs_are_abilities(self, subject: Conditioner) -> None:
        """`needs` names abilities of generators, so that they can be checked beforehand."""
        needs = subject.needs
        unknown = sorted(set(needs) - set(get_args(Ability)))
        require(
            isinstance(needs, frozenset) and bool(needs) and not unknown,
            f"needs is {needs!r}, and is to be a frozenset of {get_args(Ability)}",
        )

    @rule()
    def test_needs_suffice(self, subject: Conditioner, known: Capability) -> None:
        """A generator with the abilities that it needs is enough, with references and without."""
        least = replace(known, abilities=subject.needs)
        for count in sorted({0, min(1, known.max_references)}):
            try:
                self._condition(subject, least, count)
            except Exception as error:
                broken(
                    f"with the abilities {sorted(least.abilities)}, {count} references raise "
                    f"{type(error).__name__}: {error}"
                )

    @rule()
    def test_the_prompt_is_kept(self, subject: Conditioner, known: Capability) -> None:
        """The user's words are in the final prompt, with references and without."""
        for count in sorted({0, min(1, known.max_references), min(2, known.max_references)}):
            final = self._condition(subject, known, count).prompt
            require(
                PROMPT.casefold() in final.casefold(),
                f"with {count} references {PROMPT!r} becomes {final!r}",
            )

    @rule()
    def test_without_references_it_is_the_draft(
        self, subject: Conditioner, known: Capability
    ) -> None:
        """Without references, guidance has none, and its prompt names none."""
        guidance = self._condition(subject, known, 0)
        require(guidance.references == (), f"there are references: {guidance.references}")
        for place in _places(known):
            require(place not in guidance.prompt, f"the prompt names {place!r}: {guidance.prompt}")

    @rule()
    def test_references_are_kept(self, subject: Conditioner, known: Capability) -> None:
        """All references are in the guidance, in their order: fewer would be a silent cut."""
        for count in range(1, known.max_references + 1):
            wanted = [reference.digest for reference in _references(count)]
            kept = [r.digest for r in self._condition(subject, known, count).references]
            require(kept == wanted, f"of {count} references there are {len(kept)}, or reordered")

    @rule()
    def test_too_many_references_are_refused(self, subject: Conditioner, known: Capability) -> None:
        """More references than the generator takes raise CapabilityError: the loop cuts before."""
        most = known.max_references
        refused(
            lambda: self._condition(subject, known, most + 1),
            f"{most + 1} references, where at most {most} fit,",
        )

    @rule()
    def test_seed_and_size_are_kept(self, subject: Conditioner, known: Capability) -> None:
        """The seed, and the size where there is one, are in the guidance as they were given."""
        for count in (0, min(1, known.max_references)):
            for size in (None, (320, 192)):
                guidance = self._condition(subject, known, count, size=size)
                got = (guidance.width, guidance.height)
                require(guidance.seed == SEED, f"the seed {SEED} becomes {guidance.seed}")
                require(got == (size or (None, None)), f"the size {size} becomes {got}")

    @rule()
    def test_captions_are_words(self, subject: Conditioner, known: Capability) -> None:
        """A caption adds no placeholder of the reference syntax, and breaks no template.

        Captions come from files and models of others: 32 texts that try to be more than text.
        """
        count = min(1, known.max_references)
        harmless = self._condition(subject, known, count).prompt
        forged = tuple(f"a cat {place} and {place[:-1]}{place}" for place in _places(known))
        for text in (*TEXTS, *forged):
            try:
                final = self._condition(subject, known, count, caption=text).prompt
            except Exception as error:
                broken(f"the caption {text[:60]!r} raises {type(error).__name__}: {error}")
            for place in (*_ALWAYS, *_places(known)):
                require(
                    final.count(place) == harmless.count(place),
                    f"the caption {text[:60]!r} adds {place!r} to the prompt: {final[:200]!r}",
                )

    @rule()
    def test_options_are_json(self, subject: Conditioner, known: Capability) -> None:
        """Options of the guidance are JSON values, for the record and for replaying."""
        for count in range(known.max_references + 1):
            options = dict(self._condition(subject, known, count).options)
            try:
                again = json.loads(json.dumps(options))
            except (TypeError, ValueError) as error:
                broken(f"the options {options!r} are no JSON: {error}")
            require(again == options, f"the options {options!r} come back as {again!r}")

    @staticmethod
    def _condition(
        subject: Conditioner,
        capability: Capability,
        count: int,
        *,
        caption: str | None = None,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        references = _references(count, caption)
        return subject.condition(PROMPT, references, capability, seed=SEED, size=size)


def _least(conditioner: Conditioner) -> Capability:
    """Return the capability of the least generator that has what a conditioner needs.

    One that is to paint from words alone takes no references.
    """
    syntax = _PLAIN_SYNTAX if "in-context" in conditioner.needs else ""
    most = MOST if conditioner.needs & BY_REFERENCE else 0
    return Capability(conditioner.needs, most, min(1, most), syntax)


def _places(capability: Capability) -> Sequence[str]:
    """Return what stands for a reference in a prompt; a syntax of plain words is none."""
    syntax = capability.reference_syntax
    if not syntax or syntax.format(k="").replace(" ", "").isalnum():
        return ()
    return [syntax.format(k=k) for k in range(1, capability.max_references + 2)]


def _references(count: int, caption: str | None = None) -> list[Reference]:
    return [_reference(number, caption) for number in range(1, count + 1)]


def _reference(number: int, caption: str | None = None) -> Reference:
    words = CAPTION if caption is None else caption
    digest = f"{number:064x}"
    hit = Hit(Item(digest, words), 1.0 / number)
    return Reference(picture(number), words, concept="hedgehog", hit=hit, digest=digest)
