"""One picture, checked: what of a guidance every pipeline needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, suggestion

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.values import Guidance


@dataclass(frozen=True)
class Request:
    """One picture, checked. `size` is (width, height) in pixels, None for the model's own.

    `images` are the references in their order, RGB; `options` what else the guidance says, in the
    form the plugin's own check gave it.
    """

    prompt: str
    seed: int
    negative: str | None = None
    images: tuple[Image, ...] = ()
    size: tuple[int, int] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def check_options(guidance: Guidance, known: Sequence[str], generator: str) -> None:
    """Check that the guidance has no option that the generator does not know.

    Raises:
        CapabilityError: It has; the message suggests the nearest.
    """
    for option in guidance.options:
        if option not in known:
            raise CapabilityError(
                f"The generator {generator!r} has no option {option!r} in guidance."
                f"{suggestion(option, known)} Known: {', '.join(known) or 'none'}."
            )


def check_references(guidance: Guidance, most: int, generator: str, advice: str = "") -> None:
    """Check that the guidance has no more references than the generator takes.

    Args:
        guidance: What is asked for.
        most: How many references one picture may have.
        generator: The generator's name.
        advice: What to do where it takes none, as a sentence.

    Raises:
        CapabilityError: There are more.
    """
    count = len(guidance.references)
    if count <= most:
        return
    given = "1 reference" if count == 1 else f"{count} references"
    if most:
        raise CapabilityError(f"{given}, but the generator {generator!r} takes at most {most}.")
    raise CapabilityError(
        f"{given}, but the generator {generator!r} paints from text only."
        f"{' ' if advice else ''}{advice}"
    )


def check_size(
    guidance: Guidance, multiple: int, default: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Return the (width, height) of a guidance, or `default` where it names none.

    Raises:
        CapabilityError: Only one side is given, or one is no multiple of `multiple` pixels.
    """
    width, height = guidance.width, guidance.height
    if width is None and height is None:
        return default
    if width is None or height is None:
        raise CapabilityError(f"width {width!r} and height {height!r} must be given together.")
    if any(side < multiple or side % multiple for side in (width, height)):
        nearest = "×".join(
            str(max(multiple, side // multiple * multiple)) for side in (width, height)
        )
        raise CapabilityError(
            f"{width}×{height} cannot be painted: width and height must be multiples of "
            f"{multiple}, for instance {nearest}."
        )
    return width, height
