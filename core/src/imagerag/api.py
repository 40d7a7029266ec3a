"""The Python face: `ImageRAG.from_config("sandbox").generate("a hedgehog", seed=1)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imagerag.loop import run_prompt
from imagerag.progress import Progress
from imagerag.registry import Registry
from imagerag.run import Run
from imagerag.selection import Personal
from imagerag.session import Session


class ImageRAG:
    """Retrieval-augmented generation with one configuration; models load on first use, once.

    Use it as a context manager, or call `close()` when done. One instance serves one thread.
    """

    def __init__(self, session: Session, progress: Progress) -> None:
        self.session = session
        self._progress = progress

    @classmethod
    def from_config(
        cls,
        source: str | Path | Mapping[str, Any] = "sandbox",
        overrides: Mapping[str, Any] | None = None,
        *,
        progress: bool | None = None,
        registry: Registry | None = None,
    ) -> Self:
        """Load a configuration.

        Args:
            source: The name of a preset, the path of a TOML file, or a mapping of the same form.
            overrides: Dotted keys that win over it, for instance `{"loop.keep": "last"}`.
            progress: Show progress on standard error or in the notebook; None decides by whether
                anybody is looking.
            registry: Plugins that are already loaded; those of the environment by default.

        Raises:
            ConfigError: For an unknown key or a wrong value, with its place in the file.
            PluginError: For a component that is unknown, not installed, broken or incompatible.
        """
        display = Progress(progress)
        session = Session.from_config(source, overrides, registry=registry, listener=display)
        return cls(session, display)

    def generate(
        self,
        prompt: str,
        *,
        seed: int | None = None,
        images: Sequence[Personal] = (),
        size: tuple[int, int] | None = None,
    ) -> Run:
        """Paint a prompt; the returned `Run` has `.image` and the whole story behind it.

        Args:
            prompt: What to paint.
            seed: Same configuration, prompt and seed: same picture. The configuration's if None.
            images: Own images of what the prompt is about (files, pictures or `Reference`s).
            size: Width and height in pixels, the generator's default where None.
        """
        try:
            return run_prompt(self.session, prompt, seed=seed, images=images, size=size)
        finally:
            self._progress.clear()

    def close(self) -> None:
        """Free all models and files. Calling it twice does nothing more."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
