"""What is known of the published weights, as data."""

from __future__ import annotations

from imagerag_diffusers import Catalogue, Published

RDM = "fusing/rdm"
"""The 768×768 model of CompVis, in the layout of diffusers: U-Net, autoencoder, CLIP ViT-L/14."""

CATALOGUE: Catalogue = {
    RDM: Published(
        pipeline="RDMPipeline",
        licence="",  # its page states none
        commercial=None,
        revision="73325294d49e5f43c433f2fda528171b087a5323",
        sizes=((768, 768),),
    )
}

PICKLED = {
    RDM: (
        "clip/pytorch_model.bin",
        "unet/diffusion_pytorch_model.bin",
        "vae/diffusion_pytorch_model.bin",
    )
}
"""Published weights that exist as pickles only, which are never read: they have to be converted."""

LATENT_SCALE = {"AutoencoderKL": 0.22765929, "VQModel": 1.0}
"""What latents were multiplied by in training, by the autoencoder's class.

The original models' `scale_factor`: that of the 768×768 model, and the default of those with a VQ
autoencoder. Their conversions to diffusers are older than its `scaling_factor`, for which it then
fills in that of Stable Diffusion.
"""

MOST = 20
"""Neighbours a picture may have: as many as were looked up for each training picture (k = 20)."""
