"""One copy of a model per process, however many components use it."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from imagerag_dino.layout import Layout, read_layout

if TYPE_CHECKING:
    from imagerag_dino.config import DinoMetricConfig
    from imagerag_dino.model import DinoModel

_lock = threading.Lock()
_loaded: weakref.WeakValueDictionary[tuple[str, str, str], DinoModel] = (
    weakref.WeakValueDictionary()
)


class SharedModel:
    """A component's hold on the DINO that its configuration names.

    Nothing is read before it is asked for. Components whose configurations come to the same
    weights, device and dtype share one `DinoModel`, which is freed when the last one lets go.
    """

    def __init__(self, config: DinoMetricConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._layout: Layout | None = None
        self._model: DinoModel | None = None

    @property
    def layout(self) -> Layout:
        """What the model is, found without loading it."""
        with self._lock:
            if self._layout is None:
                self._layout = read_layout(
                    self.config.model, self.config.pinned, unpinned=self.config.unpinned
                )
            return self._layout

    @property
    def model(self) -> DinoModel:
        """The model, loaded on first use."""
        layout = self.layout
        with self._lock:
            if self._model is None:
                self._model = _load(layout, self.config.device, self.config.dtype)
            return self._model

    def versions(self) -> dict[str, str]:
        """Return what a run record should name."""
        layout = self.layout
        found = {"model": self.config.model, "space": layout.space}
        return {**found, "revision": layout.revision} if layout.revision else found

    def close(self) -> None:
        """Let go of the model; it loads again if it is asked for again."""
        with self._lock:
            self._model = None


def _load(layout: Layout, device: str, dtype: str) -> DinoModel:
    from imagerag_dino.model import DinoModel
    from imagerag_torch import choose_device, choose_dtype

    where = choose_device(device)
    key = (str(layout.folder.resolve()), str(where), str(choose_dtype(dtype, where)))
    with _lock:
        model = _loaded.get(key)
        if model is None or model.layout != layout:
            model = _loaded[key] = DinoModel(layout, device, dtype)
    return model
