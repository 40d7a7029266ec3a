"""The generator "qwen-image-edit": text, several images in context, and edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError
from imagerag_diffusers import PipelineGenerator, Request
from imagerag_diffusers.captions import without_markup
from imagerag_diffusers.cuts import note_cuts
from imagerag_diffusers.proportions import in_proportion
from imagerag_qwen_image.published import CATALOGUE

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.values import Capability, Guidance
    from imagerag_qwen_image.config import QwenImageEditConfig

SYNTAX = "Picture {k}"
"""How prompts name references: what the pipeline itself writes before each of them."""

RECOMMENDED = 3
"""Most references that the model is best with, by its owners' announcement of 2509."""

OWN_SIZE = (1024, 1024)
"""What is painted where no size is asked for. The pipeline would take the last reference's
proportions, and the draft and the result of one prompt would differ in size."""

LONGEST = 8
"""How many times as long as wide a reference may be: in the least area that the configuration
allows its shorter side is then 22 pixels, which the pipeline rounds to 32 and not to 0."""

FROM_TEXT = 1024
"""Tokens of a prompt that the text-to-image pipeline reads at most."""

BESIDE_IMAGES = 2048
"""Tokens of a prompt that fit beside references. The transformer has 4096 positions for text, of
which eight references take up to 1700, the words around them and the picture the rest."""

EMPTY = " "
"""The negative prompt of the model card where there is nothing to keep away from."""


class QwenImageEditGenerator(PipelineGenerator):
    """Paints with `QwenImageEditPlusPipeline`; without references as `without_references` says.

    Every picture is painted alone: the pipeline takes one prompt a call.
    """

    config: QwenImageEditConfig

    name = "qwen-image-edit"
    distribution = "imagerag-qwen-image"
    pipelines = ("QwenImageEditPlusPipeline",)
    catalogue = CATALOGUE
    proven = (
        "Tiny random models of the class on a CPU: each reference, their order and number, text "
        "alone, seed, prompt, negative prompt, sizes, progress, cancellation, saving and loading; "
        "the published weights were not run."
    )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded."""
        most = self.config.max_references
        return replace(
            super().capability(),
            abilities=frozenset({"text", "in-context", "edit"}),
            max_references=most,
            recommended_references=min(most, RECOMMENDED),
            reference_syntax=SYNTAX,
        )

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request, of very long references their middle.

        Raises:
            CapabilityError: A prompt holds markup of the model's chat, a negative prompt would not
                count, or more is asked for than the generator can do.
        """
        request = super().check(guidance, capability)
        for text in (request.prompt, request.negative or ""):
            if without_markup(text) != text:
                raise CapabilityError(
                    f"{text[:60]!r} holds markup of the model's chat, which would move or replace "
                    "pictures. Leave it out: the conditioner 'qwen-image' removes it, and "
                    f"references are named in words, as {SYNTAX.format(k=1)!r}."
                )
        if request.negative and self.config.true_cfg_scale <= 1:
            raise CapabilityError(
                f"The negative prompt {request.negative!r} would not count: it needs "
                f"generator.true_cfg_scale above 1 (it is {self.config.true_cfg_scale}), which "
                "doubles the time. Or leave it out."
            )
        return replace(request, images=in_proportion(request.images, LONGEST, self.context))

    def pipeline_class(self, name: str) -> type:
        """Return the pipeline that also paints without images, and bounds their sizes."""
        from imagerag_qwen_image.pipeline import EditPipeline

        return EditPipeline

    def prepare(self, pipe: Any) -> None:
        """Tell the pipeline how large references are to be."""
        pipe.vae_area = self.config.reference_area
        pipe.reading_area = self.config.reading_area

    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the pipeline's own arguments: references in their order, guidance, limits.

        Raises:
            CapabilityError: A prompt is longer than fits beside references.
        """
        (row,) = rows
        width, height = row.size or OWN_SIZE
        images = list(row.images) or self._canvas(width, height)
        texts = [row.prompt]
        given: dict[str, Any] = {
            "image": images or None,
            "width": width,
            "height": height,
            "true_cfg_scale": self.config.true_cfg_scale,
            "max_sequence_length": FROM_TEXT,
        }
        if self.config.true_cfg_scale > 1:
            negative = row.negative or EMPTY
            texts.append(negative)
            given["negative_prompt"] = [negative]
        if pipe.transformer.config.guidance_embeds:
            given["guidance_scale"] = self.config.guidance_scale
        if images:
            _check_lengths(pipe.tokenizer, texts)
        else:
            self._note_cuts(pipe, texts)
        return given

    def versions(self) -> Mapping[str, str]:
        """Return what the base does, and how pictures without references are painted."""
        return {**super().versions(), "without_references": self.config.without_references}

    def _canvas(self, width: int, height: int) -> list[Image]:
        """Return what stands in for references: nothing, or white if so configured."""
        if self.config.without_references == "text":
            return []
        from PIL import Image

        self.context.decide(
            "generate",
            "paint on a blank canvas",
            f"no references are given: the model sees white as {SYNTAX.format(k=1)} "
            "(without_references)",
        )
        # The picture's proportions, as far as references may have them.
        size = (min(width, LONGEST * height), min(height, LONGEST * width))
        return [Image.new("RGB", size, "white")]

    def _note_cuts(self, pipe: Any, texts: Sequence[str]) -> None:
        reader = pipe.from_text()
        template, start = reader.prompt_template_encode, reader.prompt_template_encode_start_idx
        note_cuts(
            self.context,
            texts,
            FROM_TEXT,
            lambda text: _tokens(pipe.tokenizer, template.format(text)) - start,
            "without references Qwen-Image reads",
        )


def _check_lengths(tokenizer: Any, texts: Sequence[str]) -> None:
    for text in texts:
        if (tokens := _tokens(tokenizer, text)) > BESIDE_IMAGES:
            raise CapabilityError(
                f"The prompt {text[:60]!r}… has {tokens} tokens, and at most {BESIDE_IMAGES} fit "
                "beside references: shorten it."
            )


def _tokens(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, verbose=False).input_ids)
