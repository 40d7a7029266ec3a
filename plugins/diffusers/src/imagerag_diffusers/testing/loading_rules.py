"""What every generator on a diffusers pipeline owes where its weights are not as they should be."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from imagerag.errors import ConfigError, WeightsError
from imagerag.values import Guidance
from imagerag_diffusers.testing.generators import Maker
from imagerag_diffusers.testing.pictures import pixels


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
        """As after a download that broke off; diffusers and transformers fail differently."""
        for file in sorted(copied.rglob("*.safetensors")):
            whole = file.read_bytes()
            file.write_bytes(whole[:2000])
            assert "could not be loaded" in self.refusal(make, guidances, model=str(copied))
            file.write_bytes(whole)

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
