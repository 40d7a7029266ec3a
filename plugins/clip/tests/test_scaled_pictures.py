"""Pictures that were decoded smaller have the vectors of whole ones, by the real preprocessing."""

import io
from pathlib import Path

import numpy as np
import pytest

from imagerag.collection import Collection, open_image
from imagerag.collection.decode import examine
from imagerag.collection.scaling import shortest_for
from imagerag.resources import local
from imagerag.roles import Found
from imagerag.testing.photos import photograph
from imagerag_clip.layout import read_layout
from imagerag_clip.model import ClipModel
from imagerag_torch import guard_torchvision

# Sides that divide by eight, and sides that do not; upright; just above a halving; nearly a whole
# multiple of one another, which a pixel more or less would round otherwise.
SIZES = [(640, 480), (1345, 1009), (673, 1400), (1023, 681), (300, 1199)]
ENOUGH = 0.999


def photos(size: tuple[int, int], format: str) -> list[bytes]:
    found = []
    for seed in range(3):
        buffer = io.BytesIO()
        photograph(*size, seed=seed).save(buffer, format, quality=85)
        found.append(buffer.getvalue())
    return found


@pytest.fixture(scope="module")
def trained():
    """Return the encoder of the sandbox, which was trained at 32 pixels."""
    return ClipModel(
        read_layout(str(local("package:imagerag_sandbox/data/clip"))), "cpu", "float32"
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """Return a CLIP with the usual input of 224 pixels in patches of 32, with random weights.

    It is slim, so that the test is quick; nothing but its width is other than in a ViT-B/32.
    """
    guard_torchvision()
    import json

    import open_clip
    import torch
    from safetensors.torch import save_file

    folder: Path = tmp_path_factory.mktemp("vit")
    vision = {"image_size": 224, "layers": 4, "width": 192, "head_width": 64, "patch_size": 32}
    text = {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1}
    model = {"embed_dim": 128, "vision_cfg": vision, "text_cfg": text}
    usual = {
        "size": 224,
        "mean": list(open_clip.OPENAI_DATASET_MEAN),
        "std": list(open_clip.OPENAI_DATASET_STD),
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    torch.manual_seed(0)
    weights = open_clip.CLIP(**model).state_dict()
    save_file(
        {name: value.contiguous() for name, value in weights.items()},
        str(folder / "open_clip_model.safetensors"),
    )
    config = {"model_cfg": model, "preprocess_cfg": usual}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return ClipModel(read_layout(str(folder)), "cpu", "float32")


CASES = [*((size, "JPEG") for size in SIZES), ((1345, 1009), "PNG")]


@pytest.mark.parametrize(("size", "format"), CASES, ids=str)
@pytest.mark.parametrize("which", ["trained", "usual"])
def test_a_picture_decoded_smaller_has_the_same_vector(which, size, format, request):
    model = request.getfixturevalue(which)
    image_size = model.layout.image_size
    shortest = shortest_for(image_size)
    files = photos(size, format)
    whole = model.encode_images([open_image(data) for data in files])
    smaller = [examine(data, shortest=shortest, image_size=image_size).image() for data in files]
    assert min(min(image.size) for image in smaller) >= min(shortest, *size)
    cosines = (whole * model.encode_images(smaller)).sum(axis=1)
    assert cosines.min() >= ENOUGH
    # The figure means something only where other pictures are further away.
    others = (whole @ whole.T)[np.triu_indices(len(files), 1)]
    assert others.max() < 0.99


def test_a_picture_embedded_later_has_the_same_vector(trained, tmp_path):
    data = photos((300, 1199), "JPEG")  # four to one, nearly: a pixel more or less rounds otherwise
    size = trained.layout.image_size
    with Collection.create(tmp_path / "c") as made:
        made.add(Found(f"{number}.jpg", data=one) for number, one in enumerate(data))
        ids = [item.id for item in made.items()]
        whole = trained.encode_images([made.image(one) for one in ids])
        smaller = trained.encode_images([made.image(one, image_size=size) for one in ids])
        assert made.image(ids[0], image_size=size).width < 300
    assert (whole * smaller).sum(axis=1).min() >= ENOUGH


def test_large_pictures_come_smaller(trained):
    data = photos((2048, 1536), "JPEG")[0]
    assert open_image(data, shortest=shortest_for(224)).size == (512, 384)
    assert open_image(data, shortest=shortest_for(trained.layout.image_size)).size == (256, 192)


def test_the_input_size_is_read_without_the_model(trained, usual):
    assert (trained.layout.image_size, usual.layout.image_size) == (32, 224)
