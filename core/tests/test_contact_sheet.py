"""A contact sheet shows every picture, in its place, with what is said of it."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag.contact_sheet import contact_sheet
from imagerag.strip_image import GAP, LINES, PANEL, font_of, wrapped

COLOURS = [(250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10), (10, 250, 250)]


def squares():
    return (Image.new("RGB", (40, 40), colour) for colour in COLOURS)


def middle(sheet, row, column, row_height):
    left = GAP + column * (PANEL + GAP)
    return sheet.getpixel((left + PANEL // 2, GAP + row * row_height + PANEL // 2))


def test_pictures_stand_in_rows_from_left_to_right():
    sheet = contact_sheet(squares(), ["one"] * 5, columns=2)
    height = (sheet.height - GAP) // 3
    seen = [middle(sheet, n // 2, n % 2, height) for n in range(5)]
    assert seen == COLOURS
    assert middle(sheet, 2, 1, height) == (255, 255, 255)


def test_labels_are_drawn_beneath_their_picture():
    plain = contact_sheet(squares(), [""] * 5, columns=5)
    told = contact_sheet(squares(), ["", "", "a red kite", "", ""], columns=5)
    assert plain.size == told.size
    difference = [
        column
        for column in range(5)
        if told.crop(
            box := (
                GAP + column * (PANEL + GAP),
                GAP + PANEL,
                GAP + column * (PANEL + GAP) + PANEL,
                told.height,
            )
        ).tobytes()
        != plain.crop(box).tobytes()
    ]
    assert difference == [2]


def test_without_a_number_of_columns_the_sheet_is_a_page():
    assert contact_sheet(squares(), ["x"] * 5).width == GAP + 4 * (PANEL + GAP)
    many = contact_sheet((Image.new("RGB", (1, 1)) for _ in range(50)), ["x"] * 50)
    assert many.width == GAP + 8 * (PANEL + GAP)


def test_no_pictures_make_an_empty_sheet():
    assert contact_sheet([], []).size[0] > 0


def test_as_many_labels_as_pictures():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        contact_sheet(squares(), ["one"] * 6, columns=2)
    with pytest.raises(ValueError, match="at least one column"):
        contact_sheet(squares(), ["one"] * 5, columns=0)


@pytest.mark.parametrize(
    "text",
    ["W" * 400, "https://example.org/" + "W" * 90 + " and on", "a b " * 200, "", "短い" * 99],
)
def test_no_line_is_wider_than_its_picture(text):
    font = font_of(15)
    lines = wrapped(text, font)
    assert 1 <= len(lines) <= LINES
    assert all(font.getlength(line) <= PANEL for line in lines)


def test_what_fits_is_not_changed():
    assert wrapped("a red kite", font_of(15)) == ["a red kite"]
