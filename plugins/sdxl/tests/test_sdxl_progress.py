"""Progress after every step, and an end between two steps."""

from __future__ import annotations

import pytest


def test_each_step_is_reported(make, say, progress):
    make(progress=progress, steps=3).generate([say()])
    assert progress == [("generate", 1, 3), ("generate", 2, 3), ("generate", 3, 3)]


def test_steps_are_counted_over_all_batches(make, say, references, progress):
    make(progress=progress).generate([say(), say("a cat", references[0])])
    assert progress == [("generate", done, 4) for done in (1, 2, 3, 4)]


def test_a_scheduler_with_more_calls_than_steps_still_ends_at_the_total(make, say, progress):
    make(progress=progress, steps=3, scheduler="HeunDiscreteScheduler").generate([say(), say()])
    assert progress[-1][1] == progress[-1][2] == len(progress) == 10


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("reason", [KeyboardInterrupt, StoppedError])
@pytest.mark.parametrize("options", [{}, {"scheduler": "DPMSolverMultistepScheduler"}])
def test_an_end_between_steps_comes_through_and_harms_nothing(
    make, say, references, reason, options
):
    steps = []

    def stop(stage, done, total):
        steps.append(done)
        if stopping and done == 2:
            raise reason

    generator = make(progress=stop, steps=4, **options)
    guidance = say("a cat", references[0])
    stopping = False
    (before,) = generator.generate([guidance])
    stopping = True
    steps.clear()
    with pytest.raises(reason):
        generator.generate([say("a dog", references[1])])
    assert steps == [1, 2], "no step after the one that was stopped"
    stopping = False
    (after,) = generator.generate([guidance])
    generator.close()
    assert before.tobytes() == after.tobytes()


def test_an_end_while_decoding_in_half_precision_leaves_the_decoder_as_it_was(
    make, say, monkeypatch
):
    """A float16 VAE is raised to float32 for decoding; broken off there, it must come back."""
    import torch

    generator = make(fresh=True, dtype="float16", steps=1)
    (before,) = generator.generate([say()])
    vae = generator._loaded.pipe.vae

    def stop(*given, **named):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vae, "decode", stop)
        with pytest.raises(KeyboardInterrupt):
            generator.generate([say()])
    assert vae.dtype == torch.float16
    (after,) = generator.generate([say()])
    generator.close()
    assert before.tobytes() == after.tobytes()
