"""The base of generators: the rules hold, the hooks are heard, and broken generators are caught."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from imagerag.errors import CapabilityError, ConfigError, WeightsError
from imagerag.values import Guidance
from imagerag_diffusers import PipelineConfig
from imagerag_diffusers.testing import Maker, StoppedError, difference
from imagerag_diffusers.testing.rules import EndingRules, LoadingRules, PictureRules, pixels


class TestTheLeastGenerator(PictureRules, EndingRules, LoadingRules):
    pass


def test_importing_the_library_imports_no_model_library():
    code = (
        "import sys, imagerag_diffusers, imagerag_diffusers.config, imagerag_diffusers.published\n"
        "print([n for n in ('torch', 'diffusers', 'transformers', 'numpy', 'PIL.Image')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def broken(kind, make, tmp_path):
    """Make makers of generators with one mistake: methods that replace the base's."""

    def maker(**given):
        return Maker(type("Broken", (kind,), given), make.config, tmp_path, make.defaults)

    return maker


def test_the_rules_catch_a_generator_that_ignores_seeds(broken, guidances):
    def check(self, guidance, capability):
        return super(type(self), self).check(replace(guidance, seed=7), capability)

    with pytest.raises(AssertionError):
        PictureRules().test_another_seed_gives_another_picture(broken(check=check), guidances)


def test_the_rules_catch_a_generator_that_ignores_prompts(broken, guidances):
    def check(self, guidance, capability):
        return super(type(self), self).check(replace(guidance, prompt="a cat"), capability)

    with pytest.raises(AssertionError):
        PictureRules().test_another_prompt_gives_another_picture(broken(check=check), guidances)


def test_the_rules_catch_calls_that_mix_pictures(broken, guidances):
    def arguments(self, pipe, rows):
        import torch

        given = super(type(self), self).arguments(pipe, rows)
        shared = torch.Generator().manual_seed(rows[0].seed)
        return {**given, "generator": shared}

    with pytest.raises(AssertionError, match="together"):
        PictureRules().test_a_picture_does_not_depend_on_what_else_is_in_the_batch(
            broken(arguments=arguments), guidances, 2
        )


def test_the_rules_catch_a_generator_that_draws_from_the_process(broken, guidances):
    def arguments(self, pipe, rows):
        return {**super(type(self), self).arguments(pipe, rows), "generator": None}

    with pytest.raises(AssertionError, match="global generator"):
        PictureRules().test_random_numbers_of_the_process_change_nothing_and_are_left_alone(
            broken(arguments=arguments), guidances
        )


def test_a_pipeline_that_draws_from_the_process_is_tamed_by_global_random(broken, guidances):
    def arguments(self, pipe, rows):
        assert len(rows) == 1, "each picture goes alone"
        return {**super(type(self), self).arguments(pipe, rows), "generator": None}

    tamed = broken(arguments=arguments, global_random=True)
    rules = PictureRules()
    rules.test_random_numbers_of_the_process_change_nothing_and_are_left_alone(tamed, guidances)
    rules.test_a_picture_does_not_depend_on_what_else_is_in_the_batch(tamed, guidances, 2)
    rules.test_another_seed_gives_another_picture(tamed, guidances)


def test_the_rules_catch_progress_that_is_lost(broken, guidances):
    def progress(self, call, total):
        return lambda done, steps: self.context.progress("generate", 1, 2)

    with pytest.raises(AssertionError):
        EndingRules().test_steps_are_counted_over_all_calls(broken(_progress=progress), guidances)


def test_a_call_holds_as_many_pictures_as_the_batch_size(make):
    generator = make(batch_size=4)
    generator.generate([Guidance("a cat", 0)])
    rows = []
    hook = generator._loaded.pipe.transformer.register_forward_pre_hook(
        lambda module, given: rows.append(len(given[0]))
    )
    generator.generate([Guidance("a cat", seed) for seed in range(3)])
    hook.remove()
    assert rows == [8, 8], "two steps of four pictures with their unconditional halves"


def test_a_company_of_none_is_painted_alone(broken):
    rows = []

    def arguments(self, pipe, given):
        rows.append(len(given))
        return super(type(self), self).arguments(pipe, given)

    def company(self, request):
        return None if "car" in request.prompt else request.size

    generator = broken(arguments=arguments, company=company)(batch_size=2)
    generator.generate([Guidance(text, 0) for text in ("a cat", "a car", "a dog")])
    assert sorted(rows) == [1, 2]


def test_a_larger_batch_differs_by_rounding_only(make, guidances):
    one, four = make().generate(guidances), make(batch_size=4).generate(guidances)
    assert max(difference(a, b) for a, b in zip(one, four, strict=True)) < 0.1


def test_a_negative_prompt_counts_and_the_configured_one_is_the_default(make):
    plain, red = Guidance("a cat", 0), Guidance("a cat", 0, negative_prompt="a red car")
    (without,) = make().generate([plain])
    (with_it,) = make().generate([red])
    assert difference(without, with_it) > 0.1
    (by_default,) = make(negative_prompt="a red car").generate([plain])
    assert by_default.tobytes() == with_it.tobytes()


