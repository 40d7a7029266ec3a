"""A model of another family, with other parts: LLaVA, whose chat has no system's turn."""

from __future__ import annotations

import pytest
from PIL import Image

from imagerag.errors import ConfigError
from imagerag_chat import Question, questions

RED, BLUE = (Image.new("RGB", (40, 56), colour) for colour in ("red", "blue"))
TEMPLATE = (
    "{% for message in messages if message['role'] != 'system' %}USER: "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} ASSISTANT:{% endif %}"
)


@pytest.fixture(scope="session")
def llava(tmp_path_factory):
    """A tiny LLaVA of the very class, saved."""
    from imagerag_torch import guard_torchvision, seeded

    guard_torchvision()
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    from imagerag_vlm.quiet import quiet

    folder = tmp_path_factory.mktemp("published") / "llava"
    vocabulary = {word: number for number, word in enumerate(bytes_to_unicode().values())}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="</s>", pad_token="<pad>", bos_token="<s>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    images = CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    )
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    size = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    eyes = CLIPVisionConfig(
        **size, num_hidden_layers=2, image_size=28, patch_size=14, projection_dim=32
    )
    mouth = LlamaConfig(
        **size,
        num_hidden_layers=2,
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    config = LlavaConfig(
        vision_config=eyes,
        text_config=mouth,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    with quiet(), seeded(0):
        LlavaForConditionalGeneration(config).save_pretrained(folder)
        processor.save_pretrained(folder)
    return folder


def test_it_answers_and_its_pictures_are_counted(make, llava):
    critic = make(llava)
    assert critic.facts().implementation == "transformers.LlavaForConditionalGeneration"
    usage = critic.answer(questions.caption(RED, 16), 0.0).usage
    assert usage.image_tokens == 4, "2×2 patches"
    assert critic.review(RED, "a <image> of a hedgehog </s>") is not None


def test_its_answer_depends_on_pictures_and_their_order(make, llava):
    critic = make(llava)
    critic.answer(questions.caption(RED, 16), 0.0)
    logits = []
    hook = critic._loaded.model.register_forward_hook(
        lambda model, args, output: logits.append(output.logits[0, -1].clone())
    )
    for images in ((RED, BLUE), (RED, BLUE), (BLUE, RED), (RED, RED)):
        critic.answer(Question("compare", "Judge.", "Which?", images, None, 1), 0.0)
    hook.remove()
    first, again, swapped, same = logits
    assert first.equal(again)
    assert float((first - swapped).abs().max()) > 1e-5
    assert float((first - same).abs().max()) > 1e-5


def test_the_system_s_words_stand_before_the_question(make, llava):
    critic = make(llava)
    critic.answer(questions.caption(RED, 16), 0.0)
    heard = []
    hook = critic._loaded.model.register_forward_pre_hook(
        lambda model, args, given: heard.append(given["input_ids"][0]), with_kwargs=True
    )
    critic.answer(Question("caption", "Be exact.", "What is it?", (RED,), None, 1), 0.0)
    hook.remove()
    said = critic._loaded.processor.tokenizer.decode(heard[0])
    assert said == "USER: <image><image><image><image>\nBe exact.\n\nWhat is it? ASSISTANT:"


def test_bounds_in_pixels_are_not_this_family_s(make, llava):
    with pytest.raises(ConfigError, match=r"max_pixels: the processor .*CLIP.* has no such bound"):
        make(llava, max_pixels=784).caption(RED)
