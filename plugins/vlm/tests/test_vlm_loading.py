"""Where weights come from, what they must be, and what is said where they are not."""

from __future__ import annotations

import json
import shutil
import threading

import pytest
from PIL import Image
from pydantic import ValidationError

from imagerag.errors import ConfigError, WeightsError
from imagerag_chat import questions
from imagerag_vlm.config import VLMConfig
from imagerag_vlm.published import CATALOGUE, QWEN

RED = Image.new("RGB", (56, 56), "red")
QUESTION = questions.caption(RED, 16)


@pytest.fixture
def changed(tiny, tmp_path):
    """Copy the tiny model and change files: new text, a dict to merge, None to remove one."""

    def change(**files):
        folder = shutil.copytree(tiny, tmp_path / f"changed{len(list(tmp_path.iterdir()))}")
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            if content is None:
                path.unlink()
            elif isinstance(content, dict):
                path.write_text(json.dumps({**json.loads(path.read_text()), **content}))
            else:
                path.write_text(content)
        return folder

    return change


def refused(make, folder, match, error=WeightsError, **options):
    with pytest.raises(error, match=match):
        make(folder, fresh=True, **options).answer(QUESTION, 0.0)


def test_a_folder_of_something_else_is_named(make, changed):
    refused(make, changed(config__json=None), r"config.json' is missing or broken \(FileNotFound")
    refused(make, changed(config__json="{"), r"missing or broken \(JSONDecodeError")
    refused(make, changed(config__json="[]"), r"not in the layout of transformers")


def test_a_folder_without_processor_or_tokenizer_is_named(make, changed):
    refused(make, changed(processor_config__json=None), "has no processor")
    lacking = changed(tokenizer__json=None, tokenizer_config__json=None)
    refused(make, lacking, "has no tokenizer")


def test_a_folder_without_chat_template_is_named(make, changed):
    refused(make, changed(chat_template__jinja=None), r"no chat template: .*'Instruct' model")


