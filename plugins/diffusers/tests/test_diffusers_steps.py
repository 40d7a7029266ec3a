"""Steps are heard on the scheduler, whatever the pipeline and the scheduler."""

from __future__ import annotations

import inspect

import pytest

from imagerag.errors import ConfigError
from imagerag.values import Guidance
from imagerag_diffusers.steps import after_each_step
from imagerag_diffusers.testing import Progress, StoppedError


@pytest.mark.parametrize(
    ("scheduler", "calls"),
    [
        ("DDIMScheduler", 3),
        ("EulerAncestralDiscreteScheduler", 3),
        ("HeunDiscreteScheduler", 5),  # looks twice at every step but the last
        ("UniPCMultistepScheduler", 3),
    ],
)
def test_every_call_of_the_model_is_one_report_up_to_the_total(make, scheduler, calls):
    progress = Progress()
    generator = make(progress=progress, steps=3, scheduler=scheduler)
    generator.generate([Guidance("a cat", 0)])
    assert progress == [("generate", done + 1, calls) for done in range(calls)]


@pytest.mark.parametrize(
    ("scheduler", "steps"),
    [
        ("DDIMScheduler", 1001),  # it was trained with 1000
        ("LCMScheduler", 60),  # its own plan has 50
        ("PNDMScheduler", 3),  # its method looks back at four
    ],
)
def test_steps_that_a_scheduler_cannot_plan_are_named_with_it(make, scheduler, steps):
    with pytest.raises(ConfigError, match=rf"steps = {steps}: {scheduler} cannot plan .*Set other"):
        make(fresh=True, scheduler=scheduler, steps=steps).generate([Guidance("a cat", 0)])


class Scheduler:
    timesteps = (3, 2, 1)

    def step(self, sample, eta=0.0):
        return sample + eta


class Pipe:
    def __init__(self):
        self.scheduler = Scheduler()


def test_pipelines_still_see_what_the_scheduler_takes():
    pipe = Pipe()
    with after_each_step(pipe, lambda done, total: None):
        assert "eta" in inspect.signature(pipe.scheduler.step).parameters
        assert pipe.scheduler.step(1, eta=2) == 3


def test_the_scheduler_is_as_it_was_afterwards_also_inside_another_block():
    pipe, heard = Pipe(), []
    with after_each_step(pipe, lambda done, total: heard.append(("outer", done, total))):
        with after_each_step(pipe, lambda done, total: heard.append(("inner", done, total))):
            pipe.scheduler.step(0)
        pipe.scheduler.step(0)
    pipe.scheduler.step(0)
    assert heard == [("outer", 1, 3), ("inner", 1, 3), ("outer", 2, 3)]
    assert "step" not in vars(pipe.scheduler)


def test_an_exception_from_the_report_comes_through_and_leaves_nothing_behind():
    pipe = Pipe()

    def stop(done, total):
        raise StoppedError

    with pytest.raises(StoppedError), after_each_step(pipe, stop):
        pipe.scheduler.step(0)
    assert "step" not in vars(pipe.scheduler)
