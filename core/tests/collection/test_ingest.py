"""Pictures are decoded elsewhere, encoded on the way, compared with others, and read only once."""

import argparse
import io
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imagerag.cli import collection_add
from imagerag.collection import (
    Collection,
    batch_line,
    decode,
    decoder,
    ingest,
    isolation,
)
from imagerag.collection.decoder import Inspected
from imagerag.errors import CapabilityError, CollectionError, ImageError, ImageRAGError
from imagerag.roles import Context, Encoder, Found
from imagerag.testing import registry
from imagerag.testing.photos import photograph, photograph_jpeg

Make = Callable[..., Found]


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


class MeanEncoder(Encoder):
    """Encodes the mean colour, and remembers what it was shown."""

    dim, space, image_size = 4, "mean", 32

    def __init__(self) -> None:
        super().__init__(None, Context(lambda role: None, Path()))
        self.shown: list[tuple[int, int]] = []

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise NotImplementedError

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        self.shown.extend(image.size for image in images)
        means = [[*np.asarray(image).mean(axis=(0, 1)), 1.0] for image in images]
        matrix = np.array(means, dtype=np.float32)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


class RemoteEncoder(MeanEncoder):
    """The same, out of the house."""

    remote = True


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(6):
        (folder / f"{seed}.jpg").write_bytes(photograph_jpeg(80, 60, seed))
    return folder


def found_in(folder: Path) -> Iterator[Found]:
    return (Found(path.name, path) for path in sorted(folder.iterdir()))


