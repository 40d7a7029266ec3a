"""References reach the picture: each of them, in order, with the weight they were given."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from imagerag.errors import CapabilityError

PLUS = "ip-adapter-plus_sdxl_vit-h.safetensors"
PLAIN = "ip-adapter_sdxl_vit-h.safetensors"
LEFT, RIGHT = [0, 0, 0.5, 1], [0.5, 0, 1, 1]

LEAST = 2.0
"""Steps of 255 that two pictures must differ by on average; 7 to 20 were measured."""


@pytest.mark.parametrize("weights", [PLUS, PLAIN])
def test_each_reference_makes_another_picture(make, say, references, difference, weights):
    generator = make(adapter_weights=weights)
    (draft,) = generator.generate([say()])
    shown = generator.generate([say("a hedgehog", reference) for reference in references])
    assert min(difference(draft, picture) for picture in shown) > LEAST
    pairs = [(a, b) for index, a in enumerate(shown) for b in shown[:index]]
    assert min(difference(a, b) for a, b in pairs) > LEAST


def test_vit_big_g_serves_the_adapter_made_for_it(make, say, references, difference):
    generator = make(
        adapter_weights="ip-adapter_sdxl.safetensors", image_encoder_folder="image_encoder"
    )
    one, other = generator.generate([say("a cat", references[0]), say("a cat", references[1])])
    assert difference(one, other) > LEAST


@pytest.mark.parametrize("folder", ["", "."])
def test_a_model_of_another_shape_works_alike(
    make, say, references, difference, small_world, folder
):
    generator = make(
        model=str(small_world.model),
        adapter=str(small_world.adapter),
        adapter_subfolder=folder,
        adapter_weights="ip-adapter-plus.safetensors",
        image_encoder_folder="image_encoder",
        size=None,
        negative_prompt="",
        batch_size=2,
    )
    draft, one, other, again = generator.generate(
        [say("a cat"), *(say("a cat", reference) for reference in references[:2]), say("a cat")]
    )
    assert draft.size == (32, 32)
    assert draft.tobytes() == again.tobytes()
    assert min(difference(draft, one), difference(one, other)) > 0.5


@pytest.mark.parametrize("weights", [PLUS, PLAIN])
def test_every_one_of_several_references_counts(make, say, references, difference, weights):
    generator = make(adapter_weights=weights)
    whole = generator.generate([say("a cat", *references[:3])])[0]
    for other in range(3):
        fewer = [reference for index, reference in enumerate(references[:3]) if index != other]
        (without,) = generator.generate([say("a cat", *fewer)])
        assert difference(whole, without) > 0.5


def test_several_references_reach_the_model_in_order(make, say, references):
    import torch

    generator = make()
    generator.generate([say("a cat", *references[:3])])
    embeddings = generator._loaded.references
    together = embeddings.batch([[reference.image for reference in references[:3]]])
    alone = [embeddings.batch([[reference.image]]) for reference in references[:3]]
    assert torch.equal(together, torch.cat(alone, dim=1))
    assert not torch.equal(alone[0], alone[1])


def test_each_reference_and_its_mask_are_at_their_place_in_what_the_u_net_is_given(
    make, say, references
):
    """Without masks the adapter's attention knows no order; with them each has one of its own."""
    import torch

    generator, seen = make(), []
    generator.generate([say("a cat")])
    hook = generator._loaded.pipe.unet.register_forward_pre_hook(
        lambda module, given, named: seen.append(named), with_kwargs=True
    )
    masks = [LEFT, None, RIGHT]
    try:
        generator.generate([say("a cat", *references[:3], options={"masks": masks})])
    finally:
        hook.remove()
    (embeds,) = seen[0]["added_cond_kwargs"]["image_embeds"]
    known = generator._loaded.references
    for place, reference in enumerate(references[:3]):
        assert torch.equal(embeds[1:, place], known.batch([[reference.image]])[1:, 0]), place
    (drawn,) = seen[0]["cross_attention_kwargs"]["ip_adapter_masks"]
    assert drawn.shape == (2, 3, 64, 64)
    halves = [(mask[:, :32].mean().item(), mask[:, 32:].mean().item()) for mask in drawn[1]]
    assert halves == [(1, 0), (1, 1), (0, 1)]


