"""Carrying a step of the method out, with the components of a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imagerag.account import account_here
from imagerag.run import Painted
from imagerag.selection import sync
from imagerag.session import Session
from imagerag.sieve import Sieve
from imagerag.steps import Ask, Compare, Drawn, Fetch, Order, Paint, Search, Step
from imagerag.values import Guidance, Query

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag.roles import Generator


def perform(session: Session, step: Step) -> Any:
    """Carry one step out here and now, and return its answer."""
    match step:
        case Paint():
            guidance = guide(session, step)
            return drawn(guidance, session.generator.generate([guidance])[0])
        case Ask(picture=None):
            return session.critic.plan(step.prompt, temperature=step.temperature)
        case Ask():
            assert step.picture is not None
            return session.critic.review(step.picture, step.prompt, temperature=step.temperature)
        case Search():
            return look_up(session, step.texts, step)
        case Order():
            reranker = session.reranker
            assert reranker is not None  # no step asks for one that there is not
            session.privacy.allow([hit.item for hit in step.hits])
            return reranker.rerank(Query(text=step.text), list(step.hits))
        case Fetch():
            return [session.privacy.picture_of(item) for item in step.items]
        case Compare():
            return session.critic.compare(step.prompt, step.before, step.new)


def guide(session: Session, step: Paint, generator: Generator | None = None) -> Guidance:
    """Put prompt and references into the generator's own language."""
    return session.conditioner.condition(
        step.prompt,
        step.references,
        (generator or session.generator).capability(),
        seed=step.seed,
        size=step.size,
    )


def drawn(guidance: Guidance, image: Image) -> Drawn:
    """Write down what was painted."""
    return Drawn(Painted.of(guidance, image), image)


def look_up(session: Session, texts: Sequence[str], like: Search) -> list[Any]:
    """Look texts up as `like` says, in an index that is up to date.

    What the policy or the rule about private images held back is told to the account of the run.
    """
    sync(session)
    sieve = Sieve(session)
    queries = [Query(text=text) for text in texts]
    found = session.retriever.search(queries, like.depth, sieve.where)
    hits = [sieve.sift(one) for one in found]
    account = account_here(session.account)
    for line in sieve.decisions():
        account.decide(line.stage, line.decision, line.reason)
    return hits
