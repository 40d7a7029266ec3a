"""What this distribution offers to imagerag."""

from __future__ import annotations

from imagerag.hooks import Offer, hookimpl

_SOURCES = (
    ("manifest", "Manifest", "A table of images: CSV, JSON lines or Parquet"),
    ("imagefolder", "ImageFolder", "A Hugging Face image folder: splits, labels, metadata files"),
    ("webdataset", "WebDataset", "WebDataset shards: tar and tar.gz, with captions and classes"),
    ("img2dataset", "Img2dataset", "What img2dataset writes, such as subsets of LAION"),
    ("imagenet", "ImageNet", "ImageNet (ILSVRC) as published: synsets become captions"),
    ("inaturalist", "INaturalist", "iNaturalist as published: species, licences and creators"),
    ("cub", "Cub", "CUB-200-2011 as published: species of birds become captions"),
    ("aircraft", "Aircraft", "FGVC-Aircraft as published: models of aircraft become captions"),
)


@hookimpl
def imagerag_sources() -> list[Offer]:
    """Offer a source for each layout."""
    return [
        Offer(
            name=name,
            summary=summary,
            target=f"imagerag_datasets.{name}:{title}Source",
            config=f"imagerag_datasets.config:{title}Config",
        )
        for name, title, summary in _SOURCES
    ]
