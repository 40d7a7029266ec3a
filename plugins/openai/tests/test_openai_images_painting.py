"""The generator `gpt-image`: what it asks for, what it makes of the answer, and when it stops."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from PIL import Image

from imagerag.errors import CapabilityError, CredentialsError
from imagerag.roles import Context
from imagerag.testing import FAULTS, Answer, LoopbackVLM
from imagerag.values import Guidance, Reference
from imagerag_openai.images.answer import NotPaintedError
from imagerag_openai.images.config import GPTImageConfig
from imagerag_openai.images.generator import GPTImageGenerator
from imagerag_openai.images.models import MODEL

KEY = "sk-canary-0815"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """A key that must be found nowhere but in its header."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


class StoppedError(Exception):
    """Somebody wants no more pictures."""


class Told:
    """What a component told its run."""

    def __init__(self, cache):
        self.ledger, self.decisions, self.progress = [], [], []
        self.context = Context(
            component=lambda role: None,
            cache_dir=cache,
            progress=lambda *words: self.progress.append(words),
            spend=self.ledger.append,
            decide=lambda *words: self.decisions.append(words),
        )


@pytest.fixture
def told(tmp_path):
    return Told(tmp_path)


@pytest.fixture
def make(told):
    """Build a generator for a server; closed when the test ends."""
    made = []

    def build(server, **options):
        values = {"deadline": 5, "timeout": 4, "backoff": 0.02, "size": (48, 32), **options}
        config = GPTImageConfig(base_url=server.openai_url, **values)
        made.append(GPTImageGenerator(config, told.context))
        return made[-1]

    yield build
    for each in made:
        each.close()
        each.close()


def guidance(prompt="a hedgehog", *images, **more):
    references = tuple(Reference(image, f"reference {n}") for n, image in enumerate(images))
    return Guidance(prompt, 1, references, **more)


def plain(colour, size=(20, 10)):
    return Image.new("RGB", size, colour)


def test_a_draft_is_asked_of_generations(make):
    with LoopbackVLM(key=KEY) as server:
        [picture] = make(server).generate([guidance("a hedgehog – «ünïcode»")])
    [request] = server.requests
    assert request.path == "/v1/images/generations"
    assert request.body == {
        "model": MODEL,
        "prompt": "a hedgehog – «ünïcode»",
        "n": 1,
        "size": "48x32",
    }
    assert request.key_arrived and not request.key_leaked
    assert (picture.mode, picture.size) == ("RGB", (48, 32))


def test_references_are_sent_as_png_in_their_order(make):
    colours = ["red", "green", "blue", "white"]
    with LoopbackVLM() as server:
        make(server).generate([guidance("a hedgehog", *map(plain, colours))])
    [request] = server.requests
    assert request.path == "/v1/images/edits"
    assert request.text == "a hedgehog"
    assert [image.name for image in request.images] == ["1.png", "2.png", "3.png", "4.png"]
    assert {image.mime for image in request.images} == {"image/png"}
    assert [image.image.getpixel((0, 0)) for image in request.images] == [
        plain(colour).getpixel((0, 0)) for colour in colours
    ]
    assert (request.body["model"], request.body["size"], request.body["n"]) == (MODEL, "48x32", "1")


def test_sixteen_references_are_sent_and_seventeen_refused(make):
    images = [plain((n, n, n)) for n in range(17)]
    with LoopbackVLM() as server:
        generator = make(server)
        assert generator.capability().max_references == 16
        generator.generate([guidance("x", *images[:16])])
        with pytest.raises(CapabilityError, match=r"17 references.*at most 16"):
            generator.generate([guidance("x", *images)])
    [request] = server.requests
    assert [i.image.getpixel((0, 0)) for i in request.images] == [(n, n, n) for n in range(16)]


