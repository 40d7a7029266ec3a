"""What an answer depends on: pictures, their order, words and temperature; and on nothing else."""

from __future__ import annotations

import random
from typing import get_args

import pytest
from PIL import Image

from imagerag.values import Malformed, Review, Truncated
from imagerag_chat import Question, questions

SYSTEM = "You judge pictures."
COLOURS = ("red", "lime", "blue")


def picture(colour, size=(56, 56)):
    return Image.new("RGB", size, colour)


RED, GREEN, BLUE = map(picture, COLOURS)


def asked(*images, text="What is missing?", max_tokens=24):
    return Question("review", SYSTEM, text, images, None, max_tokens)


@pytest.fixture
def seen(make):
    """A critic, and what reaches its model: the inputs and the first token's logits."""
    critic = make()
    critic.answer(asked(RED, max_tokens=1), 0.0)
    model, found = critic._loaded.model, []
    hooks = [
        model.model.visual.register_forward_hook(
            lambda module, args, kwargs, output: found.append((args, kwargs)), with_kwargs=True
        ),
        model.register_forward_hook(
            lambda module, args, kwargs, output: found.append(output.logits[0, -1].clone()),
            with_kwargs=True,
        ),
    ]

    def see(*images, **more):
        found.clear()
        critic.answer(asked(*images, max_tokens=1, **more), 0.0)
        return found

    yield see
    for hook in hooks:
        hook.remove()


def apart(first, second):
    return float((first[-1] - second[-1]).abs().max())


def test_logits_depend_on_each_of_two_pictures_their_order_and_the_words(seen):
    base = list(seen(RED, GREEN))
    assert apart(base, seen(RED, GREEN)) == 0.0
    for other in ((BLUE, GREEN), (RED, BLUE), (GREEN, RED), (RED,)):
        assert apart(base, seen(*other)) > 1e-3
    assert apart(base, seen(RED, GREEN, text="What is there?")) > 1e-3


def test_pictures_reach_the_model_in_their_order_each_at_its_size(seen):
    wide = picture("lime", (84, 28))
    ((pixels,), sizes), *_ = seen(RED, wide, BLUE)
    assert sizes["grid_thw"].tolist() == [[1, 4, 4], [1, 2, 6], [1, 4, 4]]
    first, second, third = pixels.split([16, 12, 16])
    for patches, brightest in ((first, 0), (second, 1), (third, 2)):
        # A row is 3 colours of 2 frames of 14×14 pixels.
        colours = patches.reshape(len(patches), 3, -1).mean(dim=(0, 2))
        assert int(colours.argmax()) == brightest
    ((alone,), _), *_ = seen(BLUE)
    assert alone.equal(third), "pixels do not depend on other pictures"


def test_pictures_stand_before_the_words_and_after_the_system(make):
    critic = make()
    critic.answer(asked(RED, BLUE, max_tokens=1), 0.0)
    loaded, inputs = critic._loaded, []
    hook = loaded.model.register_forward_pre_hook(
        lambda model, args, kwargs: inputs.append(kwargs["input_ids"]), with_kwargs=True
    )
    critic.answer(asked(RED, BLUE, max_tokens=1), 0.0)
    hook.remove()
    shown = "<|vision_start|>" + 4 * "<|image_pad|>" + "<|vision_end|>"
    assert loaded.processor.tokenizer.decode(inputs[0][0]) == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n{shown}{shown}What is missing?<|im_end|>\n<|im_start|>assistant\n"
    )


def written(critic, question, temperature):
    """Return the tokens of an answer, which are more telling than the babble they stand for."""
    from imagerag_vlm.answering import write

    if critic._loaded is None:
        critic.answer(asked(RED, max_tokens=1), 0.0)
    return write(critic._loaded, question, question.images, temperature, critic.config.top_p)


def test_greedy_answers_repeat_and_leave_chance_alone(make):
    import torch

    critic = make()
    first = written(critic, asked(RED), 0.0)
    torch.manual_seed(5)
    assert written(critic, asked(RED), 0.0) == first == written(make(fresh=True), asked(RED), 0.0)


def test_drawn_answers_repeat_for_the_same_question_and_temperature(make):
    import numpy as np
    import torch

    critic = make()
    drawn = written(critic, asked(RED), 0.8)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert written(critic, asked(RED), 0.8) == drawn, "by itself, whatever was drawn before"
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert before[0].equal(after[0]), "torch's own generator is as it was"
    assert before[1:] == after[1:], "and numpy's and Python's"
    for other in (
        written(critic, asked(RED), 0.0),
        written(critic, asked(RED), 0.4),
        written(critic, asked(BLUE), 0.8),
        written(critic, asked(RED, text="Which concepts lack?"), 0.8),
    ):
        assert other.text != drawn.text


