"""The schedulers a configuration may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagerag.errors import ConfigError, suggestion

ALLOWED = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DEISMultistepScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "LCMScheduler",
    "PNDMScheduler",
    "TCDScheduler",
    "UniPCMultistepScheduler",
)
"""Classes of diffusers that draw noise, if any, from the picture's own generator.

DPMSolverSDEScheduler is left out: it seeds one noise process for a whole batch.
"""


def check_scheduler(name: str) -> str:
    """Return `name` if it is allowed.

    Raises:
        ValueError: It is not.
    """
    if name not in ALLOWED:
        raise ValueError(
            f"{name!r} is not an allowed scheduler.{suggestion(name, ALLOWED)} "
            f"Known: {', '.join(ALLOWED)}."
        )
    return name


def build_scheduler(name: str, options: Mapping[str, Any], current: Any) -> Any:
    """Return a scheduler of the named class with the current one's noise schedule.

    Args:
        name: One of `ALLOWED`.
        options: Arguments of the class that override the current scheduler's.
        current: The scheduler that the model came with.

    Raises:
        ConfigError: The class does not know an option, or refuses its value.
    """
    import inspect

    import diffusers

    kind = getattr(diffusers, check_scheduler(name))
    known = set(inspect.signature(kind.__init__).parameters) - {"self"}
    for option in options:
        if option not in known:
            raise ConfigError(
                f"scheduler_options: {name} has no option {option!r}.{suggestion(option, known)}"
            )
    try:
        return kind.from_config(current.config, **options)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ConfigError(f"scheduler_options: {name} refused them: {error}") from error


def check_steps(scheduler: Any, steps: int) -> None:
    """Check that a scheduler can plan so many steps; it plans them anew for each call.

    Raises:
        ConfigError: It cannot: more than it was trained with, or fewer than its method needs.
    """
    try:
        scheduler.set_timesteps(steps)
    except (ValueError, TypeError, IndexError, RuntimeError) as error:
        raise ConfigError(
            f"steps = {steps}: {type(scheduler).__name__} cannot plan them: {error}. Set other "
            "steps, or another scheduler."
        ) from error
