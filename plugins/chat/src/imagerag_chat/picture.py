"""Pictures as a model is sent them: small enough, the same every time, and nothing but pixels."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imagerag.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITY = 90
"""JPEG quality. Artefacts at lower ones can be taken for what the picture shows."""


@dataclass(frozen=True)
class Picture:
    """An encoded picture: `data` is a file of type `media_type` ("image/png" or "image/jpeg")."""

    media_type: str
    data: bytes
    width: int
    height: int

    @property
    def base64(self) -> str:
        """The file in base 64, without a prefix."""
        return base64.b64encode(self.data).decode("ascii")

    @property
    def data_url(self) -> str:
        """The file as a "data:" URL."""
        return f"data:{self.media_type};base64,{self.base64}"


def fitted(image: Image, longest: int) -> Image:
    """Return `image` in RGB, no side longer than `longest` pixels; it is never enlarged.

    What is transparent becomes white, as it looks on a page.

    Raises:
        ImageError: The picture has no pixels, or they cannot be read.
    """
    try:
        return _resized(_opaque(image), longest)
    except (OSError, ValueError, SyntaxError, ZeroDivisionError) as error:
        raise ImageError(f"the picture cannot be shown to a model: {error}") from error


def _opaque(image: Image) -> Image:
    import PIL.Image

    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        solid = image.convert("RGBA")
        image = PIL.Image.new("RGB", image.size, (255, 255, 255))
        image.paste(solid, mask=solid.getchannel("A"))
        return image
    return image if image.mode == "RGB" else image.convert("RGB")


def _resized(image: Image, longest: int) -> Image:
    import PIL.Image

    image.load()  # a file that breaks off shows itself here, and not in the middle of a request
    width, height = image.size
    if not width or not height:
        raise ValueError(f"it is {width} x {height} pixels")
    scale = longest / max(width, height)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return image.resize(size, PIL.Image.Resampling.LANCZOS)


def encode(image: Image, longest: int = 1024, form: Literal["png", "jpeg"] = "png") -> Picture:
    """Return `image` as a file: RGB, at most `longest` pixels a side, without metadata.

    Equal pixels give equal bytes. EXIF, comments, colour profiles and PNG texts are left behind,
    a run record among them.

    Raises:
        ImageError: The picture has no pixels, or they cannot be read.
    """
    import PIL.Image

    small = fitted(image, longest)
    bare = PIL.Image.frombytes("RGB", small.size, small.tobytes())
    file = io.BytesIO()
    if form == "png":
        bare.save(file, "PNG", compress_level=6)
    else:
        bare.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return Picture(f"image/{form}", file.getvalue(), *bare.size)
