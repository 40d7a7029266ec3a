"""Redux: the pipeline beside FLUX.1 that turns images into words of its prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagerag.errors import WeightsError
from imagerag_diffusers.layout import Layout
from imagerag_diffusers.loading import diffusers_class, find_pipeline, load_pipeline
from imagerag_flux.published import ELSEWHERE, REDUX_1
from imagerag_torch import choose_device

if TYPE_CHECKING:
    from imagerag_flux.config import FluxReduxConfig

CLASS = "FluxPriorReduxPipeline"

LENT = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")
"""What the prior uses of FLUX.1; its own folder holds none of it."""


def find_prior(config: FluxReduxConfig) -> Layout:
    """Return where the prior is, fetching it where necessary.

    Raises:
        ConfigError: A hub id has no pinned revision.
        WeightsError: It is missing, of another class, or in an unsafe format.
        CredentialsError: The hub wants a token.
    """
    return find_pipeline(
        config.prior,
        config.prior_revision,
        config.prior_variant,
        {CLASS: diffusers_class(CLASS)},
        REDUX_1,
        elsewhere=ELSEWHERE,
        given=LENT,
    )


def check_prior(config: FluxReduxConfig, model: Path) -> None:
    """Check that the prior is there, whole, and for the model in the folder `model`.

    Raises:
        ConfigError: A hub id has no pinned revision.
        WeightsError: It is missing, broken, in an unsafe format, or for another model.
        CredentialsError: The hub wants a token.
    """
    prior = find_prior(config).folder
    seen = _setting(prior / "image_encoder", "hidden_size")
    read = _setting(prior / "image_embedder", "redux_dim")
    if None not in (seen, read) and seen != read:
        raise WeightsError(
            f"The prior {config.prior!r} does not fit together: its image encoder makes {seen} "
            f"numbers for each part of an image, and its embedder reads {read}. Fetch both from "
            "one revision."
        )
    said = _setting(prior / "image_embedder", "txt_in_features")
    heard = _setting(model / "transformer", "joint_attention_dim")
    if None not in (said, heard) and said != heard:
        raise WeightsError(
            f"The prior {config.prior!r} makes words of {said} numbers, and the model "
            f"{config.model!r} reads words of {heard}. Redux is for FLUX.1 [dev] and schnell: set "
            "generator.model or generator.prior to match."
        )


def load_prior(config: FluxReduxConfig, pipe: Any) -> Any:
    """Return the prior on its device, with the text encoders of `pipe`.

    It is a gigabyte beside the thirty of FLUX.1: it stays on its device where those are offloaded,
    and in full where they are quantised.

    Raises:
        WeightsError: It is broken.
    """
    device = choose_device(config.device)
    alone = config.model_copy(update={"variant": config.prior_variant, "quantisation": "none"})
    prior = load_pipeline(
        config.prior,
        find_prior(config),
        diffusers_class(CLASS),
        alone,
        device,
        pipe.dtype,
        **dict.fromkeys(LENT),
    )
    prior.to(device)
    # Lent afterwards: where they are, and when they move, is for their own pipeline to say.
    prior.register_modules(**{name: getattr(pipe, name) for name in LENT})
    return prior


def _setting(folder: Path, name: str) -> int | None:
    """Return a number of a component's configuration, None where it does not say."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8")).get(name)
    except (OSError, ValueError, AttributeError):
        return None  # loading it will say what is wrong
    return found if isinstance(found, int) else None
