"""What a request is made of, and what of a guidance is refused in words."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag.errors import CapabilityError
from imagerag.values import Guidance, Reference
from imagerag_diffusers import check_references
from imagerag_diffusers.request import checked
from imagerag_diffusers.testing import references


def test_references_without_pixels_are_named_by_their_number():
    shown = [Reference(Image.new("RGB", size), "") for size in ((1, 1), (0, 5))]
    with pytest.raises(CapabilityError, match="Reference 2 has no pixels, it is 0×5"):
        checked(Guidance("a cat", 0, references=tuple(shown)), None, 16, None)


def test_references_reach_a_request_in_their_order_and_as_rgb():
    grey, red = Image.new("L", (3, 2), 9), Image.new("RGB", (1, 1), "red")
    shown = tuple(Reference(image, "") for image in (grey, red))
    request = checked(Guidance("a cat", 0, references=shown), None, 16, None)
    assert [image.mode for image in request.images] == ["RGB", "RGB"]
    assert [image.getpixel((0, 0)) for image in request.images] == [(9, 9, 9), (255, 0, 0)]


def test_a_whole_number_may_be_another_library_s():
    import numpy as np

    asked = Guidance("a cat", np.int64(3), width=np.int64(32), height=np.int64(48))
    request = checked(asked, None, 16, None)
    assert (request.seed, request.size) == (3, (32, 48))
    assert type(request.seed) is type(request.size[0]) is int


def test_a_negative_prompt_that_is_no_text_is_refused(make):
    with pytest.raises(CapabilityError, match=r"negative prompt.*cannot be read as text"):
        make().generate([Guidance("a cat", 0, negative_prompt="\ud83e")])


def test_too_many_references_say_what_to_do():
    asked = Guidance("a cat", 0, references=references(3))
    with pytest.raises(CapabilityError, match=r"3 references.*at most 2.*loop\.max_references"):
        check_references(asked, 2, "tiny")
