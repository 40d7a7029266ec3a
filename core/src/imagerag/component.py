"""What every component is, whatever its role, and what it may ask of the run it is part of."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from imagerag.errors import CapabilityError
from imagerag.values import Facts, Item, Usage

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.collection import Collection

Role: TypeAlias = Literal[
    "generator", "critic", "encoder", "retriever", "reranker", "conditioner", "metric", "source"
]


@dataclass(frozen=True)
class Context:
    """What a component may ask of the run that it is part of.

    `component(role)` gives the run's other component of that role, built on first use: a retriever
    asks for "encoder", a re-ranker for "critic" or "encoder". `cache_dir` is a folder of this
    component's own for things that can be made again. `progress(stage, done, total)` reports work
    inside a stage, for example denoising steps. `collection` opens the run's collection on first
    use; it is None where the run has none.

    `spend(usage)` puts a line into the run's ledger, `decide(stage, decision, reason)` one among
    its decisions: for what the component does that a reader of the record should know. `parts` are
    the components that this one's own configuration names (fields of type `Part`), by field name:
    each a sequence, whose members are built when they are first indexed.

    `kept_from()` names the remote components of the run that may not see private images: where
    there are any, a retriever that opens collections of its own leaves private ones closed. The
    pictures of hits come from `image(item)`, since not all of them need be in `collection`.
    """

    component: Callable[[Role], Any]
    cache_dir: Path
    collection: Collection | None = None
    progress: Callable[[str, int, int], None] = field(default=lambda stage, done, total: None)
    spend: Callable[[Usage], None] = field(default=lambda usage: None)
    decide: Callable[[str, str, str], None] = field(default=lambda stage, decision, reason: None)
    parts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    kept_from: Callable[[], Sequence[str]] = field(default=lambda: ())
    images: Callable[[Item], Image] | None = None

    def image(self, item: Item) -> Image:
        """Return the picture of an item that the run's retriever found, upright and in RGB.

        Raises `CapabilityError` for a private item where a remote component takes part that may
        not see it, and `CollectionError` where the item is gone.
        """
        if self.images is not None:
            return self.images(item)
        if self.collection is None:
            raise CapabilityError(
                'this run has no collection to take pictures from: add `collection = "NAME"`.'
            )
        return self.collection.image(item.id)


class Component(ABC):  # noqa: B024 - its one abstract method is that of each role
    """A part of the loop, built from its own configuration.

    `config` is an instance of the configuration class that the component's offer names.
    """

    remote: ClassVar[bool] = False
    """True where data leaves this machine; the core keeps private images from such components."""

    def __init__(self, config: Any, context: Context) -> None:
        self.config = config
        self.context = context

    def close(self) -> None:  # noqa: B027 - an optional method, harmless by default
        """Free memory and files. Calling it twice does nothing more."""

    def versions(self) -> Mapping[str, str]:
        """Return what a run record should name of this component: model ids, revisions, spaces."""
        return {}

    def facts(self) -> Facts:
        """Return what this component's configuration means; nothing is loaded or fetched."""
        return Facts()

    @property
    def concurrency(self) -> int:
        """How many of its calls may be under way at once, each in a thread of its own.

        One, unless a component says more: models are not made for several threads.
        """
        return 1

    def ready(self) -> None:  # noqa: B027 - most need nothing that may be missing
        """Raise what would stop this component later, a missing key for example.

        It is called before a run paints anything. Nothing is loaded, fetched or asked for.
        """
