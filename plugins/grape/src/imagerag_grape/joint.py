"""What a painter and an editor declare together."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagerag.roles import Generator
from imagerag.values import Capability


@dataclass(frozen=True)
class Joint:
    """A painter and an editor, which may be the same object, with the names they go by."""

    painter: Generator
    editor: Generator
    painter_name: str
    editor_name: str

    @property
    def one(self) -> bool:
        """Whether one generator does both, so that its weights count once."""
        return self.painter is self.editor

    def capability(self) -> Capability:
        """Return the painter's capability, under both licences, with the memory of both.

        Whatever guidance the painter understands is handed to it, so its abilities, references,
        sizes and steps are the strategy's. Memory is unknown where that of one of them is.
        """
        paints = self.painter.capability()
        if self.one:
            return paints
        edits = self.editor.capability()
        known = paints.memory_gb is not None and edits.memory_gb is not None
        return replace(
            paints,
            licence=self._licence(paints.licence, edits.licence),
            commercial=_stricter(paints.commercial, edits.commercial),
            memory_gb=(paints.memory_gb or 0) + (edits.memory_gb or 0) if known else None,
            seeded=paints.seeded and edits.seeded,
        )

    def _licence(self, painter: str | None, editor: str | None) -> str | None:
        if painter == editor:
            return painter
        return (
            f"{painter or 'unknown'} ({self.painter_name}), {editor or 'unknown'} "
            f"({self.editor_name})"
        )


def _stricter(a: bool | None, b: bool | None) -> bool | None:
    """A forbidding licence forbids for both; else an unknown one leaves it unknown."""
    if a is False or b is False:
        return False
    return None if a is None or b is None else True
