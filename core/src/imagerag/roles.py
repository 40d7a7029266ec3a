"""The roles a plugin can play: abstract classes with one abstract method each where possible.

A component is built from its own validated configuration and a `Context`, used, and closed. Weights
load on first use, once; closing twice is harmless. Components are synchronous: whoever schedules
them does so from threads. A later version may add an optional method with a default body, which is
why these are classes and not protocols.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from imagerag.component import Component as Component
from imagerag.component import Context as Context
from imagerag.component import Role as Role
from imagerag.errors import CapabilityError
from imagerag.values import (
    Ability,
    Capability,
    Choice,
    Comparison,
    EditPlan,
    Guidance,
    Hit,
    Item,
    Query,
    Reference,
    Review,
    Sample,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from imagerag.collection import Collection

    Vectors: TypeAlias = NDArray[np.float32]
    """Unit vectors, one a row: float32, shape (n, dim)."""

CriticAbility: TypeAlias = Literal["plan", "compare", "caption", "choose", "edits"]


class Generator(Component):
    """Paints pictures."""

    @abstractmethod
    def capability(self) -> Capability:
        """Return what this generator can do, without loading weights."""

    @property
    def batch_size(self) -> int:
        """How many guidances one call of `generate` should have, where there are many.

        One, unless a generator says more. What it reports of costs and decisions during a call is
        told of the one guidance then, so those that report any should leave it at one.
        """
        return 1

    @abstractmethod
    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one RGB picture per guidance, in order.

        The same guidance gives the same picture on the same machine, whatever else is in the
        batch. What a generator decides while it paints (the edits that a planner asked for) goes
        into `picture.info["imagerag"]`, as options that repeat it without asking again: the record
        keeps them with the guidance. Raises `CapabilityError` for references or options beyond
        `capability()`, and `WeightsError` where the model cannot be loaded.
        """


class Critic(Component):
    """Says what a picture lacks. Optional abilities are declared in `abilities`."""

    abilities: ClassVar[frozenset[CriticAbility]] = frozenset()

    @abstractmethod
    def review(self, image: Image, prompt: str, *, temperature: float = 0.0) -> Review:
        """Say whether `image` shows `prompt`, and if not, which concepts are missing.

        `temperature` rises from 0 on each retry after an unusable answer. Trouble is a value of
        the closed union `Review`, never an exception.
        """

    def plan(self, prompt: str, *, temperature: float = 0.0) -> Review:
        """Name the concepts a painter must know for `prompt`, without a picture ("plan")."""
        raise self._cannot("plan")

    def compare(self, prompt: str, a: Image, b: Image) -> Comparison:
        """Say which picture fits the prompt better ("compare")."""
        raise self._cannot("compare")

    def caption(self, image: Image) -> str:
        """Describe a picture in one sentence ("caption")."""
        raise self._cannot("caption")

    def choose(self, text: str, images: Sequence[Image]) -> Choice:
        """Say which of `images` fit `text`, the best first ("choose")."""
        raise self._cannot("choose")

    def edits(self, image: Image, prompt: str, *, temperature: float = 0.0) -> EditPlan:
        """Say what to change in `image`, edit by edit, so that it shows `prompt` ("edits")."""
        raise self._cannot("edits")

    def _cannot(self, ability: str) -> CapabilityError:
        have = ", ".join(sorted(self.abilities)) or "none"
        return CapabilityError(
            f"the critic {type(self).__name__!r} has no ability {ability!r} (it has: {have}). "
            "Choose another critic: `imagerag plugins list --role critic`."
        )


class Encoder(Component):
    """Turns texts and images into unit vectors of one space."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of a vector."""

    @property
    @abstractmethod
    def space(self) -> str:
        """A stable id of model, weights and preprocessing; equal exactly for comparable vectors."""

    @property
    def image_size(self) -> int | None:
        """Side of the square in pixels that pictures are scaled to, None where that is not so.

        Whoever encodes a collection may then decode its pictures smaller than they are, at no less
        than one and a half times this size. It is found without loading the model.
        """
        return None

    @abstractmethod
    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, float32, shape (len(texts), dim). Too long texts are truncated."""

    @abstractmethod
    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Return unit vectors, float32, shape (len(images), dim)."""


Compared: TypeAlias = Literal["images", "captions", "own"]
"""What a retriever compares the text of a query with: vectors of the items' images, or of their
captions, both by the run's encoder; or something of its own, such as words."""


