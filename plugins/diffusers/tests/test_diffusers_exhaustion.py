"""Where memory or the disk is too small, the message says what needs less."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagerag.errors import CapabilityError, WeightsError
from imagerag.values import Guidance
from imagerag_diffusers.exhaustion import disk_space, memory_for

FULL = Path("/dev/full")  # Linux's device on which every write fails for want of space


def too_much(*given):
    import torch

    torch.empty(2**55)


def test_memory_that_runs_out_while_painting_is_a_message_and_leaves_the_generator_usable(make):
    generator = make(fresh=True, batch_size=2)
    guidance = Guidance("a cat", 0)
    (before,) = generator.generate([guidance])
    hook = generator._loaded.pipe.transformer.register_forward_pre_hook(too_much)
    with pytest.raises(CapabilityError, match="Memory ran out while painting 2 at 64×64") as seen:
        generator.generate([guidance])
    hook.remove()
    for option in ("batch_size = 1", "offload", "quantisation", "smaller size", "vae_tiling"):
        assert option in str(seen.value)
    (after,) = generator.generate([guidance])
    generator.close()
    assert before.tobytes() == after.tobytes()


def test_memory_that_runs_out_while_loading_is_an_error_of_the_weights(make, kind, monkeypatch):
    monkeypatch.setattr(kind, "prepare", too_much)
    with pytest.raises(WeightsError, match="Memory ran out while loading") as seen:
        make(fresh=True, offload="none", dtype="float32").generate([Guidance("a cat", 0)])
    assert "dtype = 'bfloat16'" in str(seen.value)
    assert "smaller size" not in str(seen.value), "a size does not matter while loading"


def test_what_is_saved_already_is_not_proposed_again(make):
    config = make(vae_tiling=True, quantisation="quanto-int8", offload="sequential").config
    with (
        pytest.raises(CapabilityError) as seen,
        memory_for("painting", config, CapabilityError),
    ):
        raise MemoryError
    for option in ("vae_tiling", "quantisation", "offload", "batch_size"):
        assert option not in str(seen.value)


def test_a_gpu_without_memory_is_recognised(make):
    import torch

    config = make().config
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ):
        with (
            pytest.raises(WeightsError, match="Memory ran out while loading"),
            memory_for("loading", config, WeightsError),
        ):
            raise error


def test_other_errors_stay_what_they_are(make):
    with pytest.raises(RuntimeError, match="shapes"), memory_for("x", make().config, WeightsError):
        raise RuntimeError("shapes do not fit")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_also_behind_another_error():
    def store():
        try:
            with FULL.open("wb", buffering=0) as file:
                file.write(b"weights")
        except OSError as error:
            raise WeightsError("could not be fetched") from error

    full = pytest.raises(WeightsError, match=r"The disk is full: the model 'a/b'.*HF_HOME")
    with full, disk_space("a/b"):
        store()


def test_other_trouble_with_files_is_not_blamed_on_the_disk():
    with pytest.raises(WeightsError, match=r"^elsewhere$"), disk_space("a/b"):
        raise WeightsError("elsewhere")
