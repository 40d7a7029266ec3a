"""A critic in terms of one abstract method: ask the model a question."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from imagerag.roles import Context, Critic, CriticAbility
from imagerag.values import Choice, Comparison, EditPlan, Review
from imagerag_chat.question import Question, Reply

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_chat.config import ChatConfig


class ChatCritic(Critic):
    """Reviews, plans, compares, captions, chooses and edits by asking a vision-language model.

    A subclass says how a question reaches its model.
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

        Wrong settings are exceptions of `imagerag.errors`: a key that is missing or refused, a
        model that does not exist, weights that cannot be loaded.
        """

    def review(self, image: Image, prompt: str, *, temperature: float = 0.0) -> Review:
        """Say whether `image` shows `prompt`, in one call or three; else what is missing."""
        raise NotImplementedError

    def plan(self, prompt: str, *, temperature: float = 0.0) -> Review:
        """Name the concepts that a painter must know for `prompt`."""
        raise NotImplementedError

    def compare(self, prompt: str, a: Image, b: Image) -> Comparison:
        """Say which picture fits the prompt better."""
        raise NotImplementedError

    def caption(self, image: Image) -> str:
        """Describe a picture in one sentence."""
        raise NotImplementedError

    def choose(self, text: str, images: Sequence[Image]) -> Choice:
        """Say which of `images` fit `text`, the best first."""
        raise NotImplementedError

    def edits(self, image: Image, prompt: str, *, temperature: float = 0.0) -> EditPlan:
        """Say what to change in `image`, edit by edit, so that it shows `prompt`."""
        raise NotImplementedError