def test_pictures_are_encoded_while_they_are_taken_in(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ITEMS", 4)
    encoder = MeanEncoder()
    assert collection.add(found_in(photos), encoder=encoder).added == 6
    ids = [item.id for item in collection.items()]
    kept = collection.vectors("mean", ids)
    assert len(kept) == len(encoder.shown) == 6
    for identity, vector in kept.items():
        (again,) = encoder.encode_images([collection.image(identity)])
        np.testing.assert_allclose(vector, again, atol=1e-5)


def test_what_was_encoded_before_is_not_encoded_again(collection: Collection, photos: Path) -> None:
    encoder = MeanEncoder()
    collection.add(found_in(photos))
    collection.add(found_in(photos), encoder=encoder)
    assert len(encoder.shown) == 6
    collection.add(found_in(photos), encoder=encoder)
    assert len(encoder.shown) == 6


def test_the_encoder_sees_large_pictures_smaller(collection: Collection) -> None:
    encoder = MeanEncoder()
    large = Found("large", data=photograph_jpeg(1024, 768, 1))
    collection.add([large], encoder=encoder)
    assert encoder.shown == [(256, 192)]
    assert (next(collection.items()).width, next(collection.items()).height) == (1024, 768)


def test_an_encoder_that_fails_loses_no_picture(collection: Collection, photos: Path) -> None:
    class Broken(MeanEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
            return np.zeros((len(images), 4), dtype=np.float32)

    with pytest.raises(CapabilityError, match="unit length"):
        collection.add(found_in(photos), encoder=Broken())
    assert len(collection) == 6


def test_after_an_encoder_has_failed_pictures_are_still_written_and_none_is_encoded(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ITEMS", 2)
    monkeypatch.setattr(batch_line, "SHOWN", 1)

    class Once(MeanEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
            super().encode_images(images)
            raise ImageRAGError("the encoder has gone")

    encoder = Once()
    with pytest.raises(ImageRAGError, match="has gone"):
        collection.add(found_in(photos), encoder=encoder)
    # What had been handed over when it failed was on its way already.
    assert len(encoder.shown) <= 1 + batch_line.LOTS
    taken = len(collection)
    assert taken >= 2
    assert collection.add(found_in(photos), encoder=MeanEncoder()).unchanged == taken
    assert len(collection.vectors("mean", [item.id for item in collection.items()])) == 6


def test_a_batch_that_cannot_be_written_is_the_last(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ITEMS", 2)
    real, batches = collection._files.place, []

    def place(batch: list[tuple[str, str, bytes]]) -> None:
        batches.append(len(batch))
        if len(batches) == 2:
            raise CollectionError("the disk is full")
        real(batch)

    monkeypatch.setattr(collection._files, "place", place)
    with pytest.raises(CollectionError, match="is full"):
        collection.add(found_in(photos))
    assert (len(collection), batches) == (2, [2, 2])


def test_what_a_source_found_before_it_failed_is_taken(
    collection: Collection, photos: Path
) -> None:
    def failing() -> Iterator[Found]:
        yield from found_in(photos)
        raise OSError("the source has gone")

    with pytest.raises(OSError, match="has gone"):
        collection.add(failing())
    assert len(collection) == 6


def test_pictures_are_skipped_in_the_order_in_which_they_came(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ITEMS", 2)
    found = [*found_in(photos)]
    for place in (5, 3, 0):
        found.insert(place, Found(f"bad {place}", data=b"no picture"))
    names = [one.name for one in found if one.data is not None]
    assert [name for name, _ in collection.add(found).skipped] == names


def test_a_remote_encoder_is_shown_nothing_private(collection: Collection, photos: Path) -> None:
    encoder = RemoteEncoder()
    collection.add(found_in(photos), private=True, encoder=encoder)
    assert (len(collection), encoder.shown) == (6, [])
    # Nor what is private here already, though this call does not say so.
    collection.add(found_in(photos), encoder=encoder)
    assert encoder.shown == []


def test_unchanged_files_are_not_read_again(
    collection: Collection, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add(found_in(photos))
    (photos / "0.jpg").write_bytes(photograph_jpeg(80, 60, 99))
    (photos / "new.jpg").write_bytes(photograph_jpeg(80, 60, 98))
    read: list[str] = []
    real = decode.read_bytes

    def watched(path: Path) -> bytes:
        read.append(path.name)
        return real(path)

    monkeypatch.setattr(decode, "read_bytes", watched)
    report = collection.add(found_in(photos))
    assert sorted(read) == ["0.jpg", "new.jpg"]
    assert (report.added, report.unchanged) == (2, 5)


def test_a_file_that_was_passed_over_still_gets_its_new_caption(
    collection: Collection, photos: Path
) -> None:
    collection.add(found_in(photos))
    again = [Found(one.name, one.path, caption=one.name) for one in found_in(photos)]
    assert collection.add(again).updated == 6
    assert sorted(item.caption for item in collection.items()) == [f"{n}.jpg" for n in range(6)]


def test_a_removed_picture_and_a_lost_file_come_back(collection: Collection, photos: Path) -> None:
    collection.add(found_in(photos))
    gone, lost, *_ = [item.id for item in collection.items()]
    collection.remove([gone])
    collection.file(lost).unlink()
    assert collection.add(found_in(photos)).added == 1
    assert collection.image(gone).size == collection.image(lost).size == (80, 60)


def test_near_duplicates_name_the_first_picture(collection: Collection) -> None:
    images = [photograph(320, 240, seed) for seed in range(20)]
    collection.add(Found(str(n), data=jpeg(image)) for n, image in enumerate(images))
    originals = list(collection.items())
    assert {item.near for item in originals} == {None}
    copies = [jpeg(image.resize((200, 150)), 60) for image in images]
    copies += [jpeg(image, 30) for image in images]
    report = collection.add(Found(f"copy {n}", data=data) for n, data in enumerate(copies))
    assert (report.added, report.near) == (40, 40)
    assert [item.near for item in list(collection.items())[20:]] == [
        item.id for item in [*originals, *originals]
    ]


def test_near_duplicates_of_one_batch_are_found(collection: Collection) -> None:
    image = photograph(200, 150, 3)
    report = collection.add([Found("a", data=jpeg(image)), Found("b", data=jpeg(image, 50))])
    first, second = collection.items()
    assert (report.near, first.near, second.near) == (1, None, first.id)


def test_pictures_of_one_colour_are_not_alike(collection: Collection, found: Make) -> None:
    assert collection.add(found(n) for n in range(5)).near == 0


def test_the_command_encodes_with_the_configured_encoder(photos: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[encoder]\nuse = "hashing"\n')
    parser = argparse.ArgumentParser()
    collection_add.add_create(parser)
    words = [str(tmp_path / "made"), str(photos), "--encode", "--config", str(config)]
    arguments = parser.parse_args(words, argparse.Namespace(registry=registry("imagerag.builtin")))
    assert arguments.run(arguments) == 0
    with Collection.open(tmp_path / "made") as made:
        assert made.stats().spaces == {"hashing-64": 6}


def test_an_encoder_that_cannot_be_had_leaves_no_collection(photos: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    collection_add.add_create(parser)
    words = [str(tmp_path / "made"), str(photos), "--encode", "--config", str(tmp_path / "no.toml")]
    arguments = parser.parse_args(words, argparse.Namespace(registry=registry("imagerag.builtin")))
    with pytest.raises(ImageRAGError):
        arguments.run(arguments)
    assert not (tmp_path / "made").exists()


CRASHES = """
    import PIL.Image

    real = PIL.Image.open

    def opened(file, *args, **options):
        picture = real(file, *args, **options)
        if picture.size == (13, 13):
            import ctypes

            ctypes.string_at(0)
        if picture.size == (17, 17):
            import time

            time.sleep(600)
        return picture

    PIL.Image.open = opened
"""


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have decoding processes really crash over pictures of 13 × 13, and hang over 17 × 17."""
    home = tmp_path / "site"
    home.mkdir()
    (home / "sitecustomize.py").write_text(textwrap.dedent(CRASHES))
    isolation.shared.close()
    monkeypatch.syspath_prepend(str(home))
    yield
    isolation.shared.close()


@pytest.mark.usefixtures("fragile")
def test_a_picture_that_crashes_the_decoder_takes_nothing_with_it(
    collection: Collection, picture: Callable[..., bytes]
) -> None:
    files = [picture(n, size=(13, 13) if n in {2, 5} else (9, 9)) for n in range(8)]
    report = collection.add(Found(str(n), data=data) for n, data in enumerate(files))
    assert (report.added, len(collection)) == (6, 6)
    assert [name for name, _ in report.skipped] == ["2", "5"]
    assert {reason for _, reason in report.skipped} == {"makes the decoder crash (SIGSEGV)"}


def test_files_that_a_request_has_no_room_for_are_asked_for_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [photograph_jpeg(320, 240, seed) for seed in range(5)]
    monkeypatch.setattr(isolation, "INBOX", max(map(len, files)) + 100)
    found = isolation.shared.inspect(files, None, pixels=False)
    assert found == decoder.inspect(files, None, pixels=False)


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have decoding processes keep room for the pixels of two pictures of 64 × 48."""
    home = tmp_path / "site"
    home.mkdir()
    (home / "sitecustomize.py").write_text(
        "from imagerag.collection import decoder\n"
        "decoder.SHARED = decoder.INBOX + 2 * 3 * 64 * 48\n"
    )
    isolation.shared.close()
    monkeypatch.syspath_prepend(str(home))
    yield
    isolation.shared.close()


@pytest.mark.usefixtures("narrow")
def test_pictures_that_there_is_no_room_for_are_asked_for_again() -> None:
    files = [photograph_jpeg(64, 48, seed) for seed in range(5)]
    files.insert(1, b"no picture")
    found = isolation.shared.inspect(files, None, pixels=True)
    for there, here in zip(found, decoder.inspect(files, None, pixels=True), strict=True):
        assert type(there) is type(here)
        if isinstance(there, Inspected) and isinstance(here, Inspected):
            assert there.image is not None
            assert here.image is not None
            assert there.image.tobytes() == here.image.tobytes()


def test_no_more_files_are_decoded_at_once_than_there_are_cores(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_core = isolation.Decoders()
    one_core._places = threading.Semaphore(1)
    monkeypatch.setattr(isolation, "shared", one_core)
    found = (Found(str(seed), data=photograph_jpeg(80, 60, seed)) for seed in range(30))
    try:
        assert collection.add(found).added == 30
        assert len(one_core._idle) == 1
    finally:
        one_core.close()


@pytest.mark.usefixtures("fragile")
def test_a_picture_that_hangs_the_decoder_is_given_up(
    collection: Collection, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "PATIENCE", 8.0)
    files = [picture(0, size=(9, 9)), picture(1, size=(17, 17)), picture(2, size=(9, 9))]
    report = collection.add(Found(str(n), data=data) for n, data in enumerate(files))
    assert report.added == 2
    assert report.skipped == (("1", "takes longer than 8 s to decode"),)


def test_a_decoding_process_answers_as_this_process_would() -> None:
    for data in (photograph_jpeg(500, 375, 1), jpeg(photograph(90, 700, 2))):
        for image_size in (None, 32):
            (there,) = isolation.shared.inspect([data], image_size, pixels=True)
            (here,) = decoder.inspect([data], image_size, pixels=True)
            assert isinstance(there, Inspected)
            assert isinstance(here, Inspected)
            assert there.image is not None
            assert here.image is not None
            assert there.image.tobytes() == here.image.tobytes()
            assert (there.width, there.height, there.format) == (here.width, here.height, "jpg")
            assert there.thumbnail == here.thumbnail
    for process in (isolation.shared, decoder):
        (answer,) = process.inspect([data[:100]], None, pixels=False)
        assert isinstance(answer, ImageError)
        assert "cut short" in str(answer)


def test_a_decoding_process_ends_with_its_parent() -> None:
    script = (
        "from imagerag.collection import isolation\n"
        "from imagerag.testing.photos import photograph_jpeg\n"
        "isolation.shared.inspect([photograph_jpeg(20, 20, 1)], None, pixels=False)\n"
        "import os\n"
        "print(isolation.shared._idle[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    status = Path(f"/proc/{int(run.stdout)}/status")
    for _ in range(200):
        if not status.exists() or "zombie" in status.read_text():
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("the decoding process outlived its parent")