def test_where_there_is_no_negative_prompt_asking_for_one_is_refused(kind, make, tmp_path):
    generator = Maker(kind, PipelineConfig, tmp_path, make.defaults)()
    with pytest.raises(CapabilityError, match="has no negative prompt, got 'blue'"):
        generator.generate([Guidance("a cat", 0, negative_prompt="blue")])


def test_published_data_is_declared_and_the_configuration_goes_before_it(kind, make):
    known = make(fresh=True, model="someone/tiny", size=None).capability()
    assert (known.licence, known.commercial, known.memory_gb) == ("Apache-2.0", True, 1.5)
    assert known.sizes == ((64, 64),)
    own = make(
        fresh=True, model="someone/tiny", licence="my own", memory_gb=2, size=(32, 48)
    ).capability()
    assert (own.licence, own.commercial, own.memory_gb) == ("my own", None, 2)
    assert own.sizes == ((32, 48),)
    unknown = make(fresh=True, model="someone/else").capability()
    assert (unknown.licence, unknown.commercial, unknown.memory_gb) == (None, None, None)


def test_facts_and_versions_are_told_without_loading(make, tiny):
    generator = make(fresh=True)
    facts, versions = generator.facts(), generator.versions()
    assert generator._loaded is None
    assert facts.implementation == "diffusers.PixArtSigmaPipeline"
    assert facts.usd_per_picture == 0
    assert facts.revision == versions["revision"]
    assert facts.revision.startswith("sha256:")
    assert versions["model"] == str(tiny)
    assert versions["diffusers"][0].isdigit()
    hub = make(fresh=True, model="someone/tiny")
    assert hub.facts().revision == hub.catalogue["someone/tiny"].revision
    assert make(fresh=True, model="someone/else").facts().revision == "unpinned"
    assert (
        make(fresh=True, model="package:no_such_package/x").versions()["revision"] == "unreadable"
    )


def test_other_weights_have_another_digest(make, tiny, tmp_path):
    copy = shutil.copytree(tiny, tmp_path / "copy")
    assert make(model=str(copy)).versions()["revision"] == make().versions()["revision"]
    (copy / "tokenizer/tokenizer_config.json").write_text("{}")
    assert make(model=str(copy)).versions()["revision"] != make().versions()["revision"]


def test_two_threads_get_the_pictures_that_one_gets(make, guidances):
    generator = make()
    alone = pixels(generator.generate(guidances[:2]))
    found = {}

    def paint(index):
        found[index] = pixels(generator.generate([guidances[index]]))[0]

    threads = [threading.Thread(target=paint, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[0], found[1]] == alone


def test_a_scheduler_can_be_chosen_and_is_recorded(make):
    euler = make(scheduler="EulerDiscreteScheduler", scheduler_options={"use_karras_sigmas": True})
    (picture,) = euler.generate([Guidance("a cat", 0)])
    assert type(euler._loaded.pipe.scheduler).__name__ == "EulerDiscreteScheduler"
    assert picture.tobytes() != make().generate([Guidance("a cat", 0)])[0].tobytes()
    assert euler.versions()["scheduler"] == "EulerDiscreteScheduler"
    with pytest.raises(ConfigError, match="has no option 'karras'"):
        make(scheduler="EulerDiscreteScheduler", scheduler_options={"karras": True}).generate(
            [Guidance("a cat", 0)]
        )


def test_gated_weights_say_what_to_accept(make):
    with pytest.raises(WeightsError, match=r"is gated \(terms of its own\).*HF_TOKEN"):
        make(model="someone/gated").generate([Guidance("a cat", 0)])


@pytest.mark.parametrize("given", [{"steps": 0}, {"size": (64, 60)}, {"offload": "some"}, {"x": 1}])
def test_options_are_checked_when_they_are_read(make, given):
    with pytest.raises(ValueError, match=next(iter(given))):
        make(fresh=True, **given)


def test_a_class_that_the_installed_diffusers_lacks_is_named(kind, make, tmp_path):
    later = type("Later", (kind,), {"pipelines": ("PixArtOmegaPipeline",)})
    with pytest.raises(ConfigError, match="no 'PixArtOmegaPipeline': pip install --upgrade"):
        Maker(later, make.config, tmp_path, make.defaults)().generate([Guidance("a cat", 0)])


def test_on_a_gpu_dtype_auto_is_what_the_models_were_trained_in(broken, make, monkeypatch):
    """Seen where components are asked for: nothing is loaded, and no GPU is needed."""
    import torch

    import imagerag_torch

    asked = []

    def components(self, dtype):
        asked.append(dtype)
        raise StoppedError

    monkeypatch.setattr(imagerag_torch, "choose_device", lambda name: torch.device("cuda"))
    trained = type("Trained", (make.config,), {"half": "bfloat16"})
    for config, options in ((make.config, {}), (trained, {}), (trained, {"dtype": "float32"})):
        maker = broken(components=components)
        maker.config = config
        with pytest.raises(StoppedError):
            maker(device="cuda", **options).generate([Guidance("a cat", 0)])
    assert asked == [torch.float16, torch.bfloat16, torch.float32]
