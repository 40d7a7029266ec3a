"""Only sound JPEG, PNG and WebP pictures are decoded, and always to upright RGB."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagerag.collection import Collection, open_image, sniff
from imagerag.collection.decode import MAX_BYTES
from imagerag.errors import ImageError
from imagerag.roles import Found
from imagerag.testing.photos import photograph

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


NOISY = Image.fromarray(NOISE)
PNG, JPEG, WEBP = (saved(NOISY, name) for name in ("PNG", "JPEG", "WEBP"))
FRAMES = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, pixels: bytes = b"", *extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    start = JPEG.index(b"\xff\xc0")
    return JPEG[: start + 5] + struct.pack(">HH", height, width) + JPEG[start + 9 :]


def progressive_of(width: int, height: int, mode: str) -> bytes:
    """Return a JPEG in several scans whose header tells another size."""
    data = saved(NOISY.convert(mode), "JPEG", progressive=True, subsampling=0)
    start = data.index(b"\xff\xc2")
    return data[: start + 5] + struct.pack(">HH", height, width) + data[start + 9 :]


def jpeg_with(kind: int, body: bytes) -> bytes:
    return JPEG[:2] + bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body + JPEG[2:]


def jpeg_with_scans(count: int) -> bytes:
    """Return a JPEG that goes over the whole picture again and again."""
    data = saved(NOISY, "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * count + data[-2:]


def webp_of(data: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "text": (b"just words, no picture", "not a known image"),
    "html": (b"<html><script>alert(1)</script></html>", "HTML"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "gif": (saved(FRAMES[0], "GIF"), "GIF"),
    "bmp": (saved(FRAMES[0], "BMP"), "BMP"),
    "tiff": (saved(FRAMES[0], "TIFF"), "TIFF"),
    "pdf": (b"%PDF-1.7 and so on", "PDF"),
    "zip": (b"PK\x03\x04" + bytes(60), "ZIP"),
    "heic": (b"\x00\x00\x00\x18ftypheic" + bytes(40), "HEIC"),
    "png: magic only": (PNG[:8], "cut short"),
    "png: half": (PNG[: len(PNG) // 2], "cut short"),
    "png: last byte lost": (PNG[:-1], "cut short"),
    "png: bit flipped": (PNG[:200] + bytes([PNG[200] ^ 1]) + PNG[201:], "damaged"),
    "png: no pixels": (png_of(60, 40), "damaged"),
    "png: bomb in the header": (png_of(60_000, 60_000, bytes(1000)), "million"),
    "png: 50 million and a row": (png_of(10_000, 5_001, bytes(1000)), "million"),
    "png: no area": (png_of(0, 10), "no area"),
    "png: text bomb": (
        png_of(2, 2, bytes(14), chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000)))),
        "damaged",
    ),
    "png: animated": (
        saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]),
        "animated",
    ),
    "png: archive behind": (PNG + b"PK\x03\x04" + bytes(100), "hides"),
    "png: huge chunk length": (PNG[:33] + b"\xff\xff\xff\xff" + PNG[37:], "cut short"),
    "jpeg: magic only": (JPEG[:3], "cut short"),
    "jpeg: half": (JPEG[: len(JPEG) // 2], "cut short"),
    "jpeg: end lost": (JPEG[:-2], "cut short"),
    "jpeg: bomb in the header": (jpeg_of(65_500, 65_500), "million"),
    "jpeg: no area": (jpeg_of(60, 0), "no area"),
    "jpeg: no picture": (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9", "without a picture"),
    "jpeg: archive behind": (JPEG + b"junk PK\x03\x04" + bytes(50) + b"PK\x05\x06", "hides"),
    "jpeg: program behind": (JPEG + b"\x7fELF" + bytes(100), "hides"),
    "jpeg: script behind": (JPEG + b"...<?php system($_GET['x']); ?>", "hides"),
    "webp: half": (WEBP[: len(WEBP) // 2], "cut short"),
    "webp: other data behind": (WEBP + b"<script>", "hides"),
    "webp: animated": (
        saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
        "animated",
    ),
    "webp: no picture": (webp_of(b"EXIF\x04\x00\x00\x00abcd"), "without a picture"),
    "webp: two sizes": (
        webp_of(b"VP8X\x0a\x00\x00\x00" + bytes(4) + b"\x01\x00\x00\x01\x00\x00" + WEBP[12:]),
        "disagree",
    ),
    "jpeg: scans beyond number": (jpeg_with_scans(2000), "scans"),
    "jpeg: memory of four components": (progressive_of(7000, 7000, "CMYK"), "MB to decode"),
    "jpeg: memory of three components": (progressive_of(7000, 7000, "RGB"), "MB to decode"),
    "jpeg: millions of markers": (JPEG[:2] + b"\xff\xe1\x00\x02" * 2_000_000 + JPEG[2:], "parts"),
    "jpeg: millions of fill bytes": (JPEG[:2] + b"\xff" * 5_000_000, "cut short"),
    "jpeg: document in a comment": (jpeg_with(0xFE, b"%PDF-1.7 obj"), "metadata"),
    "jpeg: script in EXIF": (jpeg_with(0xE1, b"Exif\0\0<script>x()</script>"), "metadata"),
    "jpeg: two pictures": (JPEG[:-2] + jpeg_of(9, 9)[JPEG.index(b"\xff\xc0") :], "two pictures"),
    "png: compressed text bomb": (
        png_of(2, 2, bytes(14), chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(80_000_000)))),
        "damaged",
    ),
    "png: profile bomb": (
        png_of(2, 2, bytes(14), chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(80_000_000)))),
        "damaged",
    ),
    "png: millions of chunks": (png_of(2, 2, bytes(14), *[chunk(b"tEXt", b"")] * 200_000), "parts"),
    "png: archive inside": (
        png_of(2, 2, bytes(14), chunk(b"zzZz", b"PK\x03\x04" + bytes(40))),
        "metadata",
    ),
    "png: page in a text": (png_of(2, 2, bytes(14), chunk(b"tEXt", b"k\0<html>")), "metadata"),
    "webp: memory": (
        WEBP[:26] + struct.pack("<HH", 7000, 7000) + WEBP[30:],
        "MB to decode",
    ),
    "webp: script inside": (
        webp_of(WEBP[12:] + b"XMP \x08\x00\x00\x00<script>"),
        "metadata",
    ),
    "webp: garbled picture": (WEBP[:20] + bytes(len(WEBP) - 20), "without a picture"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_with_one_clear_line(name: str) -> None:
    data, reason = HOSTILE[name]
    with pytest.raises(ImageError, match=reason) as caught:
        open_image(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_hostile_files_are_skipped_one_by_one_and_the_good_ones_kept(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (data, _) in enumerate(HOSTILE.values()):
        (folder / f"{number:02}.png").write_bytes(data)
    (folder / "good.png").write_bytes(PNG)
    os.mkfifo(folder / "pipe.png")
    (folder / "large.png").write_bytes(bytes(MAX_BYTES + 1))
    with Collection.create(tmp_path / "made") as made:
        report = made.add(Found(path.name, path) for path in sorted(folder.iterdir()))
        assert (report.added, len(report.skipped), len(made)) == (1, len(HOSTILE) + 2, 1)
        reasons = dict(report.skipped)
        assert reasons["pipe.png"] == "is not a regular file"
        assert "25 MB" in reasons["large.png"]


def test_hostile_files_and_the_largest_pictures_stay_below_512_mb(tmp_path: Path) -> None:
    for number, (data, _) in enumerate(HOSTILE.values()):
        (tmp_path / f"{number}.bin").write_bytes(data)
    Image.new("RGBA", (10_000, 5_000), (1, 2, 3, 4)).save(tmp_path / "1.largest", "PNG")
    Image.new("RGB", (5_300, 5_300)).save(tmp_path / "2.largest", "WEBP", quality=1, method=0)
    Image.new("RGB", (6_700, 6_700)).save(
        tmp_path / "3.largest", "JPEG", quality=1, progressive=True, subsampling=0
    )
    script = (
        "import pathlib, re, sys\n"
        "from imagerag.collection import open_image\n"
        "from imagerag.errors import ImageError\n"
        "good = 0\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
        "    try:\n"
        "        good += open_image(path).width > 5_000\n"
        "    except ImageError:\n"
        "        pass\n"
        # Not ru_maxrss: a process begins with that of whoever forked it.
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(good, re.search(r'VmHWM:\\s+([0-9]+) kB', status)[1])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    good, peak_kb = map(int, run.stdout.split())
    assert good == 3
    assert peak_kb < 512_000


@pytest.mark.parametrize("data", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_every_cut_of_a_file_is_refused(data: bytes) -> None:
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(ImageError):
            open_image(data[:length])


@pytest.mark.parametrize("data", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_any_flipped_bit_gives_a_picture_or_an_image_error(data: bytes) -> None:
    random = np.random.default_rng(1)
    for _ in range(300):
        broken = bytearray(data)
        broken[random.integers(len(data))] ^= 1 << int(random.integers(8))
        with contextlib.suppress(ImageError):
            assert open_image(bytes(broken)).mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_png_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray((np.arange(2400).reshape(40, 60) * 27).astype(np.uint16))
    else:
        image = NOISY.convert(mode)
    opened = open_image(saved(image, "PNG"))
    assert (opened.mode, opened.size, opened.info) == ("RGB", (60, 40), {})


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_every_jpeg_mode_becomes_rgb(mode: str) -> None:
    opened = open_image(saved(NOISY.convert(mode), "JPEG", quality=95))
    assert (opened.mode, opened.size) == ("RGB", (60, 40))


def test_grey_of_16_bits_is_scaled_not_clipped() -> None:
    image = Image.fromarray(np.full((4, 4), 0x8000, dtype=np.uint16))
    assert open_image(saved(image, "PNG")).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_transparency_is_laid_over_white(format: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert open_image(saved(image, format, lossless=True)).getpixel((3, 3)) == (255, 255, 255)


def test_a_transparent_palette_colour_is_laid_over_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    assert open_image(saved(image, "PNG", transparency=0)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = Image.new("RGB", (60, 40))
    upright.paste((255, 0, 0), (0, 0, 30, 20))
    opened = open_image(saved(upright, "JPEG", exif=exif, quality=95))
    turned = orientation >= 5
    assert opened.size == ((40, 60) if turned else (60, 40))
    right = orientation in {2, 3, 6, 7}
    down = orientation in {3, 4, 7, 8}
    corner = (opened.width - 5 if right else 4, opened.height - 5 if down else 4)
    assert opened.getpixel(corner)[0] > 200  # type: ignore[index]


def test_a_film_behind_a_photo_is_allowed_as_phones_write_it() -> None:
    assert open_image(JPEG + bytes(16) + b"ftypmp42" + bytes(200)).size == (60, 40)


SIDES = [(500, 375), (673, 901), (1024, 768), (2047, 1001)]


@pytest.mark.parametrize("size", SIDES, ids=str)
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_smaller_picture_shows_the_whole_one(format: str, size: tuple[int, int]) -> None:
    data = saved(photograph(*size, seed=1), format)
    whole, small = open_image(data), open_image(data, shortest=128)
    assert 128 <= min(small.size) <= min(size)
    assert small.width / small.height == pytest.approx(size[0] / size[1], rel=0.01)
    a, b = (np.asarray(one.resize((64, 64), 4), dtype=float) for one in (whole, small))
    assert np.abs(a - b).mean() < 4.0


def test_no_picture_is_enlarged() -> None:
    assert open_image(JPEG, shortest=500).size == (60, 40)


def test_sniff_reads_format_and_size_without_decoding() -> None:
    headers = [sniff(data) for data in (PNG, JPEG, WEBP, saved(NOISY, "WEBP", lossless=True))]
    assert [one.format for one in headers] == ["png", "jpg", "webp", "webp"]
    assert {(one.width, one.height) for one in headers} == {(60, 40)}


def test_an_error_about_a_path_names_it(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png.*cannot be read"):
        open_image(tmp_path / "nowhere.png")
