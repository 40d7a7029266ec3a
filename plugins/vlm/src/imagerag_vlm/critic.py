"""The critic "vlm": a vision-language model on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, ImageRAGError, WeightsError
from imagerag.values import Facts, Truncated, Usage
from imagerag_chat.critic import ChatCritic
from imagerag_chat.question import Question, Reply
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.layout import class_of, content
from imagerag_vlm.published import known
from imagerag_vlm.quantisation import quantising_library

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_vlm.answering import Answer
    from imagerag_vlm.loading import Loaded

LIBRARIES = ("imagerag-vlm", "imagerag-chat", "transformers", "tokenizers", "torch", "pillow")
"""What decides an answer, beside the weights."""


class VLMCritic(ChatCritic):
    """Asks a vision-language model that runs here: no key, and no network once it is fetched.

    Weights load on first use, once. Questions are answered one after another, each a conversation
    of its own; an answer depends on the question, its temperature and the options alone.
    """

    config: VLMConfig

    def __init__(self, config: VLMConfig, context: Any) -> None:
        super().__init__(config, context)
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    def answer(self, question: Question, temperature: float) -> Reply:
        """Let the model answer; one that ran into the limit of tokens is `Truncated`.

        Raises:
            ConfigError: An option is not possible here, or a hub model has no pinned commit.
            WeightsError: The model cannot be loaded, or does not fit its processor.
            CredentialsError: The hub wants a token.
            CapabilityError: Memory ran out.
            ImageError: A picture cannot be read; `ChatCritic` makes trouble of it.
        """
        from imagerag_vlm.conversation import prepared

        form, longest = self.config.image_format, self.config.image_size
        images = [prepared(image, longest, form) for image in question.images]
        with self._lock:
            loaded = self._load()
            started = time.perf_counter()
            written = self._written(loaded, question, images, temperature)
            seconds = time.perf_counter() - started
        usage = Usage(
            model=self.config.model,
            requests=0,  # nothing is sent
            seconds=seconds,
            input_tokens=written.input_tokens,
            output_tokens=written.output_tokens,
            image_tokens=written.image_tokens,
            usd=0.0,
        )
        if written.complete:
            return Reply(written.text, usage=usage)
        limit = f"the answer was cut off at max_tokens = {question.max_tokens}"
        return Reply(trouble=Truncated(limit), usage=usage)

    def _written(
        self, loaded: Loaded, question: Question, images: Sequence[Image], temperature: float
    ) -> Answer:
        from imagerag_vlm.answering import on_its_device, write
        from imagerag_vlm.exhaustion import free_memory, memory_for
        from imagerag_vlm.loading import BROKEN
        from imagerag_vlm.quiet import quiet

        config = self.config
        doing = f"answering {question.call!r} with {len(question.images)} pictures"
        try:
            with (
                quiet(),
                memory_for(doing, config, CapabilityError),
                on_its_device(loaded, config),
            ):
                return write(loaded, question, images, temperature, config.top_p)
        except ImageRAGError:
            free_memory()
            raise
        except (*BROKEN, IndexError, AssertionError) as error:
            raise WeightsError(
                f"The model {config.model!r} could not answer {question.call!r} with "
                f"{len(question.images)} pictures: {type(error).__name__}: {error}. Model and "
                "processor may not fit each other, or it takes fewer pictures at once."
            ) from error

    def close(self) -> None:
        """Free the weights; a later question would load them again."""
        with self._lock:
            if self._loaded is None:
                return
            self._loaded = None
            from imagerag_vlm.exhaustion import free_memory

            free_memory()

    def versions(self) -> Mapping[str, str]:
        """Return model, revision or digest, class, quantisation and libraries."""
        config = self.config
        return {
            "model": config.model,
            "revision": content(config),
            "class": class_of(config) or "unknown",
            "quantisation": config.quantisation,
            **_versions(*LIBRARIES, *quantising_library(config.quantisation)),
        }

    def facts(self) -> Facts:
        """Return what the configuration means; nothing is loaded or fetched."""
        config, found = self.config, known(self.config.model)
        name = class_of(config) or "AutoModelForImageTextToText"
        return Facts(
            model=config.model,
            revision=content(config),
            implementation=f"transformers.{name}",
            licence=config.licence or (found.licence if found else None),
            commercial=(
                config.commercial
                if config.commercial is not None
                else (found.commercial if found else None)
            ),
            memory_gb=config.memory_gb,
            usd_per_picture=0.0,
            proven=(
                "Tiny models of Qwen2_5_VLForConditionalGeneration on a CPU, random and trained: "
                "pictures, their order, prompts, every call of the critic, sampling, saving and "
                "loading; the published weights were not run."
            ),
        )

    def _load(self) -> Loaded:
        if self._loaded is None:
            from imagerag_vlm.loading import load

            self._loaded = load(self.config)
        return self._loaded


def _versions(*distributions: str) -> dict[str, str]:
    found = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
