"""What happens to a picture that is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL.Image import Image


def shown(
    picture: Image, size: tuple[int, int] | None, resampling: Literal["lanczos", "nearest"]
) -> Image:
    """Return `picture` at (width, height) `size` in pixels, or as it is for None."""
    from PIL.Image import Resampling

    if size is None or picture.size == size:
        return picture
    how = {"lanczos": Resampling.LANCZOS, "nearest": Resampling.NEAREST}
    return picture.resize(size, how[resampling])
