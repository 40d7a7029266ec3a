"""The stations of a batch: which component carries out which steps, and how many at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle
from typing import Any

import anyio

from imagerag.batch import carrying
from imagerag.batch.measuring import Measured
from imagerag.batch.residency import Residency, sizes_of
from imagerag.batch.sharing import with_generator
from imagerag.batch.station import DismissedError, Job, Station, Told
from imagerag.batch.threads import Turns, in_thread
from imagerag.roles import Generator
from imagerag.session import Session
from imagerag.steps import Ask, Compare, Fetch, Order, Paint, Search, Step

FILES = 4
"""Pictures that are read, or written, side by side."""

AT_ONCE = 8
"""Most of them that one thread takes, so that small ones do not each cost a change of threads."""

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
        quiet: Callable[[set[str]], bool] = lambda ready: True,
        painted: Callable[[Sequence[Job]], None] = lambda jobs: None,
    ) -> None:
        policy = session.settings.batch
        self.session = session
        self._peak = peak
        self._painted = painted
        self._warm: set[tuple[str, ...]] = set()
        self._warming = anyio.Lock()
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
            quiet=quiet,
        )
        critic = session.critic.concurrency if session.names("critic") else 1
        # Whom a re-ranker may call besides their own stations; without one, nobody does.
        self._shared = {
            "critic": anyio.CapacityLimiter(critic),
            "encoder": anyio.CapacityLimiter(1),
        }
        self._alone = not session.names("reranker") and not self._asks_the_critic()
        self._lookups = policy.lookups
        self._fill = not any(session.is_remote(*one) for one in session.chosen("encoder"))
        # What is paid for is not called ahead of its turn, and this device is not to idle.
        paid = any(session.is_remote(*one) for one in session.chosen("generator"))
        self._turns = [Turns() for _ in self._painters]
        self._ahead = not paid and generator.concurrency == 1 and not self._asks_the_critic()
        self.needs: dict[str, tuple[str, ...]] = {
            "paint": ("generator", "critic") if self._asks_the_critic() else ("generator",),
            "ask": ("critic",),
            "search": ("encoder",),
            "order": ("critic", "encoder"),  # a re-ranker may ask both
            "fetch": (),
        }
        """The roles whose models each station calls."""
        make = partial(Station, told=told)
        self.stations = {
            station.name: station
            for station in (
                make(
                    "paint",
                    self._paint,
                    places=max(copies, generator.concurrency),
                    together=generator.batch_size,
                    alike=_alike,
                    later=_is_draft,
                    expecting=expecting,
                    until_kept=paid,
                    ahead=self._ahead,
                ),
                make("ask", self._ask, places=critic, until_kept=True),
                make("search", self._search, together=policy.window, alike=_same_search),
                make("order", self._order, until_kept=True),
                make("fetch", self._fetch, places=FILES, together=AT_ONCE),
            )
        }

    def of(self, step: Step) -> Station:
        """Return the station that carries out a step."""
        return self.stations[_PLACES[type(step)]]

    def stuck(self, ready: set[str]) -> int:
        """Return how many jobs wait for a model of a role that is not `ready`."""
        return sum(
            station.jobs
            for name, station in self.stations.items()
            if not ready.issuperset(self.needs[name])
        )

    def painter(self, place: int) -> Generator:
        """Return the generator that paints in a place."""
        return self._painters[place % len(self._painters)].generator

    def close(self) -> None:
        """Close the stations, and the copies of the generator."""
        for station in self.stations.values():
            station.close()
        for painter in self._painters:
            if painter is not self.session:
                painter.close()

    def _asks_the_critic(self) -> bool:
        """Say whether the generator is made of other components: it may ask the run's critic."""
        chosen = self.session.config.chosen["generator"]
        return bool(chosen.parts or chosen.scoped)

    async def _paint(self, jobs: Sequence[Job], place: int) -> None:
        roles = self.needs["paint"]
        if not self._ahead:
            await self._call(jobs, roles, self._paint_and_keep, jobs, place)
            return
        turns = self._turns[place]
        number = turns.announce()
        try:
            await self._call(jobs, roles, self._paint_in_turn, jobs, place, number)
        except anyio.get_cancelled_exc_class():
            # A thread that has begun is left to itself: nobody behind it may begin.
            self.stations["paint"].dismiss()
            raise
        finally:
            turns.give_up(number)

    def _paint_in_turn(self, jobs: Sequence[Job], place: int, number: int) -> Measured:
        with self._turns[place].taken(number):
            if self.stations["paint"].closed:
                raise DismissedError
            found = carrying.paint(jobs, self.painter(place))
        self._painted(jobs)
        return found

    def _paint_and_keep(self, jobs: Sequence[Job], place: int) -> Measured:
        found = carrying.paint(jobs, self.painter(place))
        self._painted(jobs)
        return found

    async def _ask(self, jobs: Sequence[Job], place: int) -> None:
        await self._call(jobs, self.needs["ask"], carrying.alone, jobs[0])

    async def _search(self, jobs: Sequence[Job], place: int) -> None:
        call = partial(carrying.search, jobs, self._lookups, fill=self._fill)
        await self._call(jobs, self.needs["search"], call)

    async def _order(self, jobs: Sequence[Job], place: int) -> None:
        await self._call(jobs, self.needs["order"], carrying.alone, jobs[0])

    async def _call(
        self,
        jobs: Sequence[Job],
        roles: tuple[str, ...],
        call: Callable[..., Measured],
        *arguments: Any,
    ) -> None:
        """Make a call in a thread, when the models of these roles are in memory and free."""
        if self._alone and self.residency.limit is None:
            found = await self._made(roles, call, *arguments)
        else:
            async with AsyncExitStack() as held:
                if self.residency.limit is not None:
                    await held.enter_async_context(self.residency.holding(*roles))
                for role in () if self._alone else roles:
                    if role in self._shared:
                        await held.enter_async_context(self._shared[role])
                found = await self._made(roles, call, *arguments)
        self._peak(jobs[0].step.stage, found)

    async def _made(
        self, roles: tuple[str, ...], call: Callable[..., Measured], *arguments: Any
    ) -> Measured:
        """Make a call, the first of a kind by itself.

        It imports and loads, and model libraries do not survive being imported by two threads.
        """
        if roles not in self._warm:
            async with self._warming:
                if roles not in self._warm:
                    found = await in_thread(call, *arguments)
                    self._warm.add(roles)
                    return found
        return await in_thread(call, *arguments)

    async def _fetch(self, jobs: Sequence[Job], place: int) -> None:
        self._peak(jobs[0].step.stage, await in_thread(carrying.each, jobs))

    def _unload(self, role: str) -> None:
        for session in self._painters if role == "generator" else [self.session]:
            session.release(role)  # type: ignore[arg-type]


def by_station(dearest: Mapping[str, float]) -> dict[str, float]:
    """Return what one step of each station has cost at most, from what steps have by their name."""
    found: dict[str, float] = {}
    for kind, station in _PLACES.items():
        if kind.__name__ in dearest:
            found[station] = max(found.get(station, 0.0), dearest[kind.__name__])
    return found


def _is_draft(job: Job) -> bool:
    return job.step.stage == "draft"


def _alike(job: Job) -> Hashable:
    """Pictures of one size and with as many references go into one call."""
    assert isinstance(job.step, Paint)
    return (job.step.size, len(job.step.references))


def _same_search(job: Job) -> Hashable:
    """Searches of one collection, to one depth, go into one call."""
    assert isinstance(job.step, Search)
    return (id(job.session), job.step.depth)
