"""TOML and presets → one validated configuration."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

from imagerag.config import Configuration, load
from imagerag.config_schema import schema
from imagerag.errors import BrokenPluginError, ConfigError, UnknownComponentError
from imagerag.policy import Policy

_spec = importlib.util.spec_from_file_location(
    "json_schema", Path(__file__).with_name("json_schema.py")
)
json_schema = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(json_schema)


@pytest.fixture
def file(tmp_path):
    """Write a configuration file."""

    def write(text):
        path = tmp_path / "here.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refused(source, plugins, **overrides):
    with pytest.raises(ConfigError) as caught:
        load(source, plugins, overrides or None)
    return str(caught.value)


def test_a_preset_is_loaded_by_name(plugins):
    loaded = load("acme", plugins)
    assert loaded.settings.seed == 7
    assert loaded.components["generator"].width == 16
    assert loaded.settings.loop == Policy(keep="best")


def test_a_file_comes_over_its_preset(plugins, file):
    path = file('preset = "acme"\nseed = 8\n[generator]\nwidth = 20\n[loop]\nrounds = 2\n')
    loaded = load(path, plugins)
    assert loaded.settings.seed == 8
    assert loaded.components["generator"].width == 20
    assert loaded.components["generator"].height == 12  # the preset's
    assert (loaded.settings.loop.rounds, loaded.settings.loop.keep) == (2, "best")


def test_overrides_come_over_everything(plugins, file):
    path = file('preset = "acme"\nseed = 8\n')
    overrides = {"seed": 9, "loop.keep": "last", "generator.width": 24}
    loaded = load(path, plugins, overrides)
    assert loaded.settings.seed == 9
    assert loaded.settings.loop.keep == "last"
    assert loaded.components["generator"].width == 24


def test_a_preset_can_be_an_override(plugins):
    assert load({}, plugins, {"preset": "acme"}).settings.seed == 7


def test_files_mappings_and_path_texts_mean_the_same(plugins, file, settings):
    path = file('seed = 3\n[generator]\nuse = "null"\nwidth = 9\n')
    wanted = load({"seed": 3, "generator": {"use": "null", "width": 9}}, plugins).resolved()
    assert load(path, plugins).resolved() == wanted
    assert load(str(path), plugins).resolved() == wanted


def test_another_use_drops_the_options_of_the_former(plugins):
    loaded = load("acme", plugins, {"generator.use": "null"})
    assert loaded.components["generator"].width == 8  # the default, not the preset's 16
    loaded = load("acme", plugins, {"generator.use": "null", "generator.width": 5})
    assert loaded.components["generator"].width == 5


def test_options_of_the_former_never_reach_the_other(plugins):
    loaded = load("acme", plugins, {"critic.use": "hostile"})
    assert loaded.components["critic"].names == ("x",)


def test_another_collection_is_not_made_from_the_folder_of_the_former(plugins):
    base = {"collection": "a", "collection_from": "package:imagerag/cli"}
    loaded = load(base, plugins, {"collection": "misspelt"}).settings
    assert (loaded.collection, loaded.collection_from) == ("misspelt", None)
    assert load(base, plugins, {"collection": "a"}).settings.collection_from is not None
    both = load(base, plugins, {"collection": "b", "collection_from": "folder"}).settings
    assert (both.collection, both.collection_from) == ("b", "folder")


def test_the_same_use_keeps_the_options(plugins):
    assert load("acme", plugins, {"generator.use": "seeded"}).components["generator"].width == 16


def test_resolved_round_trips(plugins, settings):
    for source in ("acme", settings(gate="always", min_score=0.2, allow_remote=("a", "b"))):
        resolved = load(source, plugins).resolved()
        json.dumps(resolved)
        assert load(resolved, plugins).resolved() == resolved


def test_resolved_names_every_default(plugins):
    resolved = load("acme", plugins).resolved()
    assert resolved["loop"]["temperature_step"] == 0.4
    assert resolved["generator"]["max_references"] == 3
    assert resolved["encoder"] == {"use": "hashing", "dim": 64, "salt": ""}


UNKNOWN = {
    "top level": ("sead = 1\n", "1", "unknown key 'sead'. Did you mean 'seed'?"),
    "misspelt table": ('seed = 1\n[genrator]\nuse = "null"\n', "2", "Did you mean 'generator'?"),
    "loop": ("[loop]\n# why\nkeeep = 'last'\n", "3", "[loop] unknown key 'keeep'. Did you mean 'k"),
    "loop, dotted": ("seed = 1\nloop.keeep = 'last'\n", "2", "Did you mean 'keep'?"),
    "loop, inline": ("seed = 1\nloop = { keeep = 'last' }\n", "2", "Did you mean 'keep'?"),
    "component": (
        "[generator]\nuse = 'null'\nwidht = 3\n",
        "3",
        "[generator] unknown key 'widht'. Did you mean 'width'?",
    ),
    "far from all": ("[loop]\nzzz = 1\n", "2", "Known: gate, query"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_unknown_key_is_an_error_with_its_place(plugins, file, kind):
    text, line, told = UNKNOWN[kind]
    path = file(text)
    message = refused(path, plugins)
    assert message.startswith(f"{path}:{line}: ")
    assert told in message


WRONG = {
    "seed = -1\n": ":1: seed = -1",
    'seed = "one"\n': ":1: seed = 'one'",
    "[loop]\ngate = 'sometimes'\n": ":2: [loop] loop.gate = 'sometimes'",
    "[loop]\n\nrounds = 0\n": ":3: [loop] loop.rounds = 0",
    "loop = 3\n": ":1: loop = 3",
    "generator = 'null'\n": ":1: generator = 'null'",
    "[generator]\nuse = 'null'\nwidth = 'wide'\n": ":3: [generator] width = 'wide'",
    "[generator]\nwidth = 3\n": ':1: [generator] needs `use = "…"`, one of: ',
    "[generator]\nuse = 3\n": ':1: [generator] needs `use = "…"`, one of: ',
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_value_is_an_error_with_its_place(plugins, file, text):
    path = file(text)
    assert refused(path, plugins).startswith(f"{path}{WRONG[text]}")


def test_a_missing_use_names_the_choice(plugins, file):
    message = refused(file("[generator]\nwidth = 3\n"), plugins)
    assert all(name in message for name in ("null", "seeded", "watchful"))


def test_a_wrong_override_is_blamed_on_the_override(plugins, file):
    message = refused(file('preset = "acme"\n'), plugins, **{"loop.keep": "worst"})
    assert message.startswith("--set: [loop] loop.keep = 'worst'")


def test_an_override_inside_a_value_is_an_error(plugins):
    assert "inside 'seed'" in refused({}, plugins, **{"seed": 1, "seed.x": 2})


def test_an_error_in_a_preset_names_the_preset(plugins, acme, monkeypatch, tmp_path):
    import acme_imagerag

    (tmp_path / "acme.toml").write_text("seed = 1\nsead = 1\n")
    spec = acme_imagerag.__spec__
    monkeypatch.setattr(spec, "origin", str(tmp_path / "__init__.py"))
    assert refused("acme", plugins).startswith("preset 'acme' (acme.toml):2: unknown key 'sead'")


@pytest.mark.parametrize("text", ["seed = \n", "[loop\n", "a = 1\na = 2\n", "\x00"])
def test_invalid_toml_is_an_error_that_names_the_file(plugins, file, text):
    path = file(text)
    message = refused(path, plugins)
    assert message.startswith(f"{path}: not valid TOML")


def test_a_file_that_is_not_text_is_an_error(plugins, tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refused(path, plugins)


def test_a_missing_file_says_how_to_make_one(plugins, tmp_path):
    assert "imagerag init" in refused(tmp_path / "none.toml", plugins)


def test_a_folder_is_no_configuration(plugins, tmp_path):
    assert "cannot be read" in refused(tmp_path, plugins)


def test_an_unknown_preset_gets_a_suggestion(plugins):
    with pytest.raises(UnknownComponentError, match="Did you mean 'acme'"):
        load("acmee", plugins)


@pytest.mark.parametrize(
    "use",
    ["os:system", "acme_imagerag.trap:Trap", "trap", "../trap", "__import__('trap')", "trap.py"],
)
def test_no_import_string_of_a_configuration_is_executed(plugins, tmp_path, monkeypatch, use):
    (tmp_path / "trap.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownComponentError):
        load({"generator": {"use": use}}, plugins)


@pytest.mark.parametrize("key", ["target", "config", "trust_remote_code", "module", "pickle"])
def test_no_component_takes_a_key_that_would_run_code(plugins, key):
    message = refused({"generator": {"use": "null", key: "os:system"}}, plugins)
    assert f"unknown key {key!r}" in message


def test_the_schema_accepts_what_is_resolved(plugins, settings):
    whole = schema(plugins)
    json.dumps(whole)
    for source in ("acme", settings(gate="prompt", max_references=2, min_score=0.26)):
        resolved = load(source, plugins).resolved()
        written = {k: v for k, v in resolved.items() if v is not None}  # TOML has no null
        assert json_schema.problems(whole, written, whole) == []


def test_the_schema_refuses_what_loading_refuses(plugins, settings):
    whole = schema(plugins)
    for change in (
        {"sead": 1},
        {"seed": -1},
        {"loop": {"keeep": "last"}},
        {"loop": {"gate": "sometimes"}},
        {"generator": {"use": "null", "widht": 3}},
        {"generator": {"use": "nobody"}},
        {"generator": {}},
    ):
        assert json_schema.problems(whole, {**settings(), **change}, whole), change


def test_the_schema_describes_every_key(plugins):
    whole = schema(plugins)
    for name, value in whole["properties"].items():
        assert value.get("description") or "$ref" in value, name
    for name, value in whole["$defs"]["Policy"]["properties"].items():
        assert value["description"], name


def test_the_schema_leaves_out_what_cannot_be_imported(acme):
    from imagerag.testing import registry

    plugins = registry("acme_imagerag.half_plugin")
    with pytest.raises(BrokenPluginError):
        load({"generator": {"use": "half"}}, plugins)
    uses = [b["properties"]["use"]["enum"][0] for b in branches(schema(plugins), "generator")]
    assert uses == ["null", "seeded"]


def branches(whole, role):
    return whole["properties"][role]["oneOf"]


def test_a_configuration_is_frozen(plugins):
    loaded = load("acme", plugins)
    assert isinstance(loaded, Configuration)
    for value in (loaded.settings, loaded.settings.loop, loaded.components["generator"]):
        with pytest.raises(Exception, match="frozen"):
            value.seed = 3


def test_every_error_names_a_place_in_every_layout(plugins, file):
    text = '# a comment = "x"\n\n"seed" = 1\n\n[ "loop" ]  # the policy\n  keep   =  "first"\n'
    path = file(text)
    assert re.match(re.escape(f"{path}:6: "), refused(path, plugins))


def test_what_is_wrong_with_several_keys_together_is_told_too(plugins, settings):
    values = {**settings(), "generator": {"use": "watchful", "steps": 100}}
    with pytest.raises(ConfigError, match=r"\[generator\] Value error, steps must not be more"):
        load(values, plugins)
