"""Which items a run's searches may find, and how many were held back for which reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagerag.licences import licence_allowed
from imagerag.run import Decision

if TYPE_CHECKING:
    from imagerag.session import Session
    from imagerag.values import Hit, Item


@dataclass(frozen=True)
class _Rule:
    """One reason to hold items back; `held` are the ids of those that met it first."""

    decision: str
    reason: str
    passes: Callable[[Item], bool]
    held: set[str] = field(default_factory=set)


class Sieve:
    """The rules of one search, in this order: privacy, licences, the policy's own filter.

    It is called with an item, as `where` of `Retriever.search`, and counts what it turns down. How
    many items a retriever asks about is its own affair: an exact one may ask about all, so the
    count is of those that it came across, and only what was really met is counted.
    """

    def __init__(self, session: Session) -> None:
        """Take the rules from the policy, and from the remote components that take part."""
        policy = session.settings.loop
        self._session = session
        self._rules: list[_Rule] = []
        self._private = bool(kept_from := session.privacy.kept_from())
        if kept_from:
            reason = f"remote components are not allowed to see them: {', '.join(kept_from)}"
            self._rules.append(_Rule("leave private images out", reason, _is_public))
        if allowed := policy.require_licence:
            reason = f"[loop] require_licence = {', '.join(allowed)}; unknown is none of them"
            passes = _has_licence(allowed)
            self._rules.append(_Rule("leave images without such a licence out", reason, passes))
        if policy.where:
            reason = f"[loop] where: {policy.where}"
            self._rules.append(_Rule("leave other images out", reason, policy.where))

    @property
    def where(self) -> Callable[[Item], bool] | None:
        """What a search takes as `where`: None where everything may be found."""
        return self if self._rules else None

    def __call__(self, item: Item) -> bool:
        """Say whether an item may be found."""
        for rule in self._rules:
            if not rule.passes(item):
                rule.held.add(item.id)
                return False
        return True

    def sift(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits that may be found, whatever a retriever made of `where`.

        Where private items must stay, the catalogue is asked once more: what was made private
        since the search began, or was indexed as something else, is private.
        """
        good = [hit for hit in hits if self(hit.item)]
        if not self._private:
            return good
        now = {hit.item.id: self._session.privacy.item(hit.item.id) for hit in good}
        return [hit for hit in good if (item := now[hit.item.id]) is None or self(item)]

    def decisions(self) -> list[Decision]:
        """Return a decision for each rule that held something back, with the number of items."""
        return [
            Decision("retrieve", rule.decision, f"{len(rule.held)} that came up; {rule.reason}")
            for rule in self._rules
            if rule.held
        ]


def _is_public(item: Item) -> bool:
    return not item.private


def _has_licence(allowed: Sequence[str]) -> Callable[[Item], bool]:
    return lambda item: licence_allowed(item.licence, allowed)