class Retriever(Component):
    """Finds items of the run's collection."""

    @property
    def compares(self) -> Compared:
        """What is compared with the text of a query; a class attribute may say it as well."""
        return "images"

    @property
    def recall(self) -> float:
        """Share of the true best `k` that a search finds at least, in the mean; 1 where exact.

        An approximate index declares here what it was measured to find.
        """
        return 1.0

    @abstractmethod
    def sync(self, collection: Collection) -> int:
        """Catch up with the collection by change number; return how many items were applied."""

    @abstractmethod
    def search(
        self, queries: Sequence[Query], k: int, where: Callable[[Item], bool] | None = None
    ) -> list[list[Hit]]:
        """Return up to `k` hits per query: scores descending, ties by item id, ids unique.

        `where` keeps only items it is true for; k results are still found where that many exist.
        """

    def purge(self, collection_path: Path, ids: Set[str]) -> Set[str] | None:
        """Delete whatever was kept of these items; return the names of folders that are clean.

        These are folders under the collection's `indexes` that are known to hold nothing of the
        items any more, in no file and in no form; all others are deleted whole afterwards, since
        they are derived. Every installed retriever is asked, built with its default options and
        without models. It is called after the items were removed and before their bytes go, and
        again for the same ids where a purge was cut short.
        """
        return None

    def item(self, identity: str) -> Item | None:
        """Return the item of this id that a search could find, None where there is none.

        A retriever that finds items elsewhere than in the run's collection says here what they
        are, and in `image` what they show: by these, references are read and replayed.
        """
        collection = self.context.collection
        return None if collection is None else collection.lookup([identity]).get(identity)

    def image(self, item: Item) -> Image:
        """Return the picture of an item that this retriever finds, upright and in RGB.

        Raises `CollectionError` where it is gone, `ImageError` where its file was changed.
        """
        if self.context.collection is None:
            raise CapabilityError(
                'this run has no collection to take pictures from: add `collection = "NAME"`.'
            )
        return self.context.collection.image(item.id)

    def info(self, collection: Collection) -> Mapping[str, str]:
        """Say what this retriever keeps of a collection, for `imagerag collection info`.

        Keys and values are for people: {"index": "exact, 350000 vectors, up to date"}. Nothing is
        loaded, built or brought up to date.
        """
        return {}


class Reranker(Component):
    """Orders candidates anew."""

    @abstractmethod
    def rerank(self, query: Query, hits: Sequence[Hit]) -> list[Hit]:
        """Return a permutation of `hits`, the best first; each keeps its own item."""

    @classmethod
    def purge(cls, collection_path: Path, ids: Set[str], cache_dir: Path) -> Set[str] | None:
        """Delete whatever was kept of these items, as `Retriever.purge` does.

        Of the class, since a re-ranker may not be built without a critic or an encoder; `cache_dir`
        is that of its `Context`.
        """
        return None


class Conditioner(Component):
    """Turns a prompt and its references into guidance in a generator's own language."""

    needs: ClassVar[frozenset[Ability]] = frozenset({"text"})
    """Abilities the generator must have; checked before anything loads."""

    @abstractmethod
    def condition(
        self,
        prompt: str,
        references: Sequence[Reference],
        capability: Capability,
        *,
        seed: int,
        size: tuple[int, int] | None = None,
    ) -> Guidance:
        """Return the guidance for one picture; without references, that of the plain draft.

        Raises `CapabilityError` for more references than `capability.max_references`; the loop
        cuts the list beforehand and records that decision.
        """


class Metric(Component):
    """Measures pictures, one value each."""

    @abstractmethod
    def measure(
        self, images: Sequence[Image], prompts: Sequence[str], targets: Sequence[str | None]
    ) -> list[Sample]:
        """Return one sample per image. `targets` names the concept that matters, where known."""


@dataclass(frozen=True)
class Found:
    """One image that a source yields, before it is checked: a path or the bytes themselves."""

    name: str
    path: Path | None = None
    data: bytes | None = None
    caption: str = ""
    licence: str | None = None
    creator: str | None = None
    source: str | None = None
    tags: tuple[str, ...] = ()


class Source(Component):
    """Where images come from."""

    problems: Sequence[tuple[str, str]] = ()
    """What the latest `find` passed over, as (name, why); whole when it has ended."""

    @abstractmethod
    def find(self, location: str) -> Iterator[Found]:
        """Yield images of `location` in a stable order, streaming, without decoding them."""

    def count(self, location: str) -> int | None:
        """Return about how many images `find` would yield, None where only `find` would tell.

        For the time left on the screen: lines of a list or names of files are counted, no file of
        an image is opened. Called beside a `find` that is under way, if at all.
        """
        return None
