"""What every generator on a diffusers pipeline owes, as tests that a plugin's test class inherits.

    class TestFlux(PictureRules, EndingRules, LoadingRules):
        pass

The fixture `make` is a `Maker` on a tiny model, with a size and two steps as defaults; `guidances`
are at least three that the generator can paint, all different, the first two alike in everything
but the seed. Weakening a rule takes an override with `pytest.mark.xfail(reason=…)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from imagerag.errors import CapabilityError
from imagerag.values import Guidance
from imagerag_diffusers.testing.generators import Maker, Progress, StoppedError
from imagerag_diffusers.testing.loading_rules import LoadingRules
from imagerag_diffusers.testing.pictures import difference, pixels, references

__all__ = ["EndingRules", "LoadingRules", "PictureRules", "pixels"]


class PictureRules:
    """The same guidance gives the same picture, and everything in it counts."""

    def test_the_same_guidance_gives_the_same_picture_also_after_loading_again(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """Once, again, loaded anew, and by another generator."""
        first = make(fresh=True)
        painted = [first.generate(guidances[:1])[0], first.generate(guidances[:1])[0]]
        first.close()
        first.close()
        painted.append(first.generate(guidances[:1])[0])
        first.close()
        painted += make().generate(guidances[:1])
        assert len(set(pixels(painted))) == 1, "repetitions differ"

    def test_another_seed_gives_another_picture(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """By more than rounding: one step of 255 on the mean of all pixels."""
        one, other = make().generate(guidances[:2])
        assert difference(one, other) > 1, difference(one, other)

    def test_another_prompt_gives_another_picture(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """By more than rounding: a tenth of one step of 255 on the mean of all pixels."""
        prompt = guidances[0].prompt
        changed = replace(guidances[0], prompt=f"{prompt} and a red car beside a house")
        one, other = make().generate([guidances[0], changed])
        assert difference(one, other) > 0.1, difference(one, other)

    @pytest.mark.parametrize("batch_size", [1, 2])
    def test_a_picture_does_not_depend_on_what_else_is_in_the_batch(
        self, make: Maker[Any], guidances: Sequence[Guidance], batch_size: int
    ) -> None:
        """Alone, together, and the other way round: the same bytes, in order."""
        generator = make(batch_size=batch_size)
        alone = [pixels(generator.generate([guidance]))[0] for guidance in guidances]
        assert pixels(generator.generate(guidances)) == alone, "together"
        assert pixels(generator.generate(guidances[::-1]))[::-1] == alone, "in another order"
        assert len(set(alone)) == len(alone), "two of them are equal"

    def test_random_numbers_of_the_process_change_nothing_and_are_left_alone(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """Neither does the global generator reach a picture, nor loading and painting it."""
        import torch

        generator = make(fresh=True)
        torch.manual_seed(1)
        drawn = torch.rand(6).tolist()
        torch.manual_seed(1)
        once = pixels(generator.generate(guidances[-1:]))
        assert torch.rand(3).tolist() == drawn[:3], "loading moved torch's global generator"
        assert pixels(generator.generate(guidances[-1:])) == once, "it reached the picture"
        assert torch.rand(3).tolist() == drawn[3:], "painting moved torch's global generator"
        generator.close()

    def test_a_picture_has_the_size_asked_for(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """Taller than wide, and wider than tall."""
        generator = make()
        step = generator.config.multiple
        for width, height in ((4 * step, 5 * step), (6 * step, 4 * step)):
            asked = replace(guidances[0], width=width, height=height)
            (picture,) = generator.generate([asked])
            assert (picture.size, picture.mode) == ((width, height), "RGB")

    def test_finished_pictures_are_resized_for_showing(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """To `output_size`, by nearest neighbours where that is asked for."""
        generator = make(output_size=(90, 50), output_resampling="nearest")
        (picture,) = generator.generate(guidances[:1])
        assert picture.size == (90, 50)

    def test_what_cannot_be_painted_is_refused_before_anything_loads(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """Sides, seeds, texts, options and numbers of references that make no sense."""
        generator = make(fresh=True)
        step, first = generator.config.multiple, guidances[0]
        most = generator.capability().max_references
        shown = references(4) * (most // 4 + 1)

        def changed(**fields: Any) -> Guidance:
            return replace(first, **fields)

        for asked, words in (
            (replace(first, width=4 * step + 1, height=4 * step), f"multiples of {step}"),
            (replace(first, width=4 * step), "given together"),
            (replace(first, options={"colour": "red"}), "no option 'colour'"),
            (replace(first, references=shown[: most + 1]), "reference"),
            (changed(width="64", height="64"), "width must be a whole number, got '64'"),
            (changed(width=64.0, height=64.0), "width must be a whole number, got 64.0"),
            (changed(seed="3"), "seed must be a whole number, got '3'"),
            (changed(seed=1.5), "seed must be a whole number, got 1.5"),
            (changed(prompt="half of \ud83e"), "cannot be read as text"),
            (changed(prompt=None), "cannot be read as text"),
        ):
            with pytest.raises(CapabilityError, match=words):
                generator.generate([asked])
        assert generator._loaded is None, "weights were loaded"


class EndingRules:
    """Progress after every step, and an end between two."""

    def test_steps_are_counted_over_all_calls(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """One report a step, up to the total."""
        progress = Progress()
        generator = make(progress=progress, steps=3)
        generator.generate(guidances[:2])
        generator.close()
        total = progress[-1][2]
        assert total % 2 == 0
        assert progress == [("generate", done + 1, total) for done in range(total)]

    @pytest.mark.parametrize("reason", [KeyboardInterrupt, StoppedError])
    def test_an_end_between_steps_comes_through_and_harms_nothing(
        self, make: Maker[Any], guidances: Sequence[Guidance], reason: type[BaseException]
    ) -> None:
        """No step follows the one that was stopped, and the next picture is as ever."""
        steps: list[int] = []
        stopping = False

        def stop(stage: str, done: int, total: int) -> None:
            steps.append(done)
            if stopping and done == 2:
                raise reason

        generator = make(progress=stop, steps=4)
        before = pixels(generator.generate(guidances[:1]))
        stopping = True
        steps.clear()
        with pytest.raises(reason):
            generator.generate(guidances[-1:])
        assert steps == [1, 2], "a step after the one that was stopped"
        stopping = False
        after = pixels(generator.generate(guidances[:1]))
        generator.close()
        assert before == after, "the interruption left a trace"
