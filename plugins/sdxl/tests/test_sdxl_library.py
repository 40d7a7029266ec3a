"""What the shared library adds: facts, and savings of memory that do not go with an adapter."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from imagerag.errors import CapabilityError
from imagerag_sdxl.config import SDXLConfig
from imagerag_sdxl.generator import SDXLGenerator


def test_facts_name_class_revision_and_licence_without_loading():
    facts = SDXLGenerator(SDXLConfig(), None).facts()
    assert facts.implementation == "diffusers.StableDiffusionXLPipeline"
    assert facts.revision == "462165984030d82259a11f4367a4eed129e94a7b"
    assert facts.model == (
        "stabilityai/stable-diffusion-xl-base-1.0 with "
        "h94/IP-Adapter/sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors "
        "(018e402774aeeddd60609b4ecdb7e298259dc729)"
    )
    assert (facts.licence, facts.commercial) == ("openrail++ and Apache-2.0", True)
    assert facts.usd_per_picture == 0.0
    assert "published weights were not run" in facts.proven
    alone = SDXLGenerator(SDXLConfig(adapter="none"), None).facts()
    assert alone.model == "stabilityai/stable-diffusion-xl-base-1.0"


def test_a_prompt_that_clip_cannot_read_to_its_end_is_noted(make, say, references, monkeypatch):
    """The prompt comes last in the paper's wording: what a caption takes, it loses."""
    told = []
    generator = make(fresh=True)
    object.__setattr__(generator.context, "decide", lambda *line: told.append(line))
    generator.generate([say("a hedgehog"), say("a hedgehog " * 9, references[0])])
    generator.close()
    ((stage, decision, reason),) = told
    assert (stage, decision) == ("generate", "prompt cut to 77 tokens")
    assert reason.endswith("… has 83 tokens, and CLIP reads 77")


def test_an_adapter_and_quantisation_exclude_each_other():
    with pytest.raises(ValidationError, match="no IP-Adapter to a quantised U-Net"):
        SDXLConfig(quantisation="quanto-int8")
    assert SDXLConfig(quantisation="quanto-int8", adapter="none").quantisation == "quanto-int8"


def test_memory_that_runs_out_says_what_needs_less(make, say):
    import torch

    generator = make(fresh=True, batch_size=2)
    (before,) = generator.generate([say()])
    hook = generator._loaded.pipe.unet.register_forward_pre_hook(
        lambda module, given: torch.empty(2**55)
    )
    with pytest.raises(CapabilityError, match=r"batch_size = 1.*a smaller size") as seen:
        generator.generate([say()])
    assert "quantisation" not in str(seen.value), "with an adapter that is not possible"
    hook.remove()
    (after,) = generator.generate([say()])
    generator.close()
    assert before.tobytes() == after.tobytes()