def test_references_are_scaled_and_lose_their_metadata(make):
    large = Image.effect_noise((900, 300), 60).convert("RGB")
    large.info["comment"] = "who took it and where"
    small = plain("red", (30, 30))
    with LoopbackVLM() as server:
        make(server, reference_size=200).generate([guidance("x", large, small)])
    [request] = server.requests
    assert [(i.width, i.height) for i in request.images] == [(200, 67), (30, 30)]
    assert b"who took it" not in request.images[0].data


def test_the_picture_depends_on_prompt_references_and_their_order(make):
    def painted(*asked):
        return make(server).generate([guidance(*asked)])[0].getpixel((0, 0))

    red, blue = plain("red"), plain("blue")
    with LoopbackVLM() as server:
        seen = [
            painted("a hedgehog"),
            painted("a pangolin"),
            painted("a hedgehog", red),
            painted("a hedgehog", red, blue),
            painted("a hedgehog", blue, red),
        ]
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {}),
        ({"size": None}, {"size": None}),
        ({"quality": "high"}, {"quality": "high"}),
        ({"background": "opaque"}, {"background": "opaque"}),
        (
            {"output_format": "webp", "output_compression": 70},
            {"output_format": "webp", "output_compression": 70},
        ),
        ({"output_format": "jpeg"}, {"output_format": "jpeg"}),
        ({"moderation": "low"}, {"moderation": "low"}),
        ({"input_fidelity": "high"}, {}),
        ({"extra_body": {"response_format": "b64_json"}}, {"response_format": "b64_json"}),
    ],
)
def test_options_of_drafts(make, options, sent):
    with LoopbackVLM() as server:
        [picture] = make(server, **options).generate([guidance()])
    usual = {"model": MODEL, "prompt": "a hedgehog", "n": 1, "size": "48x32"}
    expected = {name: value for name, value in {**usual, **sent}.items() if value is not None}
    assert server.requests[0].body == expected
    assert picture.mode == "RGB"


def test_options_of_pictures_with_references(make):
    with LoopbackVLM() as server:
        make(server, input_fidelity="high", quality="low", moderation="low").generate(
            [guidance("x", plain("red"))]
        )
    body = server.requests[0].body
    assert (body["input_fidelity"], body["quality"]) == ("high", "low")
    assert "moderation" not in body, "the API has no such option here"


def test_a_guidance_says_its_own_size(make):
    with LoopbackVLM() as server:
        [picture] = make(server).generate([guidance("x", width=64, height=80)])
    assert server.requests[0].body["size"] == "64x80"
    assert picture.size == (64, 80)


def test_a_picture_of_another_size_is_kept_and_said(make, told):
    with LoopbackVLM([plain("red", (99, 77))]) as server:
        [picture] = make(server).generate([guidance()])
    assert picture.size == (99, 77)
    assert any("99×77" in decision and "48×32" in why for _, decision, why in told.decisions)


def test_several_pictures_are_painted_at_once_and_come_in_order(make, told):
    prompts = [f"picture {n}" for n in range(9)]
    slow = {prompts[0]: 0.5, prompts[1]: 0.3}
    alone = []

    def script(request):
        return Answer("x", seconds=0 if alone else slow.get(request.text, 0.1))

    with LoopbackVLM(script) as server:
        generator = make(server, max_concurrent=3)
        began = time.monotonic()
        pictures = generator.generate([guidance(prompt) for prompt in prompts])
        taken = time.monotonic() - began
        alone = generator.generate([guidance(prompts[0])])
        for prompt in prompts[1:]:
            alone += generator.generate([guidance(prompt)])
    assert [p.getpixel((0, 0)) for p in pictures] == [p.getpixel((0, 0)) for p in alone]
    assert server.peak == 3
    assert len(server.requests) == 18
    assert taken < 1.2, "one after another it would be 1.5 s and more"
    assert told.progress[:9] == [("generate", n, 9) for n in range(1, 10)]
    assert [line.outcome for line in told.ledger] == ["painted"] * 18


def test_nothing_is_asked_for_nothing(make, told):
    with LoopbackVLM() as server:
        assert make(server).generate([]) == []
    assert (server.requests, told.decisions) == ([], [])


