"""How much goes to the server, and when."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from imagerag.testing import FAULTS, Answer, LoopbackVLM, Plain, registry
from imagerag.values import Matches, Unavailable
from imagerag_chat.http.testing.provider import PROMPT, RIGHT, ProviderRules, picture


class TrafficRules(ProviderRules):
    """Several calls, pauses, and the end."""

    def test_no_more_calls_at_one_time_than_allowed(self) -> None:
        """Counted at the server, over several critics and threads."""
        with LoopbackVLM([Answer(RIGHT, seconds=0.05)]) as server:
            critics = [self.make(server, max_concurrent=2, deadline=20.0) for _ in range(2)]
            with ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(critics[n % 2].review, picture(), PROMPT) for n in range(10)]
                reviews = [call.result() for call in asked]
            for critic in critics:
                critic.close()
        assert all(isinstance(review, Matches) for review in reviews)
        assert (server.peak, len(server.requests)) == (2, 10)

    def test_retry_after_is_honoured_up_to_the_deadline(self) -> None:
        """A longer one ends the call at once, and is told."""
        soon = Plain(429, "{}", {"Retry-After": "0.3"})
        with LoopbackVLM([soon, RIGHT, FAULTS["rate_limit_huge"]]) as server:
            critic = self.make(server)
            patient = critic.review(picture(), PROMPT)
            ended = critic.review(picture(), PROMPT)
            critic.close()
        assert isinstance(patient, Matches)
        first, second, _ = server.requests
        assert second.at - first.at >= 0.3
        assert isinstance(ended, Unavailable)
        assert "asks to wait 90 s" in ended.note

    def test_closing_twice_is_harmless_and_leaves_no_thread(self) -> None:
        """Before the first call, and after the last."""
        before = threading.active_count()
        with LoopbackVLM([RIGHT]) as server:
            critic = self.make(server)
            critic.close()
            assert isinstance(critic.review(picture(), PROMPT), Matches)
            critic.close()
            critic.close()
        assert threading.active_count() == before

    def test_it_says_that_it_is_remote(self) -> None:
        """In its offer, before it is imported, and as a class."""
        plugins = registry(f"imagerag_{self.critic.provider}.plugin")
        offer = plugins.find("critic", self.critic.provider).offer
        assert (offer.remote, self.critic.remote) == (True, True)
        assert offer.keys == (self.critic.usual_key,)