def test_the_seed_depends_on_words_pixels_and_their_order():
    from imagerag_vlm.answering import seed_of

    seeds = {
        seed_of(question, question.images)
        for question in (
            asked(RED, BLUE),
            asked(BLUE, RED),
            asked(RED),
            asked(RED, BLUE, text="Else?"),
            asked(picture("red", (28, 112)), BLUE),
        )
    }
    assert len(seeds) == 5
    copies = RED.copy(), BLUE.copy()
    assert seed_of(asked(), copies) == seed_of(asked(RED, BLUE), (RED, BLUE))


def test_the_model_s_own_bounds_on_chance_do_not_make_warm_answers_cold(make, tiny, tmp_path):
    import json
    import shutil

    narrow = shutil.copytree(tiny, tmp_path / "narrow")
    file = narrow / "generation_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "top_k": 1, "top_p": 0.001}))
    critic = make(narrow)
    assert written(critic, asked(RED), 0.8).text != written(critic, asked(RED), 0.0).text
    assert written(critic, asked(RED), 0.8) == written(make(), asked(RED), 0.8)


def test_top_p_narrows_what_is_drawn(make):
    cold = written(make(), asked(RED), 0.0)
    assert written(make(top_p=1e-6), asked(RED), 1.0).text == cold.text
    assert written(make(top_p=1.0), asked(RED), 1.0).text != cold.text


def test_an_answer_at_the_limit_is_truncated_and_counted(make, ledger):
    critic = make(max_tokens=16)
    answer = critic.review(RED, "a hedgehog")
    assert answer == Truncated("the answer was cut off at max_tokens = 16")
    (line,) = ledger
    assert (line.call, line.outcome, line.images) == ("review", "truncated", 1)
    assert (line.output_tokens, line.image_tokens) == (16, 4)
    assert line.input_tokens > 400
    assert (line.requests, line.usd) == (0, 0.0)
    assert line.seconds > 0
    assert line.model == critic.config.model


def test_an_answer_that_ends_at_the_limit_is_whole(make):
    """The last token allowed may be the one that ends the answer."""
    critic = make()
    question = asked(RED, max_tokens=5)
    critic.answer(question, 0.0)
    model = critic._loaded.model
    fifth = [0]

    def end(model, args, kwargs, output):
        fifth[0] += 1
        if fifth[0] == 5:
            output.logits[0, -1, critic._loaded.processor.tokenizer.eos_token_id] = 1e4

    hook = model.register_forward_hook(end, with_kwargs=True)
    reply = critic.answer(question, 0.0)
    hook.remove()
    assert reply.trouble is None
    assert reply.usage.output_tokens == 5
    assert critic.answer(question, 0.0).trouble is not None


def test_babble_is_malformed_and_never_an_error(make, ledger):
    """A random model says anything; here it is made to end some of its answers."""
    critic = make(max_tokens=16)
    critic.review(RED, "a hedgehog")
    tokenizer = critic._loaded.processor.tokenizer
    steps = [0]

    def end(model, args, kwargs, output):
        steps[0] += 1
        if steps[0] % 7 == 0:
            output.logits[0, -1, tokenizer.eos_token_id] = 1e4

    hook = critic._loaded.model.register_forward_hook(end, with_kwargs=True)
    kinds = set()
    for temperature in (0.0, 0.5, 1.0, 2.0):
        for prompt in ("a hedgehog", "ein Igel mit Hut", "🦔"):
            answer = critic.review(RED, prompt, temperature=temperature)
            assert isinstance(answer, get_args(Review))
            kinds.add(type(answer))
    hook.remove()
    assert kinds == {Malformed}


def test_a_question_without_a_picture_counts_no_image_tokens(make, ledger):
    make(max_tokens=16).plan("a hedgehog")
    assert (ledger[0].images, ledger[0].image_tokens) == (0, 0)


def test_a_picture_that_cannot_be_read_is_trouble(make, tmp_path):
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 90).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:900])
    with Image.open(path) as cut:
        answer = make().review(cut, "a hedgehog")
    assert isinstance(answer, Malformed)
    assert "image file is truncated" in answer.note


def test_the_questions_are_those_of_imagerag_chat(make):
    critic = make(max_tokens=16)
    heard = []
    answer = critic.answer
    critic.answer = lambda question, temperature: heard.append(question) or answer(question, 0.0)
    critic.review(RED, "a hedgehog")
    assert heard == [questions.review(RED, "a hedgehog", 8, 16)]
