"""Rules of conduct: what a component does to everybody else while it works."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from imagerag.testing.network import offline
from imagerag.testing.suites.fingerprint import fingerprint
from imagerag.testing.suites.ruling import rule
from imagerag.testing.suites.state import differences, process_state, random_state, stirred
from imagerag.testing.suites.verdict import (
    broken,
    is_told,
    require,
    says_what_next,
    shortly,
    trouble_of,
    unjudged,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from imagerag.testing.suites.workshop import Workshop

_UNUSUAL = 982_451_653


class ConductRules:
    """Rules that are judged by using a component for what it is for, once."""

    def exercise(self, subject: Any, given: Any) -> Any:
        """Use a component once; return something comparable that says what came of it."""
        raise NotImplementedError

    def refusals(self, subject: Any, workshop: Workshop) -> Iterable[tuple[str, Callable[[], Any]]]:
        """Yield calls that a component may refuse, each with what it asks for, in words."""
        return ()

    @rule()
    def test_the_global_random_state_is_untouched(
        self, subject: Any, workshop: Workshop, given: Any
    ) -> None:
        """Loading, working and closing leave the global random numbers of everybody as they are."""
        self.exercise(subject, given)  # what it imports is imported now
        with stirred(_UNUSUAL):
            before = random_state()
            fresh = workshop.build()
            self.exercise(fresh, given)
            fresh.close()
            changed = differences(before, random_state())
        require(
            not changed,
            f"the global state of {', '.join(changed)} is another one afterwards: use a generator "
            "of your own, or put the state back",
        )

    @rule()
    def test_the_process_is_left_alone(self, subject: Any, workshop: Workshop, given: Any) -> None:
        """Working changes no setting of the process: environment, directory, logging, signals."""
        self.exercise(subject, given)
        before = process_state()
        fresh = workshop.build()
        self.exercise(fresh, given)
        fresh.close()
        changed = differences(before, process_state())
        require(not changed, f"changed for everybody: {', '.join(changed)}")

    @rule()
    def test_inputs_are_unchanged(self, subject: Any, given: Any) -> None:
        """Pictures, lists and mappings that it is given are as they were afterwards."""
        before = fingerprint(given)
        self.exercise(subject, given)
        require(fingerprint(given) == before, "what it was given is not as it was before")

    @rule()
    def test_closing_twice_does_no_harm(self, workshop: Workshop, given: Any) -> None:
        """close() may be called twice, and of one that was never used."""
        unused, used = workshop.build(), workshop.build()
        self.exercise(used, given)
        for what, made in (("that was never used", unused), ("that was used", used)):
            for time in ("first", "second"):
                error = trouble_of(made.close)
                require(error is None, f"the {time} close() of one {what} raises {error!r}")

    @rule()
    def test_after_closing_it_works_or_says_so(self, workshop: Workshop, given: Any) -> None:
        """A closed component works again, or says by an error of imagerag.errors that it cannot."""
        made = workshop.build()
        before = self.exercise(made, given)
        made.close()
        try:
            after = self.exercise(made, given)
        except Exception as error:
            require(
                is_told(error),
                f"used after close() it raises {type(error).__name__}: {error}",
            )
            return
        if after != before:
            self._require_steady(workshop, given)
            broken(f"it gives {shortly(after)} after close(), and gave {shortly(before)} before")

    @rule()
    def test_any_thread_may_call(self, subject: Any, workshop: Workshop, given: Any) -> None:
        """It works from one thread after another, as whoever schedules it will do."""
        here = self.exercise(subject, given)
        results: list[Any] = []
        errors: list[Exception] = []

        def elsewhere() -> None:
            try:
                results.append(self.exercise(subject, given))
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        require(not errors, f"from a second thread it raises {errors!r}")
        if results != [here]:
            self._require_steady(workshop, given)
            broken(f"from a second thread it gives {shortly(results)}, not [{shortly(here)}]")

    def _require_steady(self, workshop: Workshop, given: Any) -> None:
        """Leave a difference unjudged that is there without any close() or thread."""
        fresh = workshop.build()
        if self.exercise(fresh, given) != self.exercise(fresh, given):
            unjudged("asked twice for the same, it gives something else the second time")

    @rule()
    def test_it_stays_on_this_machine(self, subject: Any, workshop: Workshop, given: Any) -> None:
        """Once its weights are here, it reaches nothing over a network; a remote one may."""
        if workshop.offered.offer.remote:
            unjudged("the offer says that it is remote")
        self.exercise(subject, given)  # weights may be fetched, once
        with offline() as attempts:
            fresh = workshop.build()
            error = trouble_of(lambda: self.exercise(fresh, given))
        if not attempts and error is not None:
            raise error
        require(
            not attempts,
            f"it reaches out: {'; '.join(attempts)}. Set remote=True in the offer and in the "
            "class, or fetch weights once, by a pinned revision",
        )

    @rule()
    def test_refusals_say_what_to_do(self, subject: Any, workshop: Workshop) -> None:
        """What it refuses, it refuses by an error of `imagerag.errors` that names a next step."""
        heard = 0
        for asked, call in self.refusals(subject, workshop):
            error = trouble_of(call)
            if error is None:
                continue  # whether it may be taken is another rule's question
            heard += 1
            told = str(error)
            if not is_told(error):
                broken(f"{asked} raises {type(error).__name__}: {told}; use imagerag.errors")
            require(
                says_what_next(told), f"{asked}: the error {told!r} does not say what to do next"
            )
        if not heard:
            unjudged("it refused nothing of what was tried")
