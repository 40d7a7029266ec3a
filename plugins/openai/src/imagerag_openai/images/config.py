"""The options of the generator and the conditioner."""

from __future__ import annotations

import string
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from imagerag.component_config import ComponentConfig
from imagerag_chat.http.config import HTTPConfig
from imagerag_chat.http.place import host_of
from imagerag_openai.config import HOME
from imagerag_openai.images.models import MAX_REFERENCES, MODEL, RETIRED

Size: TypeAlias = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""Width and height in pixels."""


class GPTImageConfig(HTTPConfig):
    """Options of the generator `gpt-image`."""

    model: str = Field(
        MODEL, min_length=1, description="Name of the model; a dated one keeps its meaning."
    )
    base_url: str = Field(
        HOME,
        description="Address of the API, up to and with /v1: OpenAI's, or that of a server with "
        "the same images API.",
    )
    deadline: float = Field(
        300.0,
        gt=0,
        le=3600,
        description="Seconds that one picture may take in all: every attempt, and the pauses "
        "between them.",
    )
    timeout: float = Field(
        180.0,
        gt=0,
        le=3600,
        description="Seconds that one attempt may take before the next. A picture that is given "
        "up on may be charged for all the same.",
    )
    attempts: int = Field(
        3, ge=1, le=20, description="Most requests for one picture, first and repeated ones."
    )
    max_concurrent: int = Field(
        4,
        ge=1,
        le=1000,
        description="Most pictures that are asked of this server at one time, in this process.",
    )
    max_answer_mb: float = Field(
        64.0, gt=0, le=1024, description="Largest response that is read, in megabytes."
    )
    size: Size | None = Field(
        None,
        description="Width and height where a guidance has none; by default the model decides.",
    )
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] = Field(
        "auto",
        description="How much work goes into a picture, and what it costs. 'xhigh' and 'max' are "
        "for models from gpt-image-2.5 on.",
    )
    background: Literal["auto", "opaque", "transparent"] = Field(
        "auto",
        description="Background of the picture. What is transparent becomes white: pictures are "
        "RGB here.",
    )
    output_format: Literal["png", "jpeg", "webp"] = Field(
        "png", description="How a picture travels: 'png' without loss, or smaller."
    )
    output_compression: int | None = Field(
        None, ge=0, le=100, description="Quality of jpeg and webp in per cent; by default 100."
    )
    input_fidelity: Literal["low", "high"] | None = Field(
        None,
        description="How closely references are kept to, for gpt-image-1.5 only; later models "
        "always look closely and know no such option.",
    )
    moderation: Literal["auto", "low"] = Field(
        "auto",
        description="How strictly prompts are filtered where there are no references; the API has "
        "no such option for pictures with references.",
    )
    max_references: int = Field(
        MAX_REFERENCES, ge=1, le=MAX_REFERENCES, description="Most references for one picture."
    )
    reference_size: int = Field(
        1024,
        ge=32,
        le=4000,  # beyond, a picture without any redundancy could pass 50 MB, the API's limit
        description="Longest side, in pixels, of a reference that is sent; smaller ones are not "
        "enlarged. Larger ones cost more tokens.",
    )
    extra_body: dict[str, Any] = Field(
        {},
        description="More fields of the request, as the server wants them, for example "
        '{response_format = "b64_json"} for servers that else answer with addresses.',
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.model in RETIRED and host_of(self.base_url) == host_of(HOME):
            raise ValueError(
                f"OpenAI shut {self.model!r} down on {RETIRED[self.model]}. Use for instance "
                f"{MODEL!r}."
            )
        if self.background == "transparent" and self.output_format == "jpeg":
            raise ValueError("JPEG has no transparency: set output_format to 'png' or 'webp'")
        if self.output_compression is not None and self.output_format == "png":
            raise ValueError("output_compression is for output_format 'jpeg' or 'webp'")
        return self


class GPTImageConditionerConfig(ComponentConfig):
    """Options of the conditioner `gpt-image`."""

    captioned: str = Field(
        'Image {k} shows "{caption}".',
        description="What is said of a reference, with its number {k} and its {caption}.",
    )
    uncaptioned: str = Field(
        "Image {k} is a reference.",
        description="What is said of a reference of which no caption is known, with {k}.",
    )
    one: str = Field(
        "{images} With this image as a reference, generate: {prompt}",
        description="The text for one reference; {images} is what is said of it.",
    )
    many: str = Field(
        "{images} With these images as references, generate: {prompt}",
        description="The text for several; {images} is what is said of each, in order.",
    )
    max_caption: int = Field(300, ge=8, le=2000, description="Most characters of a caption.")

    @field_validator("captioned", "uncaptioned", "one", "many")
    @classmethod
    def _fields_are_known(cls, value: str, info: Any) -> str:
        needed = {
            "captioned": {"k", "caption"},
            "uncaptioned": {"k"},
        }.get(info.field_name, {"images", "prompt"})
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(value) if name is not None}
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from error
        if fields != needed:
            names = " and ".join(f"{{{name}}}" for name in sorted(needed))
            raise ValueError(f"{value!r} must use {names}, and nothing else in braces")
        return value
