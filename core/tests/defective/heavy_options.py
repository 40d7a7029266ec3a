"""Options whose module imports a library of numbers."""

from __future__ import annotations

import numpy as np

from imagerag.component_config import ComponentConfig


class Heavy(ComponentConfig):
    """Imports numpy to say what its largest number is."""

    largest: int = int(np.iinfo(np.int16).max)


Heavy.model_fields["largest"].description = "The largest number."
