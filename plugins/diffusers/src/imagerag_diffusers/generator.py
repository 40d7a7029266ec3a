"""The base of generators that run a diffusers pipeline."""

from __future__ import annotations

import gc
import threading
from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.errors import CapabilityError, WeightsError
from imagerag.roles import Generator
from imagerag.values import Capability, Facts, Guidance
from imagerag_diffusers.batching import Call, calls
from imagerag_diffusers.config import NegativePromptConfig, SchedulerConfig
from imagerag_diffusers.declaration import local_facts, text_capability
from imagerag_diffusers.finishing import shown
from imagerag_diffusers.provenance import content, library_versions, pipeline_of
from imagerag_diffusers.published import Catalogue
from imagerag_diffusers.quantisation import quantising_library
from imagerag_diffusers.request import Request, check_options, check_references, checked
from imagerag_diffusers.schedulers import build_scheduler, check_steps

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

    from imagerag_diffusers.config import PipelineConfig
    from imagerag_diffusers.layout import Layout
    from imagerag_diffusers.painting import Loaded


class PipelineGenerator(Generator):
    """Paints with a diffusers pipeline.

    A picture depends on its own guidance and on `batch_size`, on nothing else: see `batching`. Each
    picture has its own seed, drawn on the CPU. Weights load on first use; an exception or Ctrl-C
    ends a call between two steps and leaves the generator usable.

    A subclass says four things as class attributes, and one as a method, `arguments`. Where its
    pipeline needs it, it overrides the other hooks: `capability`, `check`, `company`,
    `pipeline_class`, `examine`, `components`, `prepare`.
    """

    config: PipelineConfig

    name: ClassVar[str]
    """What the offer calls it, for messages."""

    distribution: ClassVar[str]
    """The distribution it comes in, whose version a record names."""

    pipelines: ClassVar[tuple[str, ...]]
    """The classes of diffusers that it can run; a model's index says which of them."""

    catalogue: ClassVar[Catalogue]
    """Published weights that it knows, by hub id."""

    proven: ClassVar[str] = ""
    """What was shown to work, and on what, in one sentence; for `facts()`."""

    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Classes of diffusers that another generator runs, with its name, for messages."""

    options: ClassVar[tuple[str, ...]] = ()
    """What `Guidance.options` may hold."""

    brings: ClassVar[tuple[str, ...]] = ()
    """Components that come from `components`: neither fetched nor looked for with the model."""

    global_random: ClassVar[bool] = False
    """Whether the pipeline draws from torch's global generator too (OmniGen does). Each picture is
    then painted in a call of its own, inside `imagerag_torch.seeded`."""

    no_references: ClassVar[str] = "`imagerag plugins list --role generator` names others."
    """What to do where references are asked for and none are taken, as a sentence."""

    def __init__(self, config: Any, context: Any) -> None:
        super().__init__(config, context)
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    # Hooks: what makes one pipeline different from another.

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is loaded.

        The base declares text alone. A generator that takes references replaces fields of what the
        base returns.
        """
        return text_capability(self.config, self.catalogue)

    def check(self, guidance: Guidance, capability: Capability) -> Request:
        """Return the request for one guidance, or say what of it is not possible.

        A subclass that has options reads them here, and returns a request that holds them checked.

        Raises:
            CapabilityError: The guidance asks for more than the generator can do.
        """
        check_options(guidance, self.options, self.name)
        check_references(guidance, capability.max_references, self.name, self.no_references)
        negative = guidance.negative_prompt
        if isinstance(self.config, NegativePromptConfig):
            negative = self.config.negative_prompt if negative is None else negative
        elif negative:
            raise CapabilityError(
                f"The generator {self.name!r} has no negative prompt, got {negative!r}. Leave it "
                "out, and say in the prompt what to show instead."
            )
        return checked(guidance, negative, self.config.multiple, self.config.size)

    def company(self, request: Request) -> Hashable | None:
        """Return what pictures of one call must have in common, None for one that goes alone."""
        return request.size, len(request.images), request.negative is None

    @abstractmethod
    def arguments(self, pipe: Any, rows: Sequence[Request]) -> dict[str, Any]:
        """Return the arguments of one call that are this pipeline's own.

        The base gives `prompt` (a list, one a row), `generator` (likewise), `num_inference_steps`,
        and `width` and `height` where a size is asked for; what this returns overrides them.

        Args:
            pipe: The loaded pipeline.
            rows: The pictures of the call, all of the same company; copies at the end fill it up.
        """

    def pipeline_class(self, name: str) -> type:
        """Return the class for a name of `pipelines`; the base takes diffusers' own."""
        from imagerag_diffusers.loading import diffusers_class

        return diffusers_class(name)

    def examine(self, layout: Layout) -> None:
        """Look at the model's files before anything large is loaded; the base has done its part.

        Raises:
            WeightsError: They do not fit what else there is.
        """

    def components(self, dtype: torch.dtype) -> dict[str, Any]:
        """Return components and arguments to build the pipeline with, beside what its folder holds.

        Components that the folder need not hold are named in `brings`.
        """
        return {}

    def prepare(self, pipe: Any) -> None:
        """Change a loaded pipeline before it moves to its device; the base leaves it as it is."""

    # What all of them share.

    @property
    def batch_size(self) -> int:
        """How many pictures a call paints at once: the option of that name."""
        return self.config.batch_size

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one picture per guidance, in order.

        Progress is reported as "generate" after each denoising step, counted over all calls.

        Raises:
            CapabilityError: A guidance asks for more than `capability()` says, or than fits.
            ConfigError: A device, dtype, offload or quantisation is not possible here.
            WeightsError: The model cannot be loaded.
            CredentialsError: The hub wants a token.
        """
        capability = self.capability()
        requests = [self.check(guidance, capability) for guidance in guidances]
        if not requests:
            return []
        pictures: dict[int, Image] = {}
        with self._lock:
            loaded = self._load()
            alone = self.global_random
            work = calls(
                [None if alone else self.company(request) for request in requests],
                self.config.batch_size,
            )
            for number, call in enumerate(work):
                painted = self._paint(
                    loaded, call, call.rows(requests), self._progress(number, len(work))
                )
                pictures.update(zip(call.indexes, painted, strict=False))
        size, how = self.config.output_size, self.config.output_resampling
        return [shown(pictures[index], size, how) for index in range(len(requests))]

    def close(self) -> None:
        """Free the weights; a later call would load them again."""
        with self._lock:
            if self._loaded is None:
                return
            self._loaded = None
            gc.collect()
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def versions(self) -> Mapping[str, str]:
        """Return model, revision or digest, pipeline, scheduler, quantisation and libraries."""
        config = self.config
        scheduler = config.scheduler if isinstance(config, SchedulerConfig) else None
        return {
            "model": config.model,
            "revision": content(config.model, config.revision, self.catalogue),
            "pipeline": pipeline_of(config.model, self.catalogue) or "unknown",
            "scheduler": scheduler or "the model's own",
            "quantisation": config.quantisation,
            **library_versions(self.distribution, *quantising_library(config.quantisation)),
        }

    def facts(self) -> Facts:
        """Return what the configuration means; nothing is loaded or fetched."""
        pipeline = pipeline_of(self.config.model, self.catalogue) or self.pipelines[0]
        return local_facts(self.config, self.catalogue, self.capability(), pipeline, self.proven)

    def _load(self) -> Loaded:
        if self._loaded is None:
            import torch

            from imagerag_diffusers.exhaustion import memory_for
            from imagerag_diffusers.painting import Loaded
            from imagerag_diffusers.quiet import quiet
            from imagerag_torch import guard_torchvision

            guard_torchvision()
            doing = f"loading {self.config.model!r}"
            # Models are built with random weights of torch's global generator before they are read.
            random = torch.random.fork_rng(devices=[])
            with random, quiet(), memory_for(doing, self.config, WeightsError):
                self._loaded = Loaded.of(self._open())
        return self._loaded

    def _open(self) -> Any:
        """Return the pipeline, loaded and on its device."""
        from imagerag_diffusers.loading import find_pipeline, load_pipeline, place_pipeline
        from imagerag_diffusers.placement import check_offload
        from imagerag_torch import choose_device, choose_dtype

        config = self.config
        device = choose_device(config.device)
        automatic = config.dtype == "auto" and device.type != "cpu"
        dtype = choose_dtype(config.half if automatic else config.dtype, device)
        check_offload(config, device)
        classes = {name: self.pipeline_class(name) for name in self.pipelines}
        layout = find_pipeline(
            config.model,
            config.revision,
            config.variant,
            classes,
            self.catalogue,
            elsewhere=self.elsewhere,
            given=self.brings,
        )
        self.examine(layout)
        components = self.components(dtype)
        kind = classes[layout.pipeline]
        pipe = load_pipeline(config.model, layout, kind, config, device, dtype, **components)
        if isinstance(config, SchedulerConfig):
            if config.scheduler is not None:
                options = config.scheduler_options
                pipe.scheduler = build_scheduler(config.scheduler, options, pipe.scheduler)
            check_steps(pipe.scheduler, config.steps)
        self.prepare(pipe)
        place_pipeline(pipe, config, device)
        return pipe

    def _paint(
        self,
        loaded: Loaded,
        call: Call,
        rows: Sequence[Request],
        report: Callable[[int, int], None],
    ) -> list[Image]:
        """Paint one call; return the pictures asked for, without the copies that filled it up."""
        from imagerag_diffusers.painting import call_of
        from imagerag_torch import generator

        size = rows[0].size
        doing = f"painting {len(rows)} at {'×'.join(map(str, size)) if size else 'their own size'}"
        seed = rows[0].seed if self.global_random else None
        with call_of(loaded, self.config, doing, report, seed) as pipe:
            given = {
                "prompt": [row.prompt for row in rows],
                "generator": [generator(row.seed) for row in rows],
                "num_inference_steps": self.config.steps,
                **({"width": size[0], "height": size[1]} if size else {}),
                **self.arguments(pipe, rows),
            }
            output = pipe(**given)
        return list(output.images[: len(call.indexes)])

    def _progress(self, call: int, total: int) -> Callable[[int, int], None]:
        def report(done: int, steps: int) -> None:
            self.context.progress("generate", call * steps + done, total * steps)

        return report