def test_all_guidances_are_checked_before_anything_is_paid_for(make):
    with LoopbackVLM() as server, pytest.raises(CapabilityError, match="empty prompt"):
        make(server).generate([guidance("a hedgehog"), guidance(" ")])
    assert server.requests == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (guidance("x" * 32_001), "32001 characters"),
        (guidance("x", negative_prompt="blurry"), "no negative prompt"),
        (guidance("x", options={"scale": 0.5}), "no options in guidance, and there are 'scale'"),
        (guidance("x", width=64), "given together"),
        (guidance("x", width=100, height=64), "multiples of 16, for instance 96×64"),
        (guidance("x", width=64, height=256), "3 times the other"),
        (guidance("x", width=3840, height=3840), "largest pictures are 3840×2160"),
    ],
)
def test_what_the_api_cannot_do_is_refused_beforehand(make, asked, words):
    with LoopbackVLM() as server, pytest.raises(CapabilityError, match=words):
        make(server).generate([asked])
    assert server.requests == []


def test_older_models_paint_three_sizes_and_unknown_ones_are_not_judged(make):
    with LoopbackVLM() as server:
        with pytest.raises(CapabilityError, match="1024×1024, 1536×1024, 1024×1536"):
            make(server, model="gpt-image-1.5", size=(512, 512)).generate([guidance()])
        make(server, model="somebodys-own", size=(33, 500)).generate([guidance()])
    assert [request.body["size"] for request in server.requests] == ["33x500"]


def test_tokens_and_dollars_are_in_the_ledger(make, told):
    answer = Answer("x", input_tokens=1_000, output_tokens=2_000)
    with LoopbackVLM([answer]) as server:
        make(server, priced_as="gpt-image-2").generate([guidance("x", plain("red"))])
    [line] = told.ledger
    assert (line.call, line.outcome, line.model) == ("generate", "painted", MODEL)
    assert (line.requests, line.images) == (1, 1)
    assert (line.input_tokens, line.output_tokens, line.image_tokens) == (1_000, 2_000, 1)
    assert line.usd == pytest.approx((999 * 5 + 1 * 8 + 2_000 * 30) / 1e6)
    assert line.priced is not None and line.seconds > 0


@pytest.mark.parametrize(
    ("answer", "options", "usd"),
    [
        (None, {}, None),  # at somebody else's server nobody knows the price
        (None, {"free": True}, 0.0),
        (Answer(usage=False), {"priced_as": "gpt-image-2"}, None),
        (FAULTS["wrong_usage"], {"priced_as": "gpt-image-2"}, None),
        (FAULTS["null_usage"], {"priced_as": "gpt-image-2"}, None),
    ],
)
def test_an_unknown_cost_is_never_zero(make, told, answer, options, usd):
    with LoopbackVLM([answer]) as server:
        make(server, **options).generate([guidance()])
    assert [line.usd for line in told.ledger] == [usd]


def test_it_is_said_that_there_is_no_seed(make, told):
    with LoopbackVLM() as server:
        generator = make(server)
        generator.generate([guidance()])
    assert ("generate", "paint without a seed") in [words[:2] for words in told.decisions]
    assert "replay" in told.decisions[0][2]
    assert "none" in generator.versions()["seed"]
    assert "Not seedable" in generator.facts().proven
    assert "seed" not in server.requests[0].body


def test_an_interruption_ends_what_is_under_way_and_begins_nothing_more(told, make):
    def stop(stage, done, total):
        raise StoppedError

    told.context.__dict__["progress"] = stop
    script = lambda r: Answer("x", seconds=0.05 if r.text == "0" else 30)  # noqa: E731
    with LoopbackVLM(script) as server:
        generator = make(server, max_concurrent=2, deadline=60, timeout=60)
        began = time.monotonic()
        with pytest.raises(StoppedError):
            generator.generate([guidance(str(n)) for n in range(6)])
        assert time.monotonic() - began < 2
        asked = {request.text for request in server.requests}
        time.sleep(0.2)
        assert {request.text for request in server.requests} == asked
        assert asked <= {"0", "1", "2"}
    lines = {(line.outcome, line.requests) for line in told.ledger}
    assert ("painted", 1) in lines
    # One more may have been given up in the moment in which it was sent.
    assert len(asked) <= len(told.ledger) <= 3
    assert all(line.usd is None for line in told.ledger)


