"""One picture, checked: what of a guidance every pipeline needs."""

from __future__ import annotations

import operator
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


def checked(
    guidance: Guidance, negative: str | None, multiple: int, size: tuple[int, int] | None
) -> Request:
    """Return the request for a guidance whose options and number of references were checked.

    Args:
        guidance: What is asked for.
        negative: The negative prompt, which the configuration may give.
        multiple: Of how many pixels both sides must be multiples.
        size: Width and height where the guidance names none.

    Raises:
        CapabilityError: A text, the seed, a reference or the size cannot be used.
    """
    return Request(
        prompt=check_text(guidance.prompt, "prompt"),
        seed=check_whole(guidance.seed, "seed"),
        negative=negative and check_text(negative, "negative prompt"),
        images=check_images(guidance),
        size=check_size(guidance, multiple, size),
    )


def check_options(guidance: Guidance, known: Sequence[str], generator: str) -> None:
    """Check that the guidance has no option that the generator does not know.

    Raises:
        CapabilityError: It has; the message suggests the nearest.
    """
    for option in guidance.options:
        if option not in known:
            raise CapabilityError(
                f"The generator {generator!r} has no option {option!r} in guidance."
                f"{suggestion(option, known)} Known: {', '.join(known) or 'none'}. Leave it out."
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
        raise CapabilityError(
            f"{given}, but the generator {generator!r} takes at most {most}. Give fewer; "
            "loop.max_references bounds how many a run shows it."
        )
    raise CapabilityError(
        f"{given}, but the generator {generator!r} paints from text only."
        f"{' ' if advice else ''}{advice}"
    )


def check_text(text: str, what: str) -> str:
    """Return `text`, which `what` names, where it is one that can be encoded.

    Raises:
        CapabilityError: It is no text, or holds half of a character (a lone surrogate), as badly
            decoded arguments and file names do: tokenizers end in a TypeError there.
    """
    try:
        text.encode()
    except (UnicodeEncodeError, AttributeError) as error:
        raise CapabilityError(
            f"The {what} {str(text)[:60]!r} cannot be read as text (Unicode): write it anew."
        ) from error
    return text


def check_whole(number: Any, what: str) -> int:
    """Return `number`, which `what` names, as an `int`.

    Raises:
        CapabilityError: It is not a whole number, as a text or a fraction.
    """
    try:
        if isinstance(number, bool):
            raise TypeError("a truth value")
        return operator.index(number)
    except TypeError as error:
        raise CapabilityError(f"{what} must be a whole number, got {number!r}.") from error


def check_images(guidance: Guidance) -> tuple[Image, ...]:
    """Return the references' pictures in their order, RGB.

    Raises:
        CapabilityError: One has no pixels.
    """
    for number, reference in enumerate(guidance.references, 1):
        if not all(reference.image.size):
            width, height = reference.image.size
            raise CapabilityError(
                f"Reference {number} has no pixels, it is {width}×{height}: leave it out."
            )
    return tuple(reference.image.convert("RGB") for reference in guidance.references)


def check_size(
    guidance: Guidance, multiple: int, default: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Return the (width, height) of a guidance, or `default` where it names none.

    Raises:
        CapabilityError: Only one side is given, one is no whole number of pixels, or no multiple
            of `multiple`.
    """
    if guidance.width is None and guidance.height is None:
        return default
    if guidance.width is None or guidance.height is None:
        raise CapabilityError(
            f"width {guidance.width!r} and height {guidance.height!r} must be given together."
        )
    width, height = check_whole(guidance.width, "width"), check_whole(guidance.height, "height")
    if any(side < multiple or side % multiple for side in (width, height)):
        nearest = "×".join(
            str(max(multiple, side // multiple * multiple)) for side in (width, height)
        )
        raise CapabilityError(
            f"{width}×{height} cannot be painted: width and height must be multiples of "
            f"{multiple}, for instance {nearest}."
        )
    return width, height
