"""The Python face: `ImageRAG.from_config("sandbox").generate("a hedgehog", seed=1)`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from imagerag.loop import run_prompt
from imagerag.progress import Progress
from imagerag.registry import Registry
from imagerag.run import Run
from imagerag.selection import Personal
from imagerag.session import Session

if TYPE_CHECKING:
    from imagerag.batch.mapping import Mapped


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

    def map(
        self,
        prompts: Iterable[str | Mapping[str, Any]],
        *,
        ordered: bool = True,
        max_usd: float | None = None,
        max_seconds: float | None = None,
        allow_unknown_price: bool = False,
    ) -> Iterator[Mapped]:
        """Paint many prompts side by side; nothing is kept but what you keep.

        Yields a `Mapped` for each: `number`, `prompt`, and `run` or `error`. `[batch]` of the
        configuration says how many are under way at once. Where the work must survive an
        interruption, use `imagerag batch`.

        Args:
            prompts: Texts, or mappings with `prompt`, `seed`, `size`, `collection`, `images`; read
                as there is room for them, in a thread.
            ordered: Yield in the order of the prompts, else as they are finished.
            max_usd: Dollars to spend.
            max_seconds: Seconds to work.
            allow_unknown_price: Keep to `max_usd` with what is known.

        Raises:
            BudgetError: The budget is used up; what was finished has been yielded.
        """
        from imagerag.batch.budget import Limits
        from imagerag.batch.mapping import map_prompts

        limits = Limits(max_usd, max_seconds, allow_unknown_price)
        try:
            yield from map_prompts(self.session, prompts, ordered=ordered, limits=limits)
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
