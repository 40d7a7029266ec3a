"""A generator that is closed or interrupted while it paints."""

from __future__ import annotations

import threading

import pytest

from imagerag.values import Guidance
from imagerag_diffusers.testing import StoppedError

CAT = [Guidance("a cat", 0)]


def test_closing_waits_for_what_another_thread_paints(make):
    """It would pull the weights from under the picture, or leave them where nobody frees them."""
    painting, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    painted = []

    def hold(stage, done, total):
        painting.set()
        assert go_on.wait(30)

    generator = make(progress=hold)

    def close():
        generator.close()
        closed.set()

    threads = [
        threading.Thread(target=lambda: painted.extend(generator.generate(CAT))),
        threading.Thread(target=close),
    ]
    threads[0].start()
    assert painting.wait(30)
    threads[1].start()
    assert not closed.wait(0.2), "it was closed in the middle of a picture"
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert closed.is_set()
    assert painted[0].tobytes() == make().generate(CAT)[0].tobytes()
    assert generator._loaded is None, "the weights are still held"


@pytest.mark.parametrize("reason", [KeyboardInterrupt, StoppedError])
def test_a_call_that_is_broken_off_hands_offloaded_weights_back(make, monkeypatch, reason):
    """A pipeline moves them back by itself only where its call ends well."""

    def stop(stage, done, total):
        raise reason

    generator, freed = make(progress=stop), []
    pipe = generator._load().pipe
    monkeypatch.setattr(pipe, "maybe_free_model_hooks", lambda: freed.append(True))
    with pytest.raises(reason):
        generator.generate(CAT)
    assert freed == [True]
