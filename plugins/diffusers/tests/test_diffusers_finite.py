"""What is painted is numbers, or it is an error; never a silent black picture."""

from __future__ import annotations

import pytest
import torch

from imagerag.errors import CapabilityError
from imagerag.values import Guidance

CAT = [Guidance("a cat", 0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_overflow_are_told_with_what_helps(make, value):
    generator = make(fresh=True)
    vae = generator._load().pipe.vae
    with torch.no_grad():
        vae.decoder.conv_out.bias.fill_(value)
    with pytest.raises(CapabilityError, match=r"NaN or infinite.*dtype = 'bfloat16'.*more steps"):
        generator.generate(CAT)
    with torch.no_grad():
        vae.decoder.conv_out.bias.fill_(0.0)
    assert generator.generate(CAT)[0].mode == "RGB", "the generator is of use afterwards"


def test_nothing_stays_behind_on_the_pipeline(make):
    generator = make()
    generator.generate(CAT)
    assert "postprocess" not in vars(generator._load().pipe.image_processor)
