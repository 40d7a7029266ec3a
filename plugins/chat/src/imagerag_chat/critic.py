"""A critic in terms of one abstract method: ask the model a question."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from imagerag.errors import CriticError, ImageError
from imagerag.roles import Context, Critic, CriticAbility
from imagerag.values import (
    Choice,
    Comparison,
    EditPlan,
    Edits,
    Filtered,
    Malformed,
    Matches,
    Missing,
    Refused,
    Review,
    Truncated,
    Unavailable,
)
from imagerag_chat import questions, reading
from imagerag_chat.question import Question, Reply, Trouble
from imagerag_chat.reading.choices import Better

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_chat.config import ChatConfig

T = TypeVar("T")

TROUBLE = (Refused, Filtered, Truncated, Malformed, Unavailable)


class ChatCritic(Critic):
    """Reviews, plans, compares, captions, chooses and edits by asking a vision-language model.

    A subclass says how a question reaches its model. Every question is a conversation of its own,
    so a picture is sent once for each question about it and never again: one in one call, two in
    the three calls (the last needs none).
    """

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset(
        {"plan", "compare", "caption", "choose", "edits"}
    )

    config: ChatConfig

    def __init__(self, config: ChatConfig, context: Context) -> None:
        super().__init__(config, context)

    @abstractmethod
    def answer(self, question: Question, temperature: float) -> Reply:
        """Ask the model; trouble with the answer is a value of `Reply`, never an exception.

        A picture that cannot be read may raise `ImageError`, which becomes `Malformed`. Wrong
        settings are other exceptions of `imagerag.errors`: a key that is missing or refused, a
        model that does not exist, weights that cannot be loaded.
        """

    def review(self, image: Image, prompt: str, *, temperature: float = 0.0) -> Review:
        """Say whether `image` shows `prompt`, in one call or three; else what is missing.

        Trouble in any of three calls is the outcome of all.
        """
        config = self.config
        if config.calls == "three":
            return self._in_three(image, prompt, temperature)
        question = questions.review(image, prompt, config.max_concepts, config.max_tokens)
        return self._ask(
            question, temperature, lambda text: reading.read_review(text, config.max_concepts)
        )

    def _in_three(self, image: Image, prompt: str, temperature: float) -> Review:
        """Ask as the paper does: match, then concepts, then captions."""
        most, max_tokens = self.config.max_concepts, self.config.max_tokens
        match = self._ask(
            questions.match(image, prompt, max_tokens), temperature, reading.read_match
        )
        if not isinstance(match, bool):
            return match
        if match:
            return Matches()
        named = self._ask(
            questions.concepts(image, prompt, most, max_tokens),
            temperature,
            lambda text: reading.read_concepts(text, most),
        )
        if isinstance(named, TROUBLE):
            return named
        if not named.concepts:
            return Malformed("the picture is said not to match, and then to lack nothing")
        names = [concept.name for concept in named.concepts]
        captioned = self._ask(
            questions.captions(names, prompt, max_tokens),
            temperature,
            lambda text: reading.read_captions(text, names),
        )
        if isinstance(captioned, TROUBLE):
            return captioned
        remarks = "; ".join(filter(None, (named.remark, captioned.remark)))
        return Missing(captioned.concepts, note=remarks)

    def plan(self, prompt: str, *, temperature: float = 0.0) -> Review:
        """Name the concepts that a painter must know for `prompt`; `Matches` where none."""
        most = self.config.max_concepts
        question = questions.plan(prompt, most, self.config.max_tokens)
        return self._ask(question, temperature, lambda text: reading.read_plan(text, most))

    def compare(self, prompt: str, a: Image, b: Image) -> Comparison:
        """Say which picture fits the prompt better; an unusable answer is a tie that says so.

        With `compare = "both-orders"` the pictures change places for a second question, and
        answers that contradict each other are a tie: such a model prefers a place, not a picture.
        """
        forth = self._better(prompt, a, b)
        if isinstance(forth, TROUBLE):
            return _undecided(forth)
        better, note = forth
        if self.config.compare == "both-orders":
            back = self._better(prompt, b, a)
            if isinstance(back, TROUBLE):
                return _undecided(back)
            if back[0] != _SWAPPED[better]:
                places = f"{better!r}, and with the pictures in the other order {back[0]!r}"
                return Comparison("tie", note=f"the answers contradict each other: {places}")
        return Comparison(_PICTURE[better], note=note)

    def _better(self, prompt: str, first: Image, second: Image) -> tuple[Better, str] | Trouble:
        question = questions.compare(prompt, first, second, self.config.max_tokens)
        return self._ask(question, 0.0, reading.read_comparison)

    def caption(self, image: Image) -> str:
        """Describe a picture in one sentence.

        Raises:
            CriticError: The model gave no usable answer.
        """
        question = questions.caption(image, self.config.max_tokens)
        read = self._ask(question, 0.0, reading.read_caption)
        if isinstance(read, str):
            return read
        raise CriticError(
            f"the critic {type(self).__name__!r} gave no caption for a picture: "
            f"{_named(read)}. Try again, or choose another critic: "
            "`imagerag plugins list --role critic`."
        )

    def choose(self, text: str, images: Sequence[Image]) -> Choice:
        """Say which of `images` fit `text`, the best first; one alone is not asked about."""
        if len(images) < 2:
            return Choice(tuple(range(len(images))), "there was nothing to choose between")
        question = questions.choose(text, images, self.config.max_tokens)
        read = self._ask(question, 0.0, lambda answer: reading.read_order(answer, len(images)))
        return read if isinstance(read, Choice) else Choice((), f"no usable answer: {_named(read)}")

    def edits(self, image: Image, prompt: str, *, temperature: float = 0.0) -> EditPlan:
        """Say what to change in `image`, edit by edit, so that it shows `prompt`."""
        most = self.config.max_concepts
        question = questions.edits(image, prompt, most, self.config.max_tokens)
        return self._ask(question, temperature, lambda text: reading.read_edits(text, most))

    def _ask(
        self, question: Question, temperature: float, read: Callable[[str], T | Trouble]
    ) -> T | Trouble:
        """Ask, read, and write the cost into the ledger together with what came of it."""
        try:
            reply = self.answer(question, temperature)
        except ImageError as error:
            return Malformed(str(error))
        outcome = read(reply.text) if reply.trouble is None else reply.trouble
        if reply.usage is not None:
            self.context.spend(
                replace(
                    reply.usage,
                    call=question.call,
                    images=len(question.images),
                    outcome=_kind(outcome),
                )
            )
        return outcome


_SWAPPED: dict[Better, Better] = {"first": "second", "second": "first", "tie": "tie"}
_PICTURE: dict[Better, Literal["a", "b", "tie"]] = {"first": "a", "second": "b", "tie": "tie"}


def _undecided(trouble: Trouble) -> Comparison:
    return Comparison("tie", note=f"no usable answer: {_named(trouble)}")


def _named(trouble: Trouble) -> str:
    kind = type(trouble).__name__.lower()
    return f"{kind} ({trouble.note})" if trouble.note else kind


def _kind(outcome: object) -> str:
    """Return the outcome in a word, for the ledger."""
    if isinstance(outcome, (Matches, Missing, Edits, *TROUBLE)):
        return type(outcome).__name__.lower()
    return "answered"
