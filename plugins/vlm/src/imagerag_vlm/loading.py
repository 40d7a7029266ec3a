"""Finds a model's weights, and loads them: no code, no pickles, no second fetch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from imagerag.errors import ImageRAGError, WeightsError
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.exhaustion import memory_for, ran_out
from imagerag_vlm.layout import FILES, read_class
from imagerag_vlm.processor import load_processor
from imagerag_vlm.quantisation import quantisation_config
from imagerag_vlm.quiet import quiet

if TYPE_CHECKING:
    import torch

BROKEN = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    SafetensorError,
)
"""What transformers raises for files that are damaged or do not fit each other."""


@dataclass(frozen=True)
class Loaded:
    """A model with its processor; where it answers, and the number format it computes in."""

    model: Any
    processor: Any
    device: torch.device
    dtype: torch.dtype


def load(config: VLMConfig) -> Loaded:
    """Return the configured model, silent, whole and where its weights are to wait.

    Raises:
        ConfigError: A hub id has no pinned revision; or a device, number format, quantisation or
            bound is not possible here.
        WeightsError: The weights are missing, cannot be fetched, broken, of another class or of an
            unsafe format, or do not fit into memory.
        CredentialsError: The hub wants a token.
    """
    from imagerag_torch import choose_device, guard_torchvision, resolve_weights

    device = choose_device(config.device)
    dtype = number_format(config.dtype, device)
    quantised = quantisation_config(config.quantisation, device, dtype)
    folder = resolve_weights(config.model, config.pinned, FILES, unpinned=config.unpinned)
    guard_torchvision()
    with quiet(), memory_for(f"loading {config.model!r}", config, WeightsError):
        try:
            read_class(config.model, folder)
            processor = load_processor(config, folder)
            waiting = "cpu" if config.offload == "between" else device
            model = _model(config, folder, {"": waiting}, dtype=dtype, **quantised)
        except ImageRAGError:
            raise
        except BROKEN as error:
            if ran_out(error):
                raise  # memory_for knows what needs less
            raise WeightsError(
                f"The model {config.model!r} could not be loaded from {str(folder)!r}: "
                f"{type(error).__name__}: {error}"
            ) from error
    words, rows = len(processor.tokenizer), model.get_input_embeddings().weight.shape[0]
    if words > rows:
        raise WeightsError(
            f"The tokenizer of {config.model!r} knows {words} words, and its model {rows}: they "
            "are not of one model. Fetch it again."
        )
    return Loaded(model, processor, device, dtype)


def number_format(text: str, device: torch.device) -> torch.dtype:
    """Return the number format that `text` names, or the best for `device` where it is "auto".

    These models are trained in bfloat16 and may overflow in float16, which older GPUs are left
    with.
    """
    import torch

    from imagerag_torch import choose_dtype

    automatic = text.strip().lower() == "auto" and device.type == "cuda"
    if automatic and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return choose_dtype(text, device)


def _model(config: VLMConfig, folder: Path, place: dict[str, Any], **options: Any) -> Any:
    """Return the model in evaluation mode, with every weight from its files."""
    from transformers import AutoModelForImageTextToText

    model, told = AutoModelForImageTextToText.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        device_map=place,
        output_loading_info=True,
        **options,
    )
    if gaps := sorted(map(str, (*told["missing_keys"], *told["mismatched_keys"]))):
        raise WeightsError(
            f"The model {config.model!r} is not complete: {len(gaps)} of its weights are missing "
            f"or of another shape, the first {gaps[0]!r}. Fetch it again; an adapter (LoRA) has to "
            "be merged into its model first."
        )
    return model.eval()