def test_ctrl_c_ends_it_at_once(make, told):
    def interrupt(*_):
        raise KeyboardInterrupt

    def press():
        while not server.requests:
            time.sleep(0.005)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with LoopbackVLM([FAULTS["never_answered"]]) as server:
            generator = make(server, deadline=60, timeout=60)
            thread = threading.Thread(target=press)
            thread.start()
            began = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                generator.generate([guidance(), guidance()])
            assert time.monotonic() - began < 2
            thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert {line.outcome for line in told.ledger} == {"unavailable"}


def test_a_generator_is_usable_after_an_interruption(told, make):
    def stop(*_):
        raise StoppedError

    with LoopbackVLM() as server:
        generator = make(server)
        before, told.context.__dict__["progress"] = told.context.progress, stop
        with pytest.raises(StoppedError):
            generator.generate([guidance()])
        told.context.__dict__["progress"] = before
        assert len(generator.generate([guidance(), guidance()])) == 2


def test_one_failure_ends_the_others(make, told):
    def script(request):
        return FAULTS["content_policy"] if request.text == "bad" else Answer("x", seconds=30)

    with LoopbackVLM(script) as server:
        generator = make(server, deadline=60, timeout=60, max_concurrent=3)
        began = time.monotonic()
        with pytest.raises(CapabilityError, match="blocked this picture"):
            generator.generate([guidance("good"), guidance("bad"), guidance("good")])
        assert time.monotonic() - began < 2
    assert [line.outcome for line in told.ledger] == ["unavailable", "filtered", "unavailable"]


def test_no_threads_are_left(make):
    before = threading.active_count()
    with LoopbackVLM() as server:
        generator = make(server)
        generator.generate([guidance(), guidance()])
        generator.close()
    assert threading.active_count() == before


def test_a_missing_key_is_said_before_anything_is_sent(make, monkeypatch, told):
    monkeypatch.delenv("OPENAI_API_KEY")
    generator = GPTImageGenerator(GPTImageConfig(), told.context)
    with pytest.raises(CredentialsError, match="OPENAI_API_KEY"):
        generator.generate([guidance()])
    assert told.ledger == []
    generator.close()


def test_a_key_is_not_sent_to_strangers(told):
    config = GPTImageConfig(base_url="https://images.example.org/v1")
    generator = GPTImageGenerator(config, told.context)
    with pytest.raises(CredentialsError, match="key_variable"):
        generator.generate([guidance()])
    generator.close()


def test_a_local_server_needs_no_key(make, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with LoopbackVLM() as server:
        assert len(make(server).generate([guidance()])) == 1


def test_capability_and_facts_ask_for_nothing(told):
    generator = GPTImageGenerator(GPTImageConfig(), told.context)
    capability, facts = generator.capability(), generator.facts()
    assert generator.remote
    assert capability.abilities == {"text", "in-context", "edit"}
    assert (capability.max_references, capability.reference_syntax) == (16, "image {k}")
    assert (facts.model, facts.revision) == (MODEL, MODEL)
    assert "images.edit" in facts.implementation
    assert facts.usd_per_picture is None, "the price list knows no tokens of a picture"
    assert generator.versions()["model"] == MODEL


def test_a_deadline_bounds_all_attempts_of_a_picture(make, told):
    with LoopbackVLM([FAULTS["slow_drip"]]) as server:
        began = time.monotonic()
        with pytest.raises(NotPaintedError, match="Ask again later"):
            make(server, deadline=0.8, timeout=0.3, attempts=20).generate([guidance()])
        assert time.monotonic() - began < 1.8
    assert told.ledger[0].requests == len(server.requests) >= 2
