"""The method: draft → review → retrieve → re-rank → condition → paint again → keep the better.

The order of steps is the paper's (arXiv 2502.09411); what is decided at each is `Policy`, and every
decision becomes a line of the run record with its reason. `method` yields what it asks of
components as steps: `run_prompt` carries them out one by one, a batch those of many prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imagerag import review, selection
from imagerag.account import Account
from imagerag.errors import UsageError
from imagerag.performing import perform
from imagerag.record_form import LARGEST_SIDE
from imagerag.run import Decision, Painted, Round, Run
from imagerag.selection import Personal
from imagerag.session import Session
from imagerag.steps import Compare, Drawn, Paint, Steps
from imagerag.text import clean
from imagerag.values import Comparison, Reference
from imagerag.versions import versions_of

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass
class Work:
    """What one run has so far."""

    prompt: str
    seed: int
    size: tuple[int, int] | None
    personal: tuple[Reference, ...]
    account: Account
    seconds: dict[str, float] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    gathered: tuple[Reference, ...] = ()
    draft: Image | None = None
    drafted: Painted | None = None
    kept: Image | None = None
    kept_round: int | None = None
    result: Image | None = None
    fallback: bool = False

    def decide(self, stage: str, decision: str, reason: str) -> None:
        """Write a decision down."""
        self.account.decide(stage, decision, reason)

    def extend(self, decisions: Sequence[Decision]) -> None:
        """Write decisions down."""
        for line in decisions:
            self.account.decide(line.stage, line.decision, line.reason)


def run_prompt(
    session: Session,
    prompt: str,
    *,
    seed: int | None = None,
    images: Sequence[Personal] = (),
    size: tuple[int, int] | None = None,
) -> Run:
    """Take one prompt through the loop.

    Args:
        session: The components and the policy.
        prompt: What to paint.
        seed: Seed of draft and results alike; the configuration's where None.
        images: The user's own images of what the prompt is about; they come first, and retrieval
            fills what room is left.
        size: Width and height in pixels; the generator's default where None.

    Raises:
        CapabilityError: Where the configured components cannot work together.
        CriticError: Where the critic gives no usable answer and `fallback` is off.
        UsageError: For an empty prompt, or a seed or size out of range.
    """
    account = session.account = Account()  # what components report from here on is this run's
    work = begin(session, account, prompt, seed=seed, images=images, size=size)
    return _carry_out(session, work)


def begin(
    session: Session,
    account: Account,
    prompt: str,
    *,
    seed: int | None = None,
    images: Sequence[Personal] = (),
    size: tuple[int, int] | None = None,
) -> Work:
    """Check a call, and that the components can work together; read the user's own images.

    Raises what `run_prompt` raises before anything is painted.
    """
    check_call(prompt, seed, size)
    session.check(personal_images=len(images))
    personal = tuple(selection.personal_reference(image, prompt) for image in images)
    personal = session.privacy.given(personal)
    seed = session.settings.seed if seed is None else seed
    return Work(prompt, seed, size, personal, account)


def _carry_out(session: Session, work: Work) -> Run:
    """Carry out each step as it comes, and announce the stages they belong to."""
    steps = method(session, work)
    try:
        step = next(steps)
        while True:
            stage = step.stage
            with session.broadcast.stage(stage, work.seconds):
                while step.stage == stage:
                    step = steps.send(perform(session, step))
    except StopIteration as end:
        run: Run = end.value
        return run


def method(session: Session, work: Work) -> Steps[Run]:
    """Take one prompt through the loop, yielding what is asked of components.

    Nothing here takes long or waits, and for the same answers the same steps come. What components
    report of costs and decisions is to be in `work.account` before the answer is sent.

    Raises:
        CriticError: Where the critic gives no usable answer and `fallback` is off.
        CapabilityError: Where the references do not fit the generator, or a re-ranker does more
            than order.
    """
    policy = session.settings.loop
    work.personal, cut = selection.fit(
        work.personal, session.generator.capability(), policy.max_references
    )
    work.extend(cut)
    if policy.gate == "prompt":
        work.decide("gate", "no draft", "gate = 'prompt': the critic plans from the prompt alone")
    else:
        yield from _draft(work)
    if policy.gate == "never":
        work.decide("gate", "keep the draft", "gate = 'never'")
    else:
        for number in range(policy.rounds):
            if not (yield from _round(session, work, number)):
                break
    if work.kept is None:
        # Only `gate = "prompt"` comes here, with nothing to show the generator: paint the prompt.
        yield from _draft(work)
        work.decide("keep", "the plain picture", "no reference was found to paint with")
    return _finish(session, work)


def check_call(prompt: str, seed: int | None, size: tuple[int, int] | None) -> None:
    """Raise `UsageError` for an empty prompt, or a seed or size out of range."""
    if not clean(prompt):
        raise UsageError("the prompt is empty: say what to paint.")
    if not prompt.isprintable() and any("\ud800" <= char <= "\udfff" for char in prompt):
        raise UsageError("the prompt is not valid Unicode: give it as UTF-8.")
    if seed is not None and not 0 <= seed < 2**63:
        raise UsageError(f"the seed {seed} is out of range: use 0 to {2**63 - 1}.")
    if size is not None and not all(1 <= side <= LARGEST_SIDE for side in size):
        raise UsageError(f"the size {size} is out of range: use 1 to {LARGEST_SIDE} pixels a side.")


def _paint(work: Work, stage: str, references: tuple[Reference, ...]) -> Steps[Painted]:
    drawn: Drawn = yield Paint(stage, work.prompt, references, work.seed, work.size)
    work.result = drawn.image
    return drawn.painted


def _draft(work: Work) -> Steps[None]:
    work.drafted = yield from _paint(work, "draft", work.personal)
    work.draft, work.kept, work.result = work.result, work.result, None


def _round(session: Session, work: Work, number: int) -> Steps[bool]:
    """Review, retrieve and paint once; return whether another round could help."""
    policy = session.settings.loop
    verdict = yield from review.ask(session, work.prompt, work.kept)
    work.extend(verdict.decisions)
    work.fallback = work.fallback or verdict.fallback
    if verdict.matches:
        work.rounds.append(Round(answers=verdict.answers))
        return False
    before = (*work.personal, *work.gathered)
    found = yield from selection.find(session, work.prompt, verdict, before)
    work.extend(found.decisions)
    references, cut = selection.fit(
        (*before, *found.references), session.generator.capability(), policy.max_references
    )
    work.extend(cut)
    if references == before:
        reason = "no room is left for more references" if found.references else "nothing was found"
        work.decide("condition", "do not paint again", reason)
        work.rounds.append(Round(answers=verdict.answers, lookups=found.lookups))
        return False
    work.gathered = references[len(work.personal) :]
    painted = yield from _paint(work, "generate", references)
    comparison = yield from _keep(session, work)
    work.rounds.append(Round(verdict.answers, found.lookups, painted, comparison))
    return number + 1 < policy.rounds


def _keep(session: Session, work: Work) -> Steps[dict[str, object] | None]:
    """Decide between the picture kept so far and the new one."""
    policy, before, new = session.settings.loop, work.kept, work.result
    assert new is not None
    if before is None or policy.keep == "last":
        reason = "keep = 'last'" if before is not None else "there is no draft to compare with"
        work.decide("keep", "the new picture", reason)
        work.kept, work.kept_round = new, len(work.rounds)
        return None
    verdict: Comparison = yield Compare(work.prompt, before, new)
    scores = ""
    if verdict.score_a is not None and verdict.score_b is not None:
        scores = f" ({verdict.score_a:.3f} before, {verdict.score_b:.3f} now)"
    note = clean(verdict.note, 500)
    if verdict.better == "b":
        work.decide("keep", "the new picture", f"the critic finds it better{scores}")
        work.kept, work.kept_round = new, len(work.rounds)
    else:
        finds = "worse" if verdict.better == "a" else "no better"
        # A critic without an answer calls it a tie as well, and its note says so.
        why = f": {note}" if verdict.better == "tie" and note else ""
        reason = f"the critic finds the new one {finds}{scores}{why}"
        work.decide("keep", "the former picture", reason)
    return {
        "better": {"a": "before", "b": "now", "tie": "tie"}[verdict.better],
        "before": verdict.score_a,
        "now": verdict.score_b,
        "note": note,
    }


def _finish(session: Session, work: Work) -> Run:
    return Run(
        prompt=work.prompt,
        seed=work.seed,
        kept="draft" if work.kept_round is None else "result",
        kept_round=work.kept_round,
        config=session.config.recorded,
        versions=versions_of(session),
        size=work.size,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        drafted=work.drafted,
        rounds=tuple(work.rounds),
        decisions=tuple(work.account.decisions),
        ledger=tuple(work.account.ledger),
        seconds=work.seconds,
        fallback=work.fallback,
        image=work.kept,
        draft=work.draft,
        result=work.result,
        references=(*work.personal, *work.gathered),
    )
