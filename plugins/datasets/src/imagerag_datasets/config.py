"""The options of the sources."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from imagerag.component_config import ComponentConfig

Split = tuple[str, ...] | str | None


class DatasetConfig(ComponentConfig):
    """Options of every source here."""

    licence: str | None = Field(
        None, description="Licence of images for which the data names none."
    )
    creator: str | None = Field(
        None, description="Creator of images for which the data names none."
    )
    source: str | None = Field(
        None, description="Source, such as a URL, of images for which the data names none."
    )
    allow_outside: bool = Field(
        False,
        description="Whether files outside the location may be read, which a table names or a "
        "link leads to.",
    )


class ClassesConfig(DatasetConfig):
    """Options of sources whose images have classes and splits."""

    caption: str = Field(
        "a photo of {a} {name}",
        description="How the name of a class becomes a caption: {name} is the name, {a} is 'a' or "
        "'an' before it.",
    )
    split: Split = Field(
        None,
        description="Which splits are read, by name: one, or a list. None reads all. The split of "
        "an image is kept as the tag split:NAME.",
    )

    @field_validator("caption")
    @classmethod
    def _names_the_class(cls, value: str) -> str:
        if "{name}" not in value:
            raise ValueError("it has no {name}, so all captions would be the same")
        return value

    def takes(self, split: str) -> bool:
        """Say whether a split is read."""
        if self.split is None:
            return True
        return split in ((self.split,) if isinstance(self.split, str) else self.split)


class ArchiveConfig(DatasetConfig):
    """Options of sources that read archives. What goes beyond a limit is skipped and told."""

    max_members: int = Field(
        1_000_000, ge=1, le=10_000_000, description="Most members that are read of one archive."
    )
    max_member_mb: int = Field(
        25,
        ge=1,
        le=25,
        description="Largest member that is read, in MB; larger images are not accepted anyway.",
    )
    max_archive_gb: int = Field(
        200, ge=1, description="Most that one archive may hold after decompression, in GB."
    )
    max_ratio: int = Field(
        50,
        ge=2,
        le=1032,
        description="Most by which a compressed archive may grow. Images hardly shrink; text "
        "shrinks to a fifth or a tenth.",
    )


class ManifestConfig(DatasetConfig):
    """Options of the source `manifest`: which column means what."""

    root: str | None = Field(
        None,
        description="The folder that file names are relative to; by default the manifest's own.",
    )
    file: str | None = Field(
        None, description="Column of file names. By default file_name, path, image and their like."
    )
    caption: str | None = Field(
        None, description="Column of captions. By default caption, text, description, title."
    )
    tags: str | None = Field(
        None, description="Column of tags. By default tags, keywords, labels, label."
    )
    split_column: str = Field("split", description="Column that names the split of a row.")
    split: Split = Field(
        None, description="Which splits are read, by name: one, or a list. None reads all."
    )

    def takes(self, split: str) -> bool:
        """Say whether a split is read."""
        if self.split is None:
            return True
        return split in ((self.split,) if isinstance(self.split, str) else self.split)


class ImageFolderConfig(ClassesConfig):
    """Options of the source `imagefolder`."""

    labels: bool = Field(
        True,
        description="Whether the name of an image's folder is its class, where no metadata file "
        "lies there.",
    )


class WebDatasetConfig(ArchiveConfig):
    """Options of the source `webdataset`."""

    classes: str | None = Field(
        None,
        description="A text file with one name of a class a line: what the numbers of .cls "
        "members mean, from 0.",
    )
    caption: str = Field(
        "a photo of {a} {name}",
        description="How the name of a class becomes a caption, for samples without a caption.",
    )

    @field_validator("caption")
    @classmethod
    def _names_the_class(cls, value: str) -> str:
        if "{name}" not in value:
            raise ValueError("it has no {name}, so all captions would be the same")
        return value


class Img2datasetConfig(ArchiveConfig):
    """Options of the source `img2dataset`."""

    format: Literal["auto", "files", "webdataset", "parquet"] = Field(
        "auto",
        description="The output_format that img2dataset wrote; 'auto' tells by what is there.",
    )


class ImageNetConfig(ClassesConfig):
    """Options of the source `imagenet`."""

    synonyms: bool = Field(
        False, description="Whether a caption has all names of a synset, or only the first."
    )
    first_classes: int | None = Field(
        None, ge=1, description="Only the first so many synsets, in their order of wnid."
    )


class INaturalistConfig(ClassesConfig):
    """Options of the source `inaturalist`."""

    names: Literal["common", "scientific"] = Field(
        "common",
        description="What a caption calls a species: its common name where it has one, or its "
        "scientific name. Both are tags.",
    )
    first_classes: int | None = Field(
        None, ge=1, description="Only the first so many categories, in the order of the file."
    )


class CubConfig(ClassesConfig):
    """Options of the source `cub`."""

    boxes: bool = Field(
        False, description="Whether the bounding box is kept, as the tag box:X,Y,WIDTH,HEIGHT."
    )


class AircraftConfig(ClassesConfig):
    """Options of the source `aircraft`."""

    level: Literal["variant", "family", "manufacturer"] = Field(
        "variant", description="Which level of the hierarchy a caption names. All three are tags."
    )
    boxes: bool = Field(
        False, description="Whether the bounding box is kept, as the tag box:LEFT,TOP,RIGHT,BOTTOM."
    )
