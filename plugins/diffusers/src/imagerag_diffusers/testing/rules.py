"""What every generator on a diffusers pipeline owes, as tests that a plugin's test class inherits.

    class TestFlux(PictureRules, EndingRules, LoadingRules):
        pass

The fixture `make` is a `Maker` on a tiny model, with a size and two steps as defaults; `guidances`
are at least three that the generator can paint, all different, the first two alike in everything
but the seed. Weakening a rule takes an override with `pytest.mark.xfail(reason=…)`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagerag.errors import CapabilityError, ConfigError, WeightsError
from imagerag.values import Guidance
from imagerag_diffusers.testing.generators import Maker, Progress, StoppedError
from imagerag_diffusers.testing.pictures import difference


def pixels(pictures: Sequence[Any]) -> list[bytes]:
    """Return the bytes of pictures, to compare them bit for bit."""
    return [picture.tobytes() for picture in pictures]


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
        """Neither does the global generator reach a picture, nor a picture the generator."""
        import torch

        generator = make()
        generator.generate(guidances[-1:])
        torch.manual_seed(1)
        drawn = torch.rand(3).tolist()
        torch.manual_seed(1)
        once = pixels(generator.generate(guidances[-1:]))
        assert torch.rand(3).tolist() == drawn, "painting moved torch's global generator"
        torch.manual_seed(2)
        assert pixels(generator.generate(guidances[-1:])) == once, "it reached the picture"

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
        """A side that is no multiple, one side alone, an unknown option, too many references."""
        from imagerag_diffusers.testing.pictures import references

        generator = make(fresh=True)
        step, first = generator.config.multiple, guidances[0]
        most = generator.capability().max_references
        shown = references(4) * (most // 4 + 1)
        for asked, words in (
            (replace(first, width=4 * step + 1, height=4 * step), f"multiples of {step}"),
            (replace(first, width=4 * step), "given together"),
            (replace(first, options={"colour": "red"}), "no option 'colour'"),
            (replace(first, references=shown[: most + 1]), "reference"),
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


class LoadingRules:
    """Weights that are missing, unsafe or of another kind are named, with what to do."""

    @pytest.fixture
    def copied(self, make: Maker[Any], tmp_path: Path) -> Path:
        """A copy of the model that a test may damage."""
        return Path(shutil.copytree(make.defaults["model"], tmp_path / "model"))

    def refusal(
        self,
        make: Maker[Any],
        guidances: Sequence[Guidance],
        kind: type[Exception] = WeightsError,
        **options: Any,
    ) -> str:
        """Return the message with which a generator refuses to load."""
        with pytest.raises(kind) as seen:
            make(fresh=True, **options).generate(guidances[:1])
        return str(seen.value)

    def test_each_missing_component_is_named(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """Its folder, and where it has weights the file."""
        for folder in sorted(path for path in copied.iterdir() if path.is_dir()):
            aside = folder.rename(copied.parent / "aside")
            assert folder.name in self.refusal(make, guidances, model=str(copied))
            aside.rename(folder)
            for file in sorted(folder.glob("*.safetensors")):
                aside = file.rename(copied.parent / "aside")
                message = self.refusal(make, guidances, model=str(copied))
                assert folder.name in message
                assert "safetensors" in message
                aside.rename(file)

    def test_pickled_weights_are_refused(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """One component's, and all of them."""
        files = sorted(copied.rglob("*.safetensors"))
        for file in files:
            file.rename(file.with_suffix(".bin"))
            assert "can run code" in self.refusal(make, guidances, model=str(copied))

    def test_a_variant_is_loaded_where_it_is_and_named_where_it_is_not(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """The same weights under another name give the same picture."""
        message = self.refusal(make, guidances, model=str(copied), variant="fp16")
        assert "there are" in message
        assert "Set variant" in message
        for file in sorted(copied.rglob("*.safetensors")):
            file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
        renamed = make(fresh=True, model=str(copied), variant="fp16").generate(guidances[:1])
        assert pixels(renamed) == pixels(make().generate(guidances[:1]))

    def test_truncated_weights_are_named(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """As after a download that broke off."""
        file = max(copied.rglob("*.safetensors"), key=lambda path: path.stat().st_size)
        file.write_bytes(file.read_bytes()[:2000])
        assert "could not be loaded" in self.refusal(make, guidances, model=str(copied))

    def test_weights_of_another_shape_are_named(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """A file that lacks a tensor would otherwise leave that one random."""
        from safetensors.torch import load_file, save_file

        for file in sorted(copied.rglob("*.safetensors")):
            whole = file.read_bytes()
            tensors = load_file(file)
            del tensors[sorted(tensors)[-1]]
            save_file(tensors, file, metadata={"format": "pt"})
            message = self.refusal(make, guidances, model=str(copied))
            assert file.parent.name in message, message
            file.write_bytes(whole)

    def test_a_model_of_another_class_is_named(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """With the class that it is and the class that is wanted."""
        index = copied / "model_index.json"
        wanted = make().pipelines
        text = index.read_text(encoding="utf-8")
        for name in wanted:
            text = text.replace(f'"{name}"', '"AudioLDMPipeline"')
        index.write_text(text, encoding="utf-8")
        message = self.refusal(make, guidances, model=str(copied))
        assert "'AudioLDMPipeline'" in message
        assert repr(wanted[0]) in message

    def test_a_folder_in_another_layout_and_one_that_is_nowhere_are_named(
        self, make: Maker[Any], guidances: Sequence[Guidance], copied: Path
    ) -> None:
        """Two different mistakes, two messages."""
        (copied / "model_index.json").unlink()
        assert "layout of diffusers" in self.refusal(make, guidances, model=str(copied))
        assert "was not found" in self.refusal(make, guidances, model=str(copied / "nowhere"))

    def test_another_hub_model_needs_a_pinned_revision(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """A branch may change under its name."""
        message = self.refusal(make, guidances, ConfigError, model="someone/else")
        assert "pinned revision" in message

    def test_a_known_hub_model_that_is_not_here_says_how_to_fetch_it(
        self, make: Maker[Any], guidances: Sequence[Guidance], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each of the catalogue; one without a pinned commit asks for it."""
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        for model, found in make().catalogue.items():
            if found.pipeline not in make().pipelines:
                continue
            if found.revision is None:
                message = self.refusal(make, guidances, ConfigError, model=model)
                assert "pinned revision" in message
            else:
                message = self.refusal(make, guidances, model=model)
                assert f"hf download {model} --revision {found.revision}" in message

    def test_a_pinned_hub_model_is_loaded_from_the_cache(
        self,
        make: Maker[Any],
        guidances: Sequence[Guidance],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """It lies there as the hub's own client keeps it, and paints as its folder does."""
        from huggingface_hub import constants

        commit = "0123456789abcdef0123456789abcdef01234567"
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        snapshot = tmp_path / "models--someone--their-model/snapshots" / commit
        shutil.copytree(make.defaults["model"], snapshot)
        options: dict[str, Any] = {"model": "someone/their-model", "revision": commit}
        generator = make(fresh=True, **options)
        assert pixels(generator.generate(guidances[:1])) == pixels(make().generate(guidances[:1]))
        assert generator.versions()["revision"] == generator.facts().revision == commit
        moved = {**options, "revision": commit[::-1]}
        assert "is not on this machine" in self.refusal(make, guidances, **moved)

    def test_what_needs_a_gpu_says_so_on_a_cpu(
        self, make: Maker[Any], guidances: Sequence[Guidance]
    ) -> None:
        """Offloading and quantisation; nothing is loaded first."""
        for options, words in (
            ({"offload": "model"}, "the device is the CPU"),
            ({"offload": "group"}, "the device is the CPU"),
            ({"quantisation": "bitsandbytes-4bit"}, "needs an NVIDIA GPU"),
        ):
            assert words in self.refusal(make, guidances, ConfigError, device="cpu", **options)
