"""What sources of images are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from imagerag.errors import ImageRAGError
from imagerag.roles import Found
from imagerag.testing.suites.pictures import png
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.suite import ComponentSuite
from imagerag.testing.suites.verdict import broken, require, unjudged

if TYPE_CHECKING:
    from imagerag.roles import Source
    from imagerag.testing.suites.workshop import Workshop

_ITERATORS: tuple[type, ...] = (type(iter([])), type(iter(())), type(iter({})))
"""Iterators over what is in memory as a whole."""

MOST = 200
"""Images of a location that are looked at."""


class SourceSuite(ComponentSuite):
    """Holds a source of images to its role.

    `location` is the name of a fixture that gives a place with at least two images in the source's
    own form. Where there is none, it is a folder of pictures, with folders inside, a file that is
    no picture, and a link that leads out of it.
    """

    role = "source"

    location: ClassVar[str] = ""

    place_itself: ClassVar[str] = ""
    """A place, where it is known without a fixture: what `plugins check --location` names."""

    @pytest.fixture(scope="class")
    @classmethod
    def place(
        cls,
        request: pytest.FixtureRequest,
        subject: Source,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> str:
        """The location that is looked through."""
        if request.cls.location:
            return str(request.getfixturevalue(request.cls.location))
        if request.cls.place_itself:
            return str(request.cls.place_itself)
        made = str(_folder(tmp_path_factory.mktemp("images")))
        if request.cls.unattended:
            try:
                list(subject.find(made))
            except ImageRAGError as error:
                unjudged(
                    "a folder of pictures is nothing that it looks through. Name a place with two "
                    f"images at least, --location PLACE: {error}"
                )
        return made

    @pytest.fixture(scope="class")
    @classmethod
    def given(cls, place: str) -> dict[str, Any]:
        """What it is exercised with."""
        return {"location": place}

    def exercise(self, subject: Any, given: Any) -> Any:
        """List what there is."""
        return [found.name for found in islice(subject.find(given["location"]), MOST)]

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """A location that does not exist."""
        nowhere = str(workshop.folder / "there-is-no-such-place")
        yield "a location that is not there", lambda: list(subject.find(nowhere))

    @rule()
    def test_it_finds_images(self, subject: Source, place: str) -> None:
        """What is found are `Found` values with a name, at least two of them."""
        found = _all(subject, place)
        require(len(found) >= 2, f"{len(found)} images are found, and there are two at least")
        for each in found:
            require(isinstance(each, Found) and bool(each.name), f"what is found is {each!r}")

    @rule()
    def test_each_is_a_file_or_bytes(self, subject: Source, place: str) -> None:
        """Each image is a path or the bytes themselves, never both and never neither."""
        for each in _all(subject, place):
            require(
                (each.path is None) != (each.data is None),
                f"{each.name!r} has the path {each.path} and {len(each.data or b'')} bytes",
            )

    @rule()
    def test_the_order_is_stable(self, subject: Source, workshop: Workshop, place: str) -> None:
        """Images come in the same order each time, so that a collection can be made again."""
        names = [each.name for each in _all(subject, place)]
        for again in (subject, workshop.build()):
            require([each.name for each in _all(again, place)] == names, "the order is another one")

    @rule()
    def test_names_are_unique(self, subject: Source, place: str) -> None:
        """No two images of a location have the same name."""
        names = [each.name for each in _all(subject, place)]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"names of several images: {', '.join(twice)}")

    @rule()
    def test_it_streams(self, subject: Source, place: str) -> None:
        """Images come one by one, and looking can be ended after any of them."""
        found = subject.find(place)
        whole = type(found) in _ITERATORS
        require(
            isinstance(found, Iterator) and not whole,
            f"find() gives a {type(found).__name__}, of what was looked up as a whole: yield",
        )
        next(found, None)
        if hasattr(found, "close"):
            found.close()

    @rule()
    def test_paths_stay_inside(self, subject: Source, place: str) -> None:
        """Names are relative and lead nowhere else; the files of a folder lie inside it."""
        root = Path(place)
        for each in _all(subject, place):
            for kind in (PurePosixPath, PureWindowsPath):
                name = kind(each.name)
                away = name.is_absolute() or bool(name.drive) or ".." in name.parts
                require(not away, f"the name {each.name!r} leads out of the location")
            require(each.name.isprintable(), f"the name {each.name!r} has control characters")
            if each.path is not None and root.is_dir():
                inside = each.path.resolve().is_relative_to(root.resolve())
                require(inside, f"the file of {each.name!r} lies outside: {each.path.resolve()}")

    @rule()
    def test_a_location_that_is_not_there_is_told(
        self, subject: Source, workshop: Workshop
    ) -> None:
        """A location that does not exist is an error, never an empty one."""
        nowhere = str(workshop.folder / "there-is-no-such-place")
        try:
            found = list(islice(subject.find(nowhere), 1))
        except Exception:
            return  # which error, and in which words, is another rule
        broken(f"{nowhere!r} is not there, and gives {found}")


def _all(source: Source, location: str) -> list[Found]:
    return list(islice(source.find(location), MOST))


def _folder(root: Path) -> Path:
    """Fill a folder with pictures, and with what the world has among them."""
    outside = root / "outside.png"
    outside.write_bytes(png(99))
    inside = root / "images"
    for number, name in enumerate(("b.png", "a.png", "one/c.png", "one/two/d.png", "é ü.png")):
        path = inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    (inside / "broken.png").write_bytes(b"this is no picture")
    (inside / "notes.txt").write_text("not an image", encoding="utf-8")
    with suppress(OSError):  # not every system allows links
        (inside / "link.png").symlink_to(outside)
    return inside
