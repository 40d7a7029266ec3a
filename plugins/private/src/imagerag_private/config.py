"""Options of the retriever over several collections."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from imagerag.component_config import ComponentConfig, Part


class PrivateCollection(ComponentConfig):
    """One private collection, and who may read it."""

    name: str = Field(min_length=1, description="The collection: a name, or the path of a folder.")
    readers: tuple[str, ...] = Field(
        (), description="Names of those who may read it; whoever runs imagerag where empty."
    )


class PrivateConfig(ComponentConfig):
    """Options of the retriever `private`."""

    collections: tuple[PrivateCollection, ...] = Field(
        (),
        description="The private collections, each a table with `name` and, where not everybody "
        "may read it, `readers`.",
    )
    retriever: Annotated[dict[str, Any] | None, Part("retriever")] = Field(
        None,
        description="The retriever that searches each of them and the general pool, which is the "
        "run's own collection: a table with "
        "`use` and its options.",
    )
    min_score: float = Field(
        0.26,
        allow_inf_nan=False,
        description="Private hits below this score are not close enough. On the scale of the "
        "retriever inside: for cosines of CLIP ViT-B/32, every image the paper used scored above "
        "0.26; other encoders, words and unions have other scales.",
    )
    reader: str | None = Field(
        None,
        min_length=1,
        description="Who is reading; the environment variable IMAGERAG_READER where unset.",
    )
    unreadable: Literal["refuse", "skip"] = Field(
        "refuse",
        description="What becomes of a collection that the reader may not read: the run is "
        "refused, or goes on without it and says so.",
    )
