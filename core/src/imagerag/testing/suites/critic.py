"""What critics are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import pytest

from imagerag.roles import CriticAbility
from imagerag.testing.suites.hostile import TEXTS
from imagerag.testing.suites.pictures import cut_short, picture
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, refused, require, unjudged, unwarned
from imagerag.values import Choice, Comparison, Concept, EditPlan, Edits, Matches, Missing, Review

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Critic
    from imagerag.testing.suites.workshop import Workshop

PROMPT = "a hedgehog under a blue umbrella"
TEMPERATURES = (0.0, 0.5, 1.0)

_ABILITIES: tuple[CriticAbility, ...] = get_args(CriticAbility)


class CriticSuite(ComponentSuite):
    """Holds a critic to its role.

    What it says of a picture is not judged, only that it is something the loop understands. A
    critic over a network needs a server on this machine: `imagerag.testing.LoopbackVLM`.
    """

    role = "critic"

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls) -> dict[str, Any]:
        """What it is exercised with: a picture and a prompt."""
        return {"image": picture(1), "prompt": PROMPT}

    def exercise(self, subject: Any, given: Any) -> Any:
        """Review; what kind of answer comes is all that must be the same again."""
        return type(subject.review(given["image"], given["prompt"])).__name__

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """Abilities that it does not declare."""
        for ability in _ABILITIES:
            if ability not in subject.abilities:
                yield f"{ability}()", partial(_ask, subject, ability, PROMPT)

    @rule()
    def test_answers_are_of_the_closed_union(self, subject: Critic) -> None:
        """review() gives one of the seven kinds of `Review`, at any temperature."""
        for temperature in TEMPERATURES:
            answer = subject.review(picture(1), PROMPT, temperature=temperature)
            require(
                isinstance(answer, get_args(Review)),
                f"review() gives a {type(answer).__name__} at temperature {temperature}",
            )

    @rule()
    def test_scores_are_shares(self, subject: Critic) -> None:
        """The score of a concept is None, or from 0 to 1."""
        for number in range(3):
            for concept in _concepts(subject.review(picture(number), PROMPT)):
                score = concept.score
                require(
                    score is None or 0.0 <= score <= 1.0, f"{concept.name!r} has a score of {score}"
                )

    @rule()
    def test_hostile_text_is_data(self, subject: Critic) -> None:
        """Whatever a prompt holds, the answer is a value: 32 texts that try to be more than text.

        Asked of review(), and of plan(), choose() and edits() where they are declared.
        """
        asking = ("review", *(a for a in ("plan", "choose", "edits") if a in subject.abilities))
        for text in TEXTS:
            for ability in asking:
                try:
                    with unwarned():
                        answer = _ask(subject, ability, text)
                except Exception as error:
                    broken(f"{ability}() of {text[:60]!r} raises {type(error).__name__}: {error}")
                _check_answer(ability, answer)

    @rule()
    def test_trouble_is_a_value(self, subject: Critic) -> None:
        """A picture that cannot be read, or is tiny, gives an answer too, never an exception."""
        for what, image in (("of one pixel", picture(1, (1, 1))), ("cut short", cut_short())):
            for ability in ("review", *(a for a in ("choose", "edits") if a in subject.abilities)):
                try:
                    answer = _ask(subject, ability, PROMPT, image)
                except Exception as error:
                    broken(
                        f"{ability}() of a picture {what} raises {type(error).__name__}: {error}"
                    )
                _check_answer(ability, answer)

    @rule()
    def test_declared_abilities_work(self, subject: Critic) -> None:
        """Each ability that is declared exists, and answers with the value that it promises."""
        unknown = sorted(set(subject.abilities) - set(_ABILITIES))
        require(not unknown, f"there are no abilities {unknown}; there are: {_ABILITIES}")
        for ability in sorted(subject.abilities):
            try:
                answer = _ask(subject, ability, PROMPT)
            except Exception as error:
                broken(f"{ability}() is declared, and raises {type(error).__name__}: {error}")
            _check_answer(ability, answer)

    @rule()
    def test_undeclared_abilities_are_refused(self, subject: Critic) -> None:
        """An ability that is not declared raises CapabilityError; `Critic` sees to that."""
        undeclared = [ability for ability in _ABILITIES if ability not in subject.abilities]
        if not undeclared:
            unjudged("it declares every ability")
        for ability in undeclared:
            refused(
                partial(_ask, subject, ability, PROMPT),
                f"{ability}(), which is not among `abilities`,",
            )


def _ask(critic: Critic, ability: str, text: str, image: Image | None = None) -> Any:
    """Ask for one ability; "review" counts as one here."""
    shown = image or picture(1)
    calls: Mapping[str, Callable[[], Any]] = {
        "review": lambda: critic.review(shown, text),
        "plan": lambda: critic.plan(text),
        "compare": lambda: critic.compare(text, shown, picture(2)),
        "caption": lambda: critic.caption(shown),
        "choose": lambda: critic.choose(text, [picture(2), shown, picture(3)]),
        "edits": lambda: critic.edits(shown, text),
    }
    return calls[ability]()


def _check_answer(ability: str, answer: Any) -> None:
    """Require that an answer is what its question promises."""
    kinds: Mapping[str, tuple[type, ...]] = {
        "review": get_args(Review),
        "plan": get_args(Review),
        "compare": (Comparison,),
        "caption": (str,),
        "choose": (Choice,),
        "edits": get_args(EditPlan),
    }
    require(
        isinstance(answer, kinds[ability]), f"{ability}() gives a {type(answer).__name__}: {answer}"
    )
    if isinstance(answer, Choice):
        require(all(n < 3 for n in answer.order), f"choose() among 3 pictures gives {answer}")
    if isinstance(answer, Comparison):
        require(answer.better in ("a", "b", "tie"), f"compare() finds {answer.better!r} better")
    if isinstance(answer, Edits):
        told = all(isinstance(line, str) and line.strip() for line in answer.instructions)
        require(told, f"edits() gives the instructions {answer.instructions!r}")
    if isinstance(answer, str):
        require(bool(answer.strip()), "caption() gives an empty text")


def _concepts(answer: Review) -> tuple[Concept, ...]:
    if isinstance(answer, Missing):
        return answer.concepts + answer.present
    return answer.concepts if isinstance(answer, Matches) else ()
