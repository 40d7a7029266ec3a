"""What is known of the published weights, as data."""

from __future__ import annotations

from imagerag_diffusers import Catalogue, Published

OMNIGEN = "Shitao/OmniGen-v1-diffusers"

SIZES = (
    (1024, 1024),
    (1024, 768),
    (768, 1024),
    (1024, 576),
    (576, 1024),
    (768, 768),
    (512, 512),
)
"""Sides of 512 to 1024 are recommended; the model takes every multiple of 16."""

CATALOGUE: Catalogue = {
    OMNIGEN: Published(
        pipeline="OmniGenPipeline",
        licence="MIT",
        commercial=True,
        # bfloat16: transformer 7.75 GB, autoencoder 0.33 GB.
        revision="016e2f61d12a98303f6bbdf122687694d7984268",
        sizes=SIZES,
        # Not measured. What diffusers' guide says (9 GB without images, 31 GB with two) was
        # measured with a key-value cache, which the pipeline does not have any more.
        memory_gb=None,
    )
}
