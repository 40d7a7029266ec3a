"""The generator "grape": generate, plan, edit (arXiv 2412.06089), over other components."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from imagerag.errors import CapabilityError, ConfigError
from imagerag.roles import Context, Critic, Generator
from imagerag.text import clean
from imagerag.values import Capability, Facts, Guidance
from imagerag_grape.editing import Wording, check_conditioner, check_editor
from imagerag_grape.given import edits_of, for_painter, prompt_of
from imagerag_grape.joint import Joint
from imagerag_grape.painting import Painting
from imagerag_grape.planning import ask

if TYPE_CHECKING:
    from PIL.Image import Image

    from imagerag_grape.config import GrapeConfig


class GrapeGenerator(Generator):
    """Paints, asks the planner what is wrong, and has an editor put it right, edit by edit.

    The planner is the critic of this component's scope: a `[generator.critic]` table replaces the
    run's. Pictures of a batch are painted together, planned one by one, and edited together: the
    first edit of all, then the second, and so on.

    The same guidance gives the same picture as long as the planner gives the same answers. What it
    answered is handed out with the picture, as `picture.info["imagerag"]["edits"]`; guidance with
    these as its option "edits" gives the same picture without asking anybody.
    """

    config: GrapeConfig

    def __init__(self, config: Any, context: Context) -> None:
        """Check that the parts can work together; nothing is loaded."""
        super().__init__(config, context)
        if not context.parts.get("painter"):
            raise ConfigError(
                "the generator 'grape' paints nothing by itself: name a generator for it with "
                '`[generator.painter] use = "…"`.'
            )
        painter: Generator = context.parts["painter"][0]
        editor: Generator = painter if config.editor is None else context.parts["editor"][0]
        self._joint = Joint(
            painter, editor, _use(config.painter), _use(config.editor or config.painter)
        )
        check_editor(editor, self._joint.editor_name, paints=self._joint.one)
        conditioner = None if config.conditioner is None else context.parts["conditioner"][0]
        if conditioner is not None:
            check_conditioner(conditioner, _use(config.conditioner), editor)
        self._wording = Wording(editor, conditioner, config)
        self._planner: Critic = context.component("critic")
        if config.keep == "best" and "compare" not in self._planner.abilities:
            raise CapabilityError(
                "keep = 'best' of the generator 'grape' needs a planner with the ability "
                f"'compare', and {type(self._planner).__name__!r} has "
                f"{sorted(self._planner.abilities)}. Set keep = 'last', or name another critic: "
                'generator.critic = {use = "…"}.'
            )

    @property
    def painter(self) -> Generator:
        """What paints the first picture."""
        return self._joint.painter

    @property
    def editor(self) -> Generator:
        """What carries out the edits: the painter itself where no other is configured."""
        return self._joint.editor

    def capability(self) -> Capability:
        """Return what the painter can do, under both licences and with the memory of both."""
        return self._joint.capability()

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one picture per guidance, in order.

        Every plan and every edit becomes a decision of the run, with the SHA-256 of the pictures.
        A planner without a usable answer leaves the picture as it is, and that is recorded, too.

        Raises:
            CapabilityError: The painter cannot paint a guidance, or the editor cannot carry out an
                edit, which the message names.
        """
        asked = [(guidance, prompt_of(guidance), edits_of(guidance)) for guidance in guidances]
        pictures = self.painter.generate([for_painter(guidance) for guidance in guidances])
        paintings = [
            Painting(guidance, prompt, picture, self._decider(number, len(asked)))
            for number, ((guidance, prompt, _), picture) in enumerate(
                zip(asked, pictures, strict=True)
            )
        ]
        planned = []
        for painting, (_, _, edits) in zip(paintings, asked, strict=True):
            if edits is None:
                planned.append(painting)
                continue
            painting.todo, painting.going = edits, False
            painting.decide(f"carry out {_count(edits)}", "the guidance itself names them")
        self._edit(paintings)
        for _ in range(self.config.rounds):
            going = [painting for painting in planned if painting.going]
            for painting in going:
                self._plan(painting)
            before = [painting.picture for painting in going]
            self._edit(going)
            for painting, former in zip(going, before, strict=True):
                self._keep(painting, former)
        return [painting.finished() for painting in paintings]

    def versions(self) -> Mapping[str, str]:
        """Name the parts; each also tells its own versions, under its own path."""
        return {
            "painter": self._joint.painter_name,
            "editor": self._joint.editor_name,
            # Not its type: a stand-in for one that may not be called says whom it stands for.
            "planner": self._planner.__class__.__name__,
        }

    def facts(self) -> Facts:
        """Say what is combined; memory and cost are told by the parts, and are not told twice."""
        joint, capability = self._joint, self.capability()
        return Facts(
            implementation="generate, plan, edit (arXiv 2412.06089): painted by "
            f"{joint.painter_name!r}, edited by {joint.editor_name!r}",
            licence=capability.licence,
            commercial=capability.commercial,
            memory_gb=0.0,
            usd_per_picture=0.0,
            proven="every step and decision, with an editor and planners that follow a script; "
            "the preset on a tiny random OmniGen and a loopback server; the sandbox's SDXL and "
            "CLIP critic. OmniGen's published weights and GPT-4o were not run.",
        )

    def _plan(self, painting: Painting) -> None:
        plan = ask(self._planner, painting.picture, painting.prompt, self.config)
        most = self.config.edits
        painting.todo = plan.instructions[:most]
        painting.going = bool(painting.todo)
        if plan.trouble:
            painting.decide("keep the picture", plan.trouble)
        elif not painting.todo:
            told = f": {plan.note}" if plan.note else ""
            painting.decide("keep the picture", f"the planner finds nothing to change{told}")
        else:
            shown = f"the planner saw picture sha256 {painting.digest}"
            painting.decide(f"plan {_count(painting.todo)}", shown)
        if left := plan.instructions[most:]:
            names = ", ".join(map(repr, left))
            painting.decide(f"leave out {_count(left)}", f"edits = {most}; left out: {names}")

    def _edit(self, paintings: Sequence[Painting]) -> None:
        """Carry out what each has to do: the first edit of all at once, then the second."""
        for number in range(max((len(painting.todo) for painting in paintings), default=0)):
            batch = [painting for painting in paintings if number < len(painting.todo)]
            steps = "; ".join(painting.step(number) for painting in batch)
            try:
                edited = self.editor.generate(
                    [
                        self._wording.guidance(
                            painting.picture,
                            painting.todo[number],
                            painting.prompt,
                            painting.guidance,
                        )
                        for painting in batch
                    ]
                )
            except CapabilityError as error:
                raise CapabilityError(
                    f"{steps}: the editor {self._joint.editor_name!r} cannot carry it out: {error}"
                ) from error
            for painting, picture in zip(batch, edited, strict=True):
                painting.edited(number, picture)

    def _keep(self, painting: Painting, former: Image) -> None:
        """Compare a round's picture with the one before, where the configuration says so."""
        if self.config.keep == "last" or not painting.todo:
            return
        verdict = self._planner.compare(painting.prompt, former, painting.picture)
        if verdict.better == "b":
            painting.decide("keep the edited picture", "the planner finds it better")
            return
        finds = "worse" if verdict.better == "a" else "no better"
        # A planner without an answer calls it a tie as well, and its note says so.
        if verdict.better == "tie" and (note := clean(verdict.note)):
            finds += f" ({note})"
        painting.picture, painting.going = former, False
        del painting.done[len(painting.done) - len(painting.todo) :]
        painting.decide(
            "keep the picture before these edits",
            f"the planner finds the edited one {finds}; picture sha256 {painting.digest}",
        )

    def _decider(self, number: int, total: int) -> Callable[[str, str], None]:
        prefix = f"picture {number + 1} of {total}: " if total > 1 else ""
        return partial(self._decide, prefix)

    def _decide(self, prefix: str, decision: str, reason: str) -> None:
        self.context.decide("generate", f"{prefix}{decision}", reason)


def _use(table: Mapping[str, Any] | None) -> str:
    return str((table or {}).get("use", ""))


def _count(edits: Sequence[str]) -> str:
    return f"{len(edits)} edit" + ("" if len(edits) == 1 else "s")
