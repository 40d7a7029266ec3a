"""Options that need less memory, and what is said where it runs out."""

from __future__ import annotations

import importlib.util

import pytest
from PIL import Image
from pydantic import ValidationError

from imagerag.errors import CapabilityError, ConfigError, WeightsError
from imagerag_chat import questions
from imagerag_vlm import quantisation
from imagerag_vlm.answering import on_its_device
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.exhaustion import memory_for
from imagerag_vlm.loading import Loaded, number_format

RED = Image.new("RGB", (56, 56), "red")
QUESTION = questions.caption(RED, 16)


def test_memory_that_runs_out_while_answering_names_what_needs_less(make):
    import torch

    critic = make()
    before = critic.answer(QUESTION, 0.0)

    def full(module, args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    hook = critic._loaded.model.model.visual.register_forward_pre_hook(full)
    with pytest.raises(CapabilityError) as caught:
        critic.answer(QUESTION, 0.0)
    hook.remove()
    message = str(caught.value)
    assert "Memory ran out while answering 'caption' with 1 pictures (CUDA out of" in message
    for remedy in ("bitsandbytes-4bit", "image_size than 1024", "offload = 'between'"):
        assert remedy in message
    assert critic.answer(QUESTION, 0.0).text == before.text, "the critic stays usable"


def test_memory_that_runs_out_while_loading_is_about_weights(make, monkeypatch):
    import transformers

    def full(*given, **named):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "from_pretrained", full)
    with pytest.raises(WeightsError, match=r"Memory ran out while loading .*a smaller model"):
        make(fresh=True).answer(QUESTION, 0.0)


@pytest.mark.parametrize(
    ("options", "named", "not_named"),
    [
        ({}, "quantisation", "dtype"),
        ({"dtype": "float32"}, "dtype = 'bfloat16'", "xyz"),
        ({"quantisation": "bitsandbytes-8bit"}, "bitsandbytes-4bit", "offload"),
        ({"quantisation": "quanto-int4"}, "image_size", "quantisation"),
        ({"offload": "between"}, "quantisation", "offload ="),
    ],
)
def test_what_already_saves_memory_is_not_proposed_again(options, named, not_named):
    with (
        pytest.raises(CapabilityError) as caught,
        memory_for("it", VLMConfig(**options), CapabilityError),
    ):
        raise MemoryError
    assert named in str(caught.value)
    assert not_named not in str(caught.value)


def test_other_errors_of_a_model_are_named_with_the_question(make):
    critic = make()
    critic.answer(QUESTION, 0.0)

    def broken(module, args):
        raise RuntimeError("shapes do not match")

    hook = critic._loaded.model.model.visual.register_forward_pre_hook(broken)
    with pytest.raises(WeightsError, match=r"could not answer 'caption' .*shapes do not match"):
        critic.answer(QUESTION, 0.0)
    hook.remove()


def test_quantising_needs_its_library_and_its_device(make, monkeypatch):
    import torch

    cpu = torch.device("cpu")
    with pytest.raises(ConfigError, match=r"'bitsandbytes-4bit' needs an NVIDIA GPU.*'cpu'"):
        make(quantisation="bitsandbytes-4bit").answer(QUESTION, 0.0)
    monkeypatch.setattr(quantisation, "_installed", lambda module: False)
    with pytest.raises(ConfigError, match="pip install optimum-quanto"):
        quantisation.quantisation_config("quanto-int8", cpu, torch.float32)
    with pytest.raises(ConfigError, match="pip install torchao"):
        quantisation.quantisation_config("torchao-int8", cpu, torch.float32)
    assert quantisation.quantisation_config("none", cpu, torch.float32) == {}


def test_a_missing_library_is_known_without_importing_it():
    assert quantisation._installed("no_such_package.inside") is False
    assert quantisation._installed("transformers") is True


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_the_eyes_and_the_last_layer_stay_whole(bits):
    import torch
    from transformers.quantizers.quantizers_utils import should_convert_module

    made = quantisation._configuration("bitsandbytes", bits, torch.bfloat16)
    assert (made.load_in_8bit, made.load_in_4bit) == (bits == "8bit", bits == "4bit")
    skipped = made.llm_int8_skip_modules
    for name, quantised in {
        "model.visual.blocks.0.attn.qkv": False,
        "model.visual.merger.mlp.0": False,
        "model.vision_tower.encoder.layers.1.fc1": False,
        "lm_head": False,
        "model.language_model.layers.0.self_attn.q_proj": True,
        "model.language_model.layers.11.mlp.down_proj": True,
    }.items():
        assert should_convert_module(name, skipped) is quantised, name


@pytest.mark.skipif(
    importlib.util.find_spec("optimum") is None, reason="optimum-quanto is not installed"
)
@pytest.mark.parametrize("wanted", ["quanto-int8", "quanto-int4"])
def test_a_quantised_model_answers(make, taught, wanted):
    assert make(taught, quantisation=wanted).caption(RED)


def test_quantised_weights_cannot_move():
    with pytest.raises(ValidationError, match="does not go with quantisation"):
        VLMConfig(offload="between", quantisation="quanto-int8")


def test_weights_go_to_the_device_for_a_question_and_back():
    import torch

    class Walker:
        def __init__(self):
            self.ways = []

        def to(self, place):
            self.ways.append(str(place))

    walker = Walker()
    loaded = Loaded(walker, None, torch.device("cuda", 1), torch.bfloat16)
    between = VLMConfig(offload="between")
    with on_its_device(loaded, between):
        assert walker.ways == ["cuda:1"]
    assert walker.ways == ["cuda:1", "cpu"]
    with pytest.raises(KeyError), on_its_device(loaded, between):
        raise KeyError
    assert walker.ways[2:] == ["cuda:1", "cpu"], "also where answering fails"
    walker.ways.clear()
    with on_its_device(loaded, VLMConfig()):
        pass
    assert walker.ways == []


def test_offloading_does_nothing_on_the_cpu(make):
    first = make(offload="between").answer(QUESTION, 0.6)
    assert first.text == make().answer(QUESTION, 0.6).text


def test_the_best_number_format_of_a_device_is_taken(monkeypatch):
    import torch

    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert number_format("auto", cpu) == torch.float32
    assert number_format("bf16", cpu) == torch.bfloat16
    for able, dtype in ((True, torch.bfloat16), (False, torch.float16)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda able=able, **named: able)
        assert number_format("auto", cuda) == dtype
        assert number_format("float32", cuda) == torch.float32
    with pytest.raises(ConfigError, match="'float8' is not one of"):
        number_format("float8", cpu)


def test_half_precision_answers_too(make, taught):
    critic = make(taught, dtype="bfloat16")
    assert critic.caption(RED) == "A plain red field."
    assert str(critic._loaded.model.dtype) == "torch.bfloat16"
