"""Pictures are sent small, the same every time, and as nothing but pixels."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from imagerag.errors import ImageError
from imagerag_chat import encode
from imagerag_chat.picture import fitted


@pytest.fixture(scope="module")
def photo():
    numbers = np.random.default_rng(3).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    return Image.fromarray(numbers).resize((300, 200), Image.Resampling.BICUBIC)


def opened(picture):
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((300, 200), 150, (150, 100)),
        ((200, 300), 150, (100, 150)),
        ((300, 200), 300, (300, 200)),
        ((30, 20), 1024, (30, 20)),
        ((5000, 2), 100, (100, 1)),
    ],
)
def test_the_longest_side_is_bounded_and_nothing_is_enlarged(size, longest, expected):
    picture = encode(Image.new("RGB", size), longest)
    assert (picture.width, picture.height) == expected == opened(picture).size


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_equal_pixels_give_equal_bytes(photo, form):
    first = encode(photo, 128, form)
    again = encode(photo.copy(), 128, form)
    assert first == again
    assert opened(first).format == form.upper()
    assert first.media_type == f"image/{form}"


def test_png_keeps_every_pixel(photo):
    assert opened(encode(photo)).tobytes() == photo.tobytes()


def test_jpeg_is_near_and_smaller(photo):
    png, jpeg = encode(photo), encode(photo, form="jpeg")
    assert len(jpeg.data) < len(png.data) / 2
    near = np.abs(np.asarray(opened(jpeg), int) - np.asarray(photo, int))
    assert near.mean() < 4


@pytest.mark.parametrize("form", ["png", "jpeg"])
def test_nothing_but_pixels_is_sent(photo, form):
    file, texts, exif = io.BytesIO(), PngImagePlugin.PngInfo(), Image.Exif()
    texts.add_text("imagerag", "a run record")
    exif[0x010E] = "where I live"
    photo.save(file, "PNG", pnginfo=texts, exif=exif, icc_profile=b"profile of mine")
    tagged = Image.open(io.BytesIO(file.getvalue()))
    assert tagged.info["imagerag"] == "a run record"
    picture = encode(tagged, 1024, form)
    assert picture == encode(photo, 1024, form)
    for secret in (b"run record", b"where I live", b"profile of mine"):
        assert secret not in picture.data


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "CMYK", "1", "I;16", "F", "YCbCr", "HSV"])
def test_every_mode_becomes_rgb(mode):
    image = Image.new("RGB", (9, 7), (255, 255, 255))
    image = image.convert(mode) if mode not in {"I;16", "F"} else image.convert("L").convert(mode)
    assert fitted(image, 100).mode == "RGB"
    assert opened(encode(image)).mode == "RGB"


def test_what_is_transparent_is_white():
    image = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    image.putpixel((0, 0), (200, 0, 0, 255))
    seen = opened(encode(image))
    assert seen.getpixel((0, 0)) == (200, 0, 0)
    assert seen.getpixel((3, 3)) == (255, 255, 255)


def test_the_picture_that_is_given_is_left_as_it_is(photo):
    before = photo.tobytes()
    encode(photo, 64)
    assert photo.tobytes() == before


def test_the_data_url_holds_the_file(photo):
    picture = encode(photo, 32)
    head, _, body = picture.data_url.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == picture.data == base64.b64decode(picture.base64)


def test_a_picture_without_pixels_is_an_error_that_says_so():
    with pytest.raises(ImageError, match="0 x 5 pixels"):
        encode(Image.new("RGB", (0, 5)))
