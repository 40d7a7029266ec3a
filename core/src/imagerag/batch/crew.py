"""The stations of a batch: which component carries out which steps, and how many at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import cycle
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from imagerag.batch import carrying
from imagerag.batch.measuring import Measured
from imagerag.batch.residency import Residency, sizes_of
from imagerag.batch.sharing import with_generator
from imagerag.batch.station import Job, Station, Told
from imagerag.roles import Generator
from imagerag.session import Session
from imagerag.steps import Ask, Compare, Fetch, Order, Paint, Search, Step

T = TypeVar("T")

READERS = 4
"""Pictures of references that are read side by side."""

_PLACES: dict[type, str] = {
    Paint: "paint",
    Ask: "ask",
    Compare: "ask",
    Search: "search",
    Order: "order",
    Fetch: "fetch",
}


class Crew:
    """Stations over the components of a session, with as many places as each component allows.

    A component takes one call at a time unless its `concurrency` says more. `generators` copies of
    a local generator paint side by side; one that is remote is called as often as it allows.
    """

    def __init__(
        self,
        session: Session,
        *,
        told: Told = lambda station: None,
        peak: Callable[[str, Measured], None] = lambda stage, found: None,
        expecting: Callable[[], bool] = lambda: False,
    ) -> None:
        policy = session.settings.batch
        self.session = session
        self._peak = peak
        self._threads = anyio.CapacityLimiter(1000)  # what is bounded is bounded by the stations
        generator = session.generator
        copies = 1 if generator.concurrency > 1 else policy.generators
        devices = cycle(policy.devices or (None,))
        self._painters = [
            session if number == 0 and not policy.devices else with_generator(session, device)
            for number, device in zip(range(copies), devices, strict=False)
        ]
        self.residency = Residency(
            policy.memory,
            sizes_of(session, policy.memory, copies),
            unload=self._unload,
            waiting=self._waiting_for,
        )
        critic = session.critic.concurrency if session.names("critic") else 1
        encoder_remote = session.names("encoder") and session.encoder.concurrency > 1
        # Who is called from several stations, and how often at once.
        self._limits = {
            "critic": anyio.CapacityLimiter(critic),
            "encoder": anyio.CapacityLimiter(1000 if encoder_remote else 1),
        }
        self._lookups = policy.lookups
        self._fill = not any(session.is_remote(*one) for one in session.chosen("encoder"))
        make = partial(Station, room=policy.window, told=told)
        self.stations = {
            station.name: station
            for station in (
                make(
                    "paint",
                    self._paint,
                    places=max(copies, generator.concurrency),
                    together=generator.batch_size,
                    alike=_alike,
                    expecting=expecting,
                ),
                make("ask", self._ask, places=critic),
                make("search", self._search, together=policy.window, alike=_same_search),
                make("order", self._order),
                make("fetch", self._fetch, places=READERS),
            )
        }

    def of(self, step: Step) -> Station:
        """Return the station that carries out a step."""
        return self.stations[_PLACES[type(step)]]

    def painter(self, place: int) -> Generator:
        """Return the generator that paints in a place."""
        return self._painters[place % len(self._painters)].generator

    async def thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call something in a thread; at an interruption it is left to itself."""
        return await to_thread.run_sync(
            call, *arguments, limiter=self._threads, abandon_on_cancel=True
        )

    def close(self) -> None:
        """Close the stations, and the copies of the generator."""
        for station in self.stations.values():
            station.close()
        for painter in self._painters:
            if painter is not self.session:
                painter.close()

    async def _paint(self, jobs: Sequence[Job], place: int) -> Measured:
        inner = self.session.config.chosen["generator"]
        # A generator made of other components may ask the run's critic too.
        roles = ("generator", "critic") if inner.parts or inner.scoped else ("generator",)
        async with self.residency.holding(*roles):
            call = partial(carrying.paint, jobs, self.painter(place))
            if "critic" not in roles:
                return self._noted(jobs, await self.thread(call))
            async with self._limits["critic"]:
                return self._noted(jobs, await self.thread(call))

    async def _ask(self, jobs: Sequence[Job], place: int) -> Measured:
        async with self.residency.holding("critic"), self._limits["critic"]:
            return self._noted(jobs, await self.thread(carrying.alone, jobs[0]))

    async def _search(self, jobs: Sequence[Job], place: int) -> Measured:
        call = partial(carrying.search, jobs, self._lookups, fill=self._fill)
        async with self.residency.holding("encoder"), self._limits["encoder"]:
            return self._noted(jobs, await self.thread(call))

    async def _order(self, jobs: Sequence[Job], place: int) -> Measured:
        # A re-ranker may ask both.
        async with (
            self.residency.holding("critic", "encoder"),
            self._limits["critic"],
            self._limits["encoder"],
        ):
            return self._noted(jobs, await self.thread(carrying.alone, jobs[0]))

    async def _fetch(self, jobs: Sequence[Job], place: int) -> Measured:
        return self._noted(jobs, await self.thread(carrying.alone, jobs[0]))

    def _noted(self, jobs: Sequence[Job], found: Measured) -> Measured:
        self._peak(jobs[0].step.stage, found)
        return found

    def _unload(self, role: str) -> None:
        for session in self._painters if role == "generator" else [self.session]:
            session.release(role)  # type: ignore[arg-type]

    def _waiting_for(self, role: str) -> int:
        names = {
            "generator": ("paint",),
            "critic": ("ask", "order"),
            "encoder": ("search", "order"),
        }[role]
        return sum(self.stations[name].waiting + self.stations[name].busy for name in names)


def _alike(job: Job) -> Hashable:
    """Pictures of one size and with as many references go into one call."""
    assert isinstance(job.step, Paint)
    return (job.step.size, len(job.step.references))


def _same_search(job: Job) -> Hashable:
    """Searches of one collection, to one depth, go into one call."""
    assert isinstance(job.step, Search)
    return (id(job.session), job.step.depth)
