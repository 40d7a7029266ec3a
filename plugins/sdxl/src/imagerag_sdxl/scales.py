"""How much references count: one number, one a reference, or numbers by block of the U-Net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from imagerag.errors import CapabilityError

Scale: TypeAlias = float | list[float] | dict[str, Any]
"""A number; a list, one a reference (with masks); or a dict such as InstantStyle's."""

BLOCKS = ("down", "mid", "up")


def check_scale(scale: Any, references: int, masked: bool) -> Scale:
    """Return `scale` as diffusers takes it, once its form is right.

    Args:
        scale: A value of `Guidance.options["scale"]`, or of the configuration.
        references: How many references the picture has.
        masked: Whether they have masks; only then does each have a weight of its own.

    Raises:
        CapabilityError: The value has no meaning here.
    """
    if isinstance(scale, Mapping):
        if unknown := [key for key in scale if key not in BLOCKS]:
            raise CapabilityError(
                f"scale: {unknown[0]!r} is not a part of the U-Net; known are {list(BLOCKS)}, "
                "for instance {'up': {'block_0': [0.0, 1.0, 0.0]}}."
            )
        return {str(part): _numbers(value) for part, value in scale.items()}
    if isinstance(scale, Sequence) and not isinstance(scale, str):
        if not masked or len(scale) != references:
            raise CapabilityError(
                f"scale: {list(scale)!r} gives one weight a reference, which needs a mask for "
                f"each; there are {references} references, {'with' if masked else 'without'} "
                "masks. Give one number."
            )
        return [_number(value) for value in scale]
    return _number(scale)


def is_zero(scale: Scale) -> bool:
    """Return whether references would not count at all."""
    if isinstance(scale, dict):
        return all(is_zero(value) for value in scale.values())
    if isinstance(scale, list):
        return all(is_zero(value) for value in scale)
    return scale == 0


def set_scale(pipe: Any, scale: Scale) -> None:
    """Set the scale of a pipeline's adapter.

    Raises:
        CapabilityError: It names blocks that the U-Net does not have.
    """
    # A list is one adapter's weights for its several references, so it is nested.
    wanted = [scale] if isinstance(scale, list) else scale
    try:
        pipe.set_ip_adapter_scale(0.0)  # a dict leaves what it does not name as it was
        pipe.set_ip_adapter_scale(wanted)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CapabilityError(
            f"scale: {scale!r} does not fit the blocks of this model's U-Net: {error}"
        ) from error


def _numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _numbers(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_number(inner) for inner in value]
    return _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -10 <= value <= 10:
        raise CapabilityError(f"scale: {value!r} is not a number from -10 to 10; usual is 0 to 1.")
    return float(value)
