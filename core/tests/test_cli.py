"""The command line, in processes of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

COMMANDS = [
    *("init", "generate", "show", "replay", "strip", "collection", "index", "plugins"),
    *("config", "doctor"),
]
PROMPT = "a hedgehog on a green background"


@pytest.fixture(scope="module")
def picture(acme_shell):
    """A picture that was painted by the command line."""
    done = acme_shell("generate", PROMPT, "--config", "acme", "--seed", 3, "-o", "made/one.png")
    assert done.returncode == 0, done.stderr
    return acme_shell.work / "made" / "one.png"


def size_of(path):
    with Image.open(path) as image:
        return image.size


def ok(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def failed(done, code=2):
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    return done.stderr


# Help and usage


def test_help_lists_every_command_and_the_exit_codes(shell):
    told = ok(shell("--help"))
    for command in COMMANDS:
        assert f"  {command} " in told
    assert "130 interrupted" in told
    assert ok(shell("help")) == ok(shell()) == told


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(shell, command):
    told = ok(shell(command, "--help"))
    assert told.startswith(f"usage: imagerag {command}")
    assert len(told.splitlines()) > 3


@pytest.mark.parametrize(
    "words", ["plugins list", "plugins info", "config show", "config schema", "collection create"]
)
def test_every_subcommand_has_help(shell, words):
    assert ok(shell(*words.split(), "--help")).startswith(f"usage: imagerag {words}")


def test_version(shell):

    assert ok(shell("--version")).strip() == f"imagerag {version('imagerag')}"


def test_the_script_and_the_module_are_one_command():
    script = Path(sysconfig.get_path("scripts")) / "imagerag"
    by_script = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    by_module = subprocess.run(
        [sys.executable, "-m", "imagerag", "--help"], capture_output=True, text=True, check=True
    )
    assert by_script.stdout == by_module.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generat"], "Did you mean 'generate'?"),
        (["zzz"], "there is no command 'zzz'"),
        (["--seed", "3"], "the command comes first"),
        (["generate"], "prompt"),
        (["generate", "x", "--no-such-option"], "--no-such-option"),
        (["generate", "x", "--set", "nonsense"], "KEY=VALUE"),
        (["generate", "x", "--size", "big"], "WxH"),
        (["generate", "x", "--config", "no-such.toml"], "imagerag init"),
        (["generate", "x", "--config", "no-such-preset"], "there is no preset"),
        (["plugins"], "COMMAND"),
        (["plugins", "info", "nothing"], "nothing installed is called"),
    ],
)
def test_a_usage_error_is_exit_code_2(shell, words, told):
    assert told in failed(shell(*words), 2)


@pytest.mark.parametrize("command", ["show", "replay", "strip"])
def test_a_failure_is_exit_code_1(shell, command):
    assert "no-such.png" in failed(shell(command, "no-such.png"), 1)


def test_a_crash_is_one_line_and_a_traceback_with_debug(acme_shell):
    told = failed(acme_shell("crash"), 1)
    assert "RuntimeError: the wheels came off" in told
    assert "--debug" in told
    done = acme_shell("crash", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_error_shows_its_traceback_with_debug(shell):
    assert "Traceback" in shell("show", "no-such.png", "--debug").stderr


def test_an_interrupt_is_exit_code_130(acme_shell):
    process = acme_shell.start("nap", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == "asleep\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_has_gone_is_no_error(acme_shell, lines):
    process = acme_shell.start(
        "spill", "--lines", lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 0
    assert told == ""


# What is imported


@pytest.mark.parametrize(
    "code",
    [
        "import imagerag",
        "from imagerag.cli import main; assert main(['--help']) == 0",
        "from imagerag.cli import main; assert main(['plugins', 'list']) == 0",
        "import imagerag.hooks, imagerag.roles, imagerag.values, imagerag.errors",
    ],
)
def test_little_is_imported_before_it_is_needed(acme_shell, code):
    heavy = [
        "torch",
        "diffusers",
        "transformers",
        "open_clip",
        "pydantic",
        "PIL",
        "numpy",
        "sqlite3",
        "tqdm",
    ]
    if "import imagerag.hooks" in code or code == "import imagerag":
        heavy.append("argparse")
    check = (
        f"import sys; loaded = sorted(set({heavy!r}) & set(sys.modules)); assert not loaded, loaded"
    )
    assert acme_shell.python("-c", f"{code}\n{check}").returncode == 0
    # The same where every plugin of the environment is installed.
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# Plugins


def test_plugins_list(acme_shell):
    told = ok(acme_shell("plugins", "list"))
    assert any(
        line.split()[:3] == ["generator", "seeded", "acme-imagerag"] for line in told.splitlines()
    )
    assert "away (remote)" in told
    offers = json.loads(ok(acme_shell("plugins", "list", "--json", "--role", "reranker")))["offers"]
    assert [o["name"] for o in offers] == ["critic", "inventive", "reverse"]


def test_plugins_info(acme_shell):
    told = ok(acme_shell("plugins", "info", "seeded"))
    assert "width = 8" in told
    described = json.loads(ok(acme_shell("plugins", "info", "away", "--role", "encoder", "--json")))
    assert described[0]["keys"] == ["ACME_KEY"]
    assert described[0]["remote"] is True
    assert len(json.loads(ok(acme_shell("plugins", "info", "watchful", "--json")))) == 2
    assert "Did you mean 'seeded'" in failed(acme_shell("plugins", "info", "seedet"), 2)


# Configuration


def test_config_show_is_a_configuration_again(acme_shell):
    told = ok(acme_shell("config", "show", "-c", "acme", "--set", "loop.keep=last"))
    (acme_shell.work / "shown.toml").write_text(told)
    first = json.loads(ok(acme_shell("config", "show", "-c", "shown.toml", "--json")))
    assert first["loop"]["keep"] == "last"
    assert first["generator"]["width"] == 16


def test_config_show_writes_components_inside_others_too(acme_shell):
    several = """
    preset = "acme"
    [retriever]
    use = "union"
    [[retriever.of]]
    use = "memory"
    [[retriever.of]]
    use = "union"
    of = [{use = "memory"}]
    [retriever.of.encoder]
    use = "hashing"
    dim = 16
    """
    (acme_shell.work / "several.toml").write_text(several)
    told = ok(acme_shell("config", "show", "-c", "several.toml"))
    (acme_shell.work / "again.toml").write_text(told)
    shown = [
        json.loads(ok(acme_shell("config", "show", "-c", file, "--json")))
        for file in ("several.toml", "again.toml")
    ]
    assert shown[0]["retriever"]["of"][1]["encoder"]["dim"] == 16
    assert shown[1] == shown[0]


def test_config_schema_is_json(acme_shell):
    schema = json.loads(ok(acme_shell("config", "schema")))
    uses = [b["properties"]["use"]["enum"] for b in schema["properties"]["generator"]["oneOf"]]
    assert ["seeded", "seeded@acme-imagerag"] in uses


def test_an_unknown_key_names_file_line_and_suggestion(acme_shell):
    (acme_shell.work / "wrong.toml").write_text('preset = "acme"\n[loop]\nkeeep = "last"\n')
    told = failed(acme_shell("generate", "x", "-c", "wrong.toml"), 2)
    assert told == ("imagerag: wrong.toml:3: [loop] unknown key 'keeep'. Did you mean 'keep'?\n")


def test_init_writes_a_commented_file_and_never_over_another(acme_shell):
    assert "wrote fresh.toml" in ok(acme_shell("init", "acme", "-o", "fresh.toml"))
    written = (acme_shell.work / "fresh.toml").read_text()
    assert "# pixels" in written
    (acme_shell.work / "fresh.toml").write_text("# mine\n")
    assert "--force" in failed(acme_shell("init", "acme", "-o", "fresh.toml"), 2)
    assert (acme_shell.work / "fresh.toml").read_text() == "# mine\n"
    ok(acme_shell("init", "acme", "-o", "fresh.toml", "--force"))
    assert (acme_shell.work / "fresh.toml").read_text() == written
    ok(acme_shell("config", "show", "-c", "fresh.toml"))


# A picture's life


def test_generate_writes_picture_and_record_and_tells_the_story(acme_shell, picture):
    assert size_of(picture) == (16, 12)
    assert json.loads(picture.with_suffix(".json").read_text())["missing"] == ["hedgehog"]
    told = ok(acme_shell("show", picture))
    for part in (PROMPT, "missing     hedgehog", "by Acme, CC0-1.0", "kept        the result"):
        assert part in told


def test_generate_has_a_name_for_the_file_where_none_is_given(acme_shell):
    done = acme_shell("generate", "An Okapi! ☂", "-c", "acme", "--quiet")
    ok(done)
    assert (acme_shell.work / "out" / "an-okapi-7.png").exists()
    assert "wrote out/an-okapi-7.png" in done.stderr


def test_generate_json_is_the_record(acme_shell):
    made = json.loads(ok(acme_shell("generate", PROMPT, "-c", "acme", "--json", "-o", "j.png")))
    assert made["picture"] == "j.png"
    shown = json.loads(ok(acme_shell("show", "j.png", "--json")))
    del made["picture"]
    assert shown == made


def test_a_stranger_s_record_does_not_steer_the_terminal(acme_shell):
    ok(acme_shell("generate", PROMPT, "-c", "acme", "--out", "steer.png"))
    path = acme_shell.work / "steer.json"
    record = json.loads(path.read_text())
    evil = "\x1b]0;owned\x07 \x9b2J \u202egnp.exe"
    record["decisions"][0]["reason"] = evil
    record["versions"]["critic.model"] = evil
    path.write_text(json.dumps(record))
    told = ok(acme_shell("show", "steer.json"))
    assert told.count("\\u001b]0;owned\\u0007 \\u009b2J \\u202egnp.exe") == 2
    assert all(line.isprintable() for line in told.splitlines())
    values = ok(acme_shell("show", "steer.json", "--json"))
    assert all(line.isprintable() for line in values.splitlines())
    assert json.loads(values)["decisions"][0]["reason"] == evil
    lost = acme_shell("show", evil + ".png").stderr
    assert lost.isprintable() or all(line.isprintable() for line in lost.splitlines())


def test_generate_takes_images_sizes_and_settings(acme_shell):
    Image.new("RGB", (5, 5)).save(acme_shell.work / "mine.png")
    made = json.loads(
        ok(
            acme_shell(
                *("generate", PROMPT, "-c", "acme", "--json", "-o", "s.png", "--strip"),
                *("--image", "mine.png", "--size", "20x10", "--set", "loop.keep=last"),
            )
        )
    )
    assert made["config"]["loop"]["keep"] == "last"
    assert size_of(acme_shell.work / "s.png") == (20, 10)
    assert size_of(acme_shell.work / "s-story.png")[0] > 500
    used = made["rounds"][0]["painted"]["references"]
    assert [u["origin"] for u in used] == ["user", "retrieved"]
    assert "--image FILE" in failed(acme_shell("replay", "s.png"), 1)
    ok(acme_shell("replay", "s.png", "--image", "mine.png"))


def test_no_metadata_leaves_none(acme_shell):
    ok(acme_shell("generate", PROMPT, "-c", "acme", "--no-metadata", "-o", "bare.png"))
    assert not (acme_shell.work / "bare.json").exists()
    assert b"imagerag" not in (acme_shell.work / "bare.png").read_bytes()
    assert "carries no run record" in failed(acme_shell("show", "bare.png"), 1)


def test_replay_is_byte_for_byte(acme_shell, picture):
    assert "pixel for pixel" in ok(acme_shell("replay", picture))
    again = picture.with_name("one-replay.png")
    assert again.read_bytes() == picture.read_bytes()
    done = json.loads(ok(acme_shell("replay", picture.with_suffix(".json"), "--json")))
    assert done["identical"] is True


def test_a_replay_that_differs_is_a_failure_that_says_why(acme_shell, picture):
    record = json.loads(picture.with_suffix(".json").read_text())
    record["versions"]["python"] = "3.0.0"
    record["config"]["generator"]["width"] = 17
    (acme_shell.work / "other.json").write_text(json.dumps(record))
    done = acme_shell("replay", "other.json")
    assert done.returncode == 1
    assert "python was 3.0.0 and is" in done.stdout


def test_strip_takes_the_record_out(acme_shell, picture):
    told = ok(acme_shell("strip", picture, "-o", "stripped.png"))
    assert "pixels and nothing else" in told
    assert "still tells its story" in told
    assert b"iTXt" not in (acme_shell.work / "stripped.png").read_bytes()
    assert "no run record" in failed(acme_shell("show", "stripped.png"), 1)


def test_a_collection_of_ones_own(acme_shell):
    folder = acme_shell.work / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 9, 9)).save(folder / f"my blue kettle {number}.png")
    ok(acme_shell("collection", "create", "mine", folder))
    ok(acme_shell("index", "-c", "acme", "--collection", "mine"))
    made = json.loads(
        ok(acme_shell("generate", PROMPT, "-c", "acme", "--collection", "mine", "--json"))
    )
    assert made["config"]["collection"] == "mine"
    assert len(made["rounds"][0]["lookups"][0]["hits"]) == 3


def test_a_planted_key_is_in_no_artefact_of_the_command_line(acme_shell):
    canary = "sk-canary-0123456789"
    texts = []
    for words in (
        ("generate", PROMPT, "-c", "acme", "-o", "canary.png", "--debug"),
        ("show", "canary.png"),
        ("doctor", "--json", "--quick"),
        ("doctor", "--quick"),
        ("config", "show", "-c", "acme"),
        ("crash", "--debug"),
    ):
        done = acme_shell(*words, OPENAI_API_KEY=canary, ACME_KEY=canary)
        texts.append(done.stdout + done.stderr)
    assert all(canary not in text for text in texts)
    assert '"ACME_KEY": "set"' in texts[2]
    for path in acme_shell.folder.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes()


# The doctor


def test_doctor_of_a_healthy_environment_is_content(acme_shell):
    told = ok(acme_shell("doctor"))
    assert "No problems found." in told
    assert "torch is not installed" in told
    assert "ACME_KEY: not set" in told
    report = json.loads(ok(acme_shell("doctor", "--json")))
    assert [p["distribution"] for p in report["plugins"]] == [
        "imagerag",
        "acme-imagerag",
        "acme-imagerag",
    ]
    assert all(p["load_seconds"] >= 0 for p in report["plugins"])
    assert report["problems"] == []


def test_a_broken_plugin_is_named_by_the_doctor_and_harms_nothing_else(shell, install):
    shell.install_acme()
    install(
        shell.site,
        "aaa-wreck",
        entry_points={"wreck": "wreck"},
        modules={"wreck.py": "import sys\nsys.exit('goodbye')"},
    )
    done = shell("doctor")
    assert done.returncode == 1
    assert "problem: aaa-wreck 1.0 is broken: SystemExit: goodbye" in done.stdout
    assert "pip install --force-reinstall aaa-wreck" in done.stdout
    listed = shell("plugins", "list")
    ok(listed)
    assert "broken: aaa-wreck" in listed.stderr
    ok(shell("--help"))
    ok(shell("generate", PROMPT, "-c", "acme", "-o", "fine.png"))
    ok(shell("replay", "fine.png"))


def test_the_doctor_names_what_is_lacking_and_what_clashes(shell, install):
    text = """
from imagerag.hooks import Offer, hookimpl

@hookimpl
def imagerag_generators():
    return [Offer("twin", "a twin", "a.b:C", "a.b:D", needs=("no_such_library",))]
"""
    for name in ("twin-a", "twin-b"):
        module = name.replace("-", "_")
        install(shell.site, name, entry_points={"it": module}, modules={f"{module}.py": text})
    done = shell("doctor", "--quick")
    assert done.returncode == 1
    assert "twin-a needs no_such_library" in done.stdout
    assert "'twin@twin-a' or 'twin@twin-b'" in done.stdout


def test_a_damaged_collection_is_named_by_the_doctor(shell):
    folder = shell.folder / "home" / "collections" / "sad"
    folder.mkdir(parents=True)
    (folder / "catalogue.sqlite").write_bytes(b"this is not a database at all" * 100)
    done = shell("doctor", "--quick")
    assert done.returncode == 1
    assert "'sad' cannot be opened" in done.stdout
