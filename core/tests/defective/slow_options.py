"""Options whose module takes its time."""

from __future__ import annotations

import time

from imagerag.component_config import ComponentConfig

time.sleep(0.35)


class Slow(ComponentConfig):
    """Waits for something at import."""
