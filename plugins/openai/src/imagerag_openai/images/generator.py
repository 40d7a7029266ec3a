"""The generator `gpt-image`: OpenAI's images API, at OpenAI or at a server that speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from imagerag.errors import CapabilityError, ImageError, ImageRAGError
from imagerag.roles import Context, Generator
from imagerag.values import Capability, Facts, Filtered, Guidance, Usage
from imagerag_chat.http.client import BoundedClient
from imagerag_chat.http.critic import unusable
from imagerag_chat.http.ledger import usage
from imagerag_chat.http.line import Line, Outcome
from imagerag_chat.http.place import host_of
from imagerag_chat.http.prices import Tokens
from imagerag_openai.config import HOME
from imagerag_openai.critic import connect_openai
from imagerag_openai.images.answer import NotPaintedError, read_picture, read_tokens
from imagerag_openai.images.models import STANDARD_SIZES
from imagerag_openai.images.request import Request, check_request

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from PIL.Image import Image

    from imagerag_openai.images.config import GPTImageConfig

KEY = "OPENAI_API_KEY"
"""The environment variable that usually holds the key."""

NO_SEED = "the images API has no seed: the same request, a replay too, paints another picture"


@dataclass(frozen=True)
class _Painted:
    """What came of one picture: `picture` or `failure`, and the line of the ledger."""

    request: Request
    line: Usage
    picture: Image | None
    failure: ImageRAGError | None


class GPTImageGenerator(Generator):
    """Paints with `images.generate`, and with `images.edit` where there are references.

    One picture is asked for by one request; several guidances are painted at the same time, as many
    as `max_concurrent` allows. Unlike other generators, this one cannot paint the same picture
    twice: the API knows no seed, and every call puts that among the run's decisions.
    """

    remote: ClassVar[bool] = True

    config: GPTImageConfig

    def __init__(self, config: GPTImageConfig, context: Context) -> None:
        super().__init__(config, context)
        self._line: Line[Any] = Line(
            "openai", config, usual_key=KEY, home=HOME, connect=_connect_images
        )

    def capability(self) -> Capability:
        """Return what the configuration makes possible; nothing is asked for."""
        config = self.config
        own = host_of(config.base_url) == host_of(HOME)
        return Capability(
            abilities=frozenset(
                {"text", "in-context", "edit"} if config.max_references else {"text"}
            ),
            max_references=config.max_references,
            recommended_references=min(4, config.max_references),
            reference_syntax="image {k}",
            sizes=(config.size,) if config.size else STANDARD_SIZES,
            licence="OpenAI's terms of use" if own else None,
            seeded=False,
        )

    @property
    def concurrency(self) -> int:
        """As many calls as the server is asked at one time."""
        return self.config.max_concurrent

    def generate(self, guidances: Sequence[Guidance]) -> list[Image]:
        """Return one picture per guidance, in order; `Guidance.seed` has no effect.

        Progress is reported as "generate" after each picture. An exception raised there, Ctrl-C, or
        a picture that fails ends the call: what is under way is given up, what was not begun is
        never asked for. Every request that was made is in the ledger.

        Raises:
            CapabilityError: A guidance asks for more than the API can do, or its prompt or one of
                its references was blocked by the provider's moderation.
            CredentialsError: There is no key for this server, or it was not accepted.
            ImageError: What came is no picture.
            NotPaintedError: No picture came before the deadline, or the request was refused.
        """
        requests = [check_request(guidance, self.config) for guidance in guidances]
        if not requests:
            return []
        self.context.decide("generate", "paint without a seed", NO_SEED)
        workers = min(self.config.max_concurrent, len(requests))
        with ThreadPoolExecutor(workers, "imagerag-gpt-image") as pool:
            futures = [pool.submit(self._paint, request) for request in requests]
            try:
                return self._collected(futures)
            except BaseException:
                self._give_up(futures)
                raise
            finally:
                for future in futures:
                    if not future.cancelled() and future.exception() is None:
                        self.context.spend(future.result().line)

    def ready(self) -> None:
        """Raise `CredentialsError` where there is no key for this server."""
        self._line.ready()

    def close(self) -> None:
        """Close connections. Calling it twice does nothing more."""
        self._line.close()

    def versions(self) -> Mapping[str, str]:
        """Return the model, where it is asked for, and that seeds have no effect."""
        return {
            "model": self.config.model,
            "base_url": self.config.base_url,
            "seed": "not used: the API has none",
        }

    def facts(self) -> Facts:
        """Return model and cost; nothing is asked for."""
        return Facts(
            model=self.config.model,
            revision=self.config.model,
            implementation="openai.AsyncOpenAI: images.generate, images.edit",
            licence=self.capability().licence,
            usd_per_picture=0.0 if self.config.free else None,
            proven="Requests, order of references, faults and limits against a loopback server; no "
            "model was asked. Not seedable: a replay paints another picture.",
        )

    def _paint(self, request: Request) -> _Painted:
        """Ask for one picture; runs in a thread of its own."""
        arguments = request.arguments()

        async def send(client: AsyncOpenAI) -> Any:
            images = client.images.with_raw_response
            ask = images.edit if request.images else images.generate
            return await ask(**arguments)

        outcome = self._line.ask(send)
        picture, failure, word = self._read(outcome)
        tokens = Tokens() if outcome.body is None else read_tokens(outcome.body)
        line = usage(self.config, HOME, outcome, tokens)
        line = replace(line, call="generate", outcome=word, images=len(request.images))
        return _Painted(request, line, picture, failure)

    def _read(self, outcome: Outcome) -> tuple[Image | None, ImageRAGError | None, str]:
        """Return the picture, or why there is none, and a word for the ledger."""
        if outcome.denied is not None:
            return None, outcome.denied, "credentials"
        if isinstance(outcome.trouble, Filtered):
            blocked = CapabilityError(
                f"The moderation of {host_of(self.config.base_url)} blocked this picture: "
                f"{outcome.trouble.note.rstrip('.')}. Reword the prompt, or leave out the "
                "reference that is meant; asking again changes nothing."
            )
            return None, blocked, "filtered"
        nothing = f"{self.config.model!r} painted nothing"
        trouble = outcome.trouble or unusable(outcome.body)
        if trouble is not None:
            note = outcome.scrub(trouble.note).rstrip(".")
            advice = "Ask again later, or mend what is named under [generator]."
            return None, NotPaintedError(f"{nothing}: {note}. {advice}"), "unavailable"
        try:
            return read_picture(outcome.body), None, "painted"
        except (ImageError, NotPaintedError) as error:
            return None, type(error)(f"{nothing}: {outcome.scrub(str(error))}"), "malformed"

    def _collected(self, futures: Sequence[Future[_Painted]]) -> list[Image]:
        """Return the pictures in the order of the requests; the first failure ends it."""
        place = {future: index for index, future in enumerate(futures)}
        pictures: dict[int, Image] = {}
        for future in as_completed(futures):
            painted = future.result()
            if painted.picture is None:
                raise painted.failure or NotPaintedError("nothing was painted")
            pictures[place[future]] = self._checked(painted.request, painted.picture)
            self.context.progress("generate", len(pictures), len(futures))
        return [pictures[index] for index in range(len(futures))]

    def _checked(self, request: Request, picture: Image) -> Image:
        if request.size is not None and picture.size != request.size:
            self.context.decide(
                "generate",
                f"keep a picture of {picture.width}×{picture.height}",
                f"{request.size[0]}×{request.size[1]} was asked for, and this is what came",
            )
        return picture

    def _give_up(self, futures: Sequence[Future[_Painted]]) -> None:
        """End what is under way, and see to it that nothing else begins."""
        for future in futures:
            future.cancel()
        # Again and again: one that was just about to ask would connect anew after a single time.
        while not_done := wait(futures, 0).not_done:
            self._line.close()
            wait(not_done, 0.05)


def _connect_images(key: str, base_url: str, http: BoundedClient) -> AsyncOpenAI:
    client = connect_openai(key, base_url, http)
    _ = client.images.with_raw_response  # imports the rest, while no clock runs
    return client
