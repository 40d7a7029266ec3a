"""Finds a pipeline's weights, and loads them: no code, no pickles, no second fetch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imagerag.errors import ConfigError, WeightsError
from imagerag_diffusers.exhaustion import disk_space, ran_out
from imagerag_diffusers.gaps import refuse_gaps
from imagerag_diffusers.layout import Layout, read_layout, wanted_files
from imagerag_diffusers.placement import check_offload, place
from imagerag_diffusers.published import Catalogue, known, revision_of
from imagerag_diffusers.quantisation import quantisation_config
from imagerag_diffusers.quiet import quiet

if TYPE_CHECKING:
    import torch

    from imagerag_diffusers.config import PipelineConfig

BROKEN = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError)
"""What diffusers and transformers raise for files that are damaged or do not fit each other."""


def diffusers_class(name: str) -> type:
    """Return a pipeline class of diffusers, importing that one and no other.

    Raises:
        ConfigError: The installed diffusers does not have it.
    """
    import diffusers

    try:
        found: type = getattr(diffusers, name)
    except AttributeError as error:
        raise ConfigError(
            f"diffusers {diffusers.__version__} has no {name!r}: pip install --upgrade diffusers"
        ) from error
    return found


def find_pipeline(
    model: str,
    revision: str | None,
    variant: str | None,
    classes: Mapping[str, type],
    catalogue: Catalogue,
    *,
    elsewhere: Mapping[str, str] | None = None,
    given: Sequence[str] = (),
) -> Layout:
    """Return where the weights of a pipeline are, fetching them from the hub where necessary.

    Args:
        model: A hub id, a folder or "package:NAME/folder".
        revision: The commit of a hub model; by default the catalogue's.
        variant: Which weight files.
        classes: The pipeline classes that can be run, by the name that an index gives them.
        catalogue: Weights that the plugin knows.
        elsewhere: For other classes the generator that runs them.
        given: Components that the plugin brings itself: neither fetched nor looked for.

    Raises:
        ConfigError: A hub id has no pinned revision.
        WeightsError: Weights are missing, cannot be fetched, of another class or an unsafe format.
        CredentialsError: The hub wants a token.
    """
    from imagerag_torch import resolve_weights

    folders = dict.fromkeys(
        name
        for kind in classes.values()
        for name in list(inspect.signature(kind.__init__).parameters)[1:]  # type: ignore[misc]
        if name not in given
    )
    pinned = revision_of(model, revision, catalogue)
    found = known(model, catalogue)
    try:
        with disk_space(model):
            folder = resolve_weights(model, pinned, wanted_files(folders, variant))
    except WeightsError as error:
        if found is None or not found.gated:
            raise
        raise WeightsError(
            f"{error} {model!r} is gated ({found.licence}): its terms must be accepted on its "
            "page, and the environment variable HF_TOKEN set, before it can be fetched."
        ) from error
    return read_layout(model, folder, classes, variant, elsewhere=elsewhere, given=given)


def load_pipeline(
    model: str,
    layout: Layout,
    kind: type,
    config: PipelineConfig,
    device: torch.device,
    dtype: torch.dtype,
    **components: Any,
) -> Any:
    """Return the pipeline in `layout`, in main memory, silent and ready to be placed.

    Args:
        model: What the configuration calls it, for messages.
        layout: Where it is.
        kind: The class to build.
        config: Variant and quantisation.
        device: Where it will run.
        dtype: The number format of its weights.
        components: Components that the plugin brings, and arguments of the class.

    Raises:
        ConfigError: The quantisation is not possible here.
        WeightsError: Weights are broken or do not fit each other.
    """
    from safetensors import SafetensorError

    load: Any = kind
    weighted = {name: lib for name, lib in layout.weighted.items() if name not in components}
    quantised = quantisation_config(config.quantisation, weighted, device, dtype)
    with quiet() as notices:
        try:
            pipe = load.from_pretrained(
                layout.folder,
                dtype=dtype,
                variant=config.variant,
                use_safetensors=True,
                local_files_only=True,
                **quantised,
                **components,
            )
        except (*BROKEN, SafetensorError) as error:
            if ran_out(error):
                raise  # the caller knows what needs less
            raise WeightsError(
                f"The model {model!r} could not be loaded from {str(layout.folder)!r}: "
                f"{type(error).__name__}: {error}. If a file is damaged, fetch the model again."
            ) from error
    refuse_gaps(model, layout, pipe, notices.texts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def place_pipeline(pipe: Any, config: PipelineConfig, device: torch.device) -> None:
    """Move a loaded pipeline to where it runs, with the savings of memory asked for.

    Raises:
        ConfigError: The pipeline or the device cannot do what is asked for.
    """
    check_offload(config, device)
    with quiet():
        try:
            place(pipe, config, device)
        except (ValueError, RuntimeError, NotImplementedError) as error:
            if ran_out(error):
                raise  # the caller knows what needs less
            raise ConfigError(
                f"{config.model!r} cannot be moved to {str(device)!r} with offload = "
                f"{config.offload!r} and quantisation = {config.quantisation!r}: {error}"
            ) from error