def test_masks_say_which_reference_counts_where(make, say, references, difference):
    generator = make()

    def paint(*shown, masks):
        return generator.generate([say("a cat", *shown, options={"masks": masks})])[0]

    one, other = references[:2]
    straight = paint(one, other, masks=[LEFT, RIGHT])
    assert difference(straight, paint(other, one, masks=[RIGHT, LEFT])) < 0.05
    assert difference(straight, paint(other, one, masks=[LEFT, RIGHT])) > LEAST


def test_a_mask_in_a_png_equals_the_box_it_draws(make, say, references):
    generator = make()
    drawn = Image.new("L", (32, 32), 0)
    drawn.paste(255, (0, 0, 16, 32))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    box, png = generator.generate(
        [say("a cat", references[0], options={"masks": [mask]}) for mask in (LEFT, url)]
    )
    assert box.tobytes() == png.tobytes()


def test_with_masks_each_reference_can_have_its_own_weight(make, say, references, difference):
    generator = make()
    options = [{"masks": [LEFT, RIGHT], "scale": scale} for scale in ([0.9, 0.1], [0.1, 0.9])]
    one, other = generator.generate(
        [say("a cat", *references[:2], options=option) for option in options]
    )
    assert difference(one, other) > LEAST


def test_a_greater_scale_moves_the_picture_further(make, say, references, difference):
    generator = make()
    (draft,) = generator.generate([say()])
    moved = [
        difference(
            draft,
            generator.generate([say("a hedgehog", references[0], options={"scale": scale})])[0],
        )
        for scale in (0.1, 0.5, 1.0)
    ]
    assert moved == sorted(moved)
    assert moved[0] > 0


def test_scales_by_block_differ_from_one_scale_and_leave_no_trace(
    make, say, references, difference
):
    generator = make()
    style = {"up": {"block_0": [0.0, 1.0]}}
    even, by_block, again = (
        generator.generate([say("a hedgehog", references[0], options=options)])[0]
        for options in ({"scale": 0.5}, {"scale": style}, {"scale": 0.5})
    )
    assert difference(even, by_block) > LEAST
    assert even.tobytes() == again.tobytes()


def test_a_reference_is_encoded_once_and_known_by_its_pixels(make, say, references):
    generator = make(fresh=True)
    generator.generate([say("a cat", *references[:2]), say("a dog", references[0])])
    generator.generate([say("a bird", references[1])])
    assert generator._loaded.references.encoded == 2
    generator.generate([say("a bird", references[2])])
    assert generator._loaded.references.encoded == 3
    generator.close()


def test_guidance_beyond_the_capability_is_refused(make, say, references):
    generator = make(max_references=2)
    with pytest.raises(CapabilityError, match="at most 2"):
        generator.generate([say("a cat", *references[:3])])
    with pytest.raises(CapabilityError, match=r"no option 'scael'.*Did you mean 'scale'"):
        generator.generate([say("a cat", options={"scael": 1})])
    with pytest.raises(CapabilityError, match="has no adapter"):
        make(adapter=None).generate([say("a cat", references[0])])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "much"}, "not a number"),
        ({"scale": True}, "not a number"),
        ({"scale": [0.5, 0.5]}, "needs a mask"),
        ({"scale": {"sideways": 1.0}}, "'sideways' is not a part"),
        ({"scale": {"up": {"block_0": [1.0, 1.0, 1.0, 1.0]}}}, "does not fit the blocks"),
        ({"masks": [LEFT]}, "2 references need a list of 2 masks"),
        ({"masks": "left"}, "need a list"),
        ({"masks": [LEFT, [0.5, 0, 0.5, 1]]}, "box"),
        ({"masks": [LEFT, [0, 0, 2, 1]]}, "box"),
        ({"masks": [LEFT, "/etc/passwd"]}, "must begin with"),
        ({"masks": [LEFT, "data:image/png;base64,@@"]}, "not base64"),
        ({"masks": [LEFT, "data:image/png;base64,AAAA"]}, "no readable PNG"),
    ],
)
def test_options_without_meaning_are_refused_by_name(make, say, references, options, message):
    with pytest.raises(CapabilityError, match=message):
        make().generate([say("a cat", *references[:2], options=options)])


def test_a_mask_of_one_color_everywhere_is_no_mask(make, say, references):
    generator = make()
    without, nowhere = generator.generate(
        [
            say("a cat", references[0]),
            say("a cat", references[0], options={"masks": [None]}),
        ]
    )
    assert without.tobytes() == nowhere.tobytes()
