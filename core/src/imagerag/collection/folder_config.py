"""Options of the `folder` source."""

from __future__ import annotations

from pydantic import Field

from imagerag.component_config import ComponentConfig


class FolderConfig(ComponentConfig):
    """How a folder of images is read."""

    recursive: bool = Field(default=True, description="Also read the folders inside the folder.")
    names_as_captions: bool = Field(
        default=True,
        description="Where no table gives a caption, take one from a file name that reads like "
        "words, such as red_fox_03.jpg.",
    )
    licence: str | None = Field(
        default=None, description="Licence of images for which no table names one."
    )
    creator: str | None = Field(
        default=None, description="Creator of images for which no table names one."
    )
    source: str | None = Field(
        default=None, description="Source, such as a URL, of images for which no table names one."
    )
