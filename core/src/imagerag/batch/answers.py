"""Answers of steps as JSON, so that a batch that was interrupted need not ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imagerag.json_values import plain
from imagerag.run import Painted, Used
from imagerag.steps import Ask, Compare, Drawn, Order, Paint, Search, Step
from imagerag.values import (
    Comparison,
    Concept,
    Filtered,
    Hit,
    Item,
    Malformed,
    Matches,
    Missing,
    Refused,
    Review,
    Truncated,
    Unavailable,
)

if TYPE_CHECKING:
    from imagerag.batch.pictures import PictureFiles

_REVIEWS: dict[str, type[Review]] = {
    kind.__name__: kind
    for kind in (Matches, Missing, Refused, Filtered, Truncated, Malformed, Unavailable)
}


class LostPictureError(Exception):
    """A picture of a finished step is gone or damaged: it is to be painted again."""


def asked(step: Step) -> dict[str, Any]:
    """Return what tells a step from others of the same work: an answer is for this alone."""
    match step:
        case Paint():
            return {"references": [reference.digest for reference in step.references]}
        case Ask():
            return {"temperature": step.temperature, "picture": step.picture is not None}
        case Search():
            return {"texts": list(step.texts), "depth": step.depth}
        case Order():
            return {"text": step.text, "hits": [hit.item.id for hit in step.hits]}
        case _:
            return {}


def packed(step: Step, answer: Any) -> Any:
    """Return an answer as JSON values; a picture is named by its digest."""
    match step:
        case Paint():
            info = answer.image.info.get("imagerag")
            return {"painted": plain(answer.painted), "info": info}
        case Ask():
            return {"kind": type(answer).__name__, **plain(answer)}
        case Search():
            return [[_packed_hit(hit) for hit in hits] for hits in answer]
        case Order():
            return [hit.item.id for hit in answer]
        case Compare():
            return plain(answer)
        case _:
            raise TypeError(f"{type(step).__name__} is not kept")


def unpacked(step: Step, values: Any, pictures: PictureFiles) -> Any:
    """Read an answer back. Raises `LostPictureError` where its picture is gone."""
    match step:
        case Paint():
            told = values["painted"]
            used = tuple(Used(**reference) for reference in told["references"])
            painted = Painted(**{**told, "references": used})
            image = pictures.get(painted.pixels_sha256)
            if image is None:
                raise LostPictureError(painted.pixels_sha256)
            if values["info"] is not None:
                image.info["imagerag"] = values["info"]
            return Drawn(painted, image)
        case Ask():
            return _review(values)
        case Search():
            return [[_hit(hit) for hit in hits] for hits in values]
        case Order():
            given = {hit.item.id: hit for hit in step.hits}
            return [given[identity] for identity in values]
        case Compare():
            return Comparison(**values)
        case _:
            raise TypeError(f"{type(step).__name__} is not kept")


def _review(values: dict[str, Any]) -> Review:
    told = dict(values)
    kind = _REVIEWS[told.pop("kind")]
    for name in ("concepts", "present"):
        if name in told:
            told[name] = tuple(Concept(**concept) for concept in told[name])
    return kind(**told)


def _packed_hit(hit: Hit) -> dict[str, Any]:
    return {"item": plain(hit.item), "score": float(hit.score), "query": hit.query}


def _hit(values: dict[str, Any]) -> Hit:
    item = {**values["item"], "tags": tuple(values["item"]["tags"])}
    return Hit(Item(**item), values["score"], values["query"])
