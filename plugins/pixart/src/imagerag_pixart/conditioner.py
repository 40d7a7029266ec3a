"""The conditioner "pixart": the prompt as it is, for generators that paint from text only."""

from __future__ import annotations

from imagerag_diffusers.plain import PlainConditioner


class PixArtConditioner(PlainConditioner):
    """Passes the prompt on."""

    name = "pixart"