def test_models_of_other_kinds_are_named(make, changed):
    text = changed(config__json={"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]})
    refused(make, text, "is a 'Qwen2ForCausalLM', which does not answer questions about pictures")
    head = changed(config__json={"architectures": ["Qwen2_5_VLForRanking"]})
    refused(make, head, r"'Qwen2_5_VLForRanking'.*; 'Qwen2_5_VLForConditionalGeneration' of the")


def test_code_of_a_model_is_never_run(make, changed):
    auto = {"AutoModelForImageTextToText": "code.Model", "AutoConfig": "code.Config"}
    folder = changed(config__json={"model_type": "own", "architectures": ["Own"], "auto_map": auto})
    (folder / "code.py").write_text("raise SystemExit('run')")
    refused(make, folder, r"\(Own\) comes with code of its own, which is never run here")


def test_a_known_class_that_also_brings_code_runs_without_it(make, changed):
    auto = {"AutoModelForImageTextToText": "code.Model"}
    folder = changed(config__json={"auto_map": auto})
    (folder / "code.py").write_text("raise SystemExit('run')")
    assert make(folder).answer(QUESTION, 0.0).usage.output_tokens == 16


def test_pickled_weights_are_not_read(make, changed):
    folder = changed(model__safetensors=None)
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    refused(make, folder, r"'pytorch_model.bin', a format that can run code")


def test_weights_that_are_missing_or_misshapen_are_named(make, tiny, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    gone = sorted(weights)[0]
    folder = shutil.copytree(tiny, tmp_path / "gap")
    rest = {name: value for name, value in weights.items() if name != gone}
    save_file(rest, folder / "model.safetensors", {"format": "pt"})
    refused(make, folder, r"is not complete: 1 of its weights .* an adapter")
    save_file({**rest, gone: weights[gone][:1]}, folder / "model.safetensors", {"format": "pt"})
    refused(make, folder, r"could not be loaded|is not complete")
    (folder / "model.safetensors").write_bytes(b"damaged")
    refused(make, folder, "could not be loaded from")


def test_a_tokenizer_of_another_model_is_named(make, changed, tiny):
    from transformers import AutoTokenizer

    folder = changed()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["hedgehog", "ferry"])
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text((tiny / "chat_template.jinja").read_text())
    refused(make, folder, "knows 265 words, and its model 263")


def test_a_hub_model_needs_a_commit(make):
    refused(make, "Qwen/Qwen3-VL-8B-Instruct", "needs a pinned revision", ConfigError)


def test_known_models_are_pinned_and_a_given_commit_wins():
    from imagerag_torch import is_commit

    assert VLMConfig().pinned == CATALOGUE[QWEN].revision
    assert VLMConfig(model=f"hf-hub:{QWEN}").pinned == CATALOGUE[QWEN].revision
    assert VLMConfig(revision="1" * 40).pinned == "1" * 40
    assert all(is_commit(published.revision) for published in CATALOGUE.values())


def test_without_network_the_command_that_fetches_is_named(make, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    refused(make, QWEN, rf"hf download {QWEN} --revision {CATALOGUE[QWEN].revision}")


def test_only_the_files_of_transformers_are_fetched():
    from fnmatch import fnmatch

    from imagerag_vlm.layout import FILES

    def fetched(name):
        return any(fnmatch(name, pattern) for pattern in FILES)

    assert all(
        map(
            fetched,
            (
                "config.json",
                "model-00001-of-00005.safetensors",
                "model.safetensors.index.json",
                "preprocessor_config.json",
                "chat_template.json",
                "chat_template.jinja",
                "merges.txt",
                "tokenizer.model",
            ),
        )
    )
    unwanted = "consolidated.safetensors", "pytorch_model.bin", "original/model.pth", "code.py"
    assert not any(map(fetched, unwanted))


def test_weights_load_on_first_use_once_whatever_the_threads(make, monkeypatch):
    from imagerag_vlm import loading

    critic, loads, replies = make(fresh=True), [], []
    load = loading.load
    monkeypatch.setattr(loading, "load", lambda config: loads.append(1) or load(config))
    assert critic._loaded is None
    critic.facts(), critic.versions()
    assert critic._loaded is None
    threads = [
        threading.Thread(target=lambda: replies.append(critic.answer(QUESTION, 0.9)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]
    assert len({(reply.text, repr(reply.trouble)) for reply in replies}) == 1
    assert len(replies) == 3


def test_closing_frees_the_weights_and_a_later_question_loads_them_again(make):
    import weakref

    critic = make(fresh=True)
    critic.close()
    before = critic.answer(QUESTION, 0.0)
    model = weakref.ref(critic._loaded.model)
    critic.close()
    critic.close()
    assert model() is None
    assert critic.answer(QUESTION, 0.0).text == before.text


def test_loading_says_nothing_and_leaves_transformers_as_talkative_as_it_was(make, capfd):
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    make(fresh=True).answer(QUESTION, 0.5)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_facts_and_versions_name_what_runs(make, tiny, changed):
    facts, versions = make().facts(), make().versions()
    assert facts.implementation == "transformers.Qwen2_5_VLForConditionalGeneration"
    assert facts.revision == versions["revision"]
    assert facts.revision.startswith("sha256:")
    assert facts.usd_per_picture == 0.0
    assert (facts.licence, facts.commercial) == (None, None), "a folder says nothing of these"
    assert versions["class"] == "Qwen2_5_VLForConditionalGeneration"
    assert {"transformers", "torch", "tokenizers", "imagerag-vlm"} <= versions.keys()
    other = changed(generation_config__json={"repetition_penalty": 1.05})
    assert make(other).facts().revision != facts.revision, "it decides answers too"


def test_facts_of_published_models_and_of_what_the_user_says(make):
    known = make(QWEN).facts()
    assert (known.licence, known.commercial) == ("Apache-2.0", True)
    assert known.revision == CATALOGUE[QWEN].revision
    small = make("Qwen/Qwen2.5-VL-3B-Instruct").facts()
    assert (small.licence, small.commercial) == ("Qwen-Research", False)
    told = make("us/own", licence="MIT", commercial=True, memory_gb=9.5).facts()
    assert (told.licence, told.commercial, told.memory_gb) == ("MIT", True, 9.5)
    assert told.revision == "unpinned"
    assert make(QWEN, commercial=False).facts().commercial is False


def test_bounds_are_in_order():
    with pytest.raises(ValidationError, match="min_pixels is larger than max_pixels"):
        VLMConfig(min_pixels=2000, max_pixels=1000)
