"""`imagerag config explain`: what a configuration means, without loading or opening anything."""

from __future__ import annotations

import json

from imagerag.cli.explanation import told
from imagerag.explaining import explain


def by_path(explanation):
    return {row.path: row for row in explanation.components}


def test_every_component_is_explained_those_inside_others_too(plugins, settings, home):
    values = {
        **settings(collection="never-made"),
        "retriever": {
            "use": "union",
            "of": [{"use": "memory", "encoder": {"use": "away"}}, {"use": "memory"}],
        },
    }
    rows = by_path(explain(values, plugins))
    assert list(rows) == [
        *("generator", "conditioner", "critic", "encoder", "retriever"),
        *("retriever.of[0]", "retriever.of[0].encoder", "retriever.of[1]"),
    ]
    assert rows["generator"].references == 3
    assert rows["retriever.of[0].encoder"].remote
    assert not home.exists(), "an explanation makes no collection"


def test_the_price_of_a_remote_component_without_one_is_unknown(plugins, settings, home):
    assert explain(settings(), plugins).usd_per_picture == 0
    values = {**settings(), "generator": {"use": "away"}}
    assert explain(values, plugins).usd_per_picture is None


def test_a_missing_plugin_is_told_with_what_gets_it_and_the_rest_is_explained(
    plugins, settings, home
):
    values = {**settings(), "generator": {"use": "sdxl"}}
    explanation = explain(values, plugins)
    rows = by_path(explanation)
    assert "pip install imagerag-sdxl" in rows["generator"].trouble
    assert rows["critic"].trouble == ""
    assert not explanation.memory_complete
    assert explanation.usd_per_picture is None
    assert "pip install imagerag-sdxl" in told("x", explanation)


def test_the_command_prints_text_and_json(acme_shell):
    done = acme_shell("config", "explain", "acme")
    assert done.returncode == 0, done.stderr
    assert "generator: " in done.stdout
    assert "cost of a picture with one mismatch: 0.0000 US dollars" in done.stdout
    values = json.loads(acme_shell("config", "explain", "acme", "--json").stdout)
    assert {row["role"] for row in values["components"]} >= {"generator", "critic", "retriever"}


def test_the_command_fails_where_something_is_missing(acme_shell):
    done = acme_shell("config", "explain", "acme", "--set", "generator.use=sdxl")
    assert done.returncode == 1
    assert "pip install imagerag-sdxl" in done.stdout


def test_what_a_re_ranker_asks_of_a_remote_critic_is_not_free(plugins, settings, home):
    values = {**settings(), "critic": {"use": "away"}}
    assert explain(values, plugins).usd_per_picture == 0.25
    values["reranker"] = {"use": "critic"}
    assert explain(values, plugins).usd_per_picture is None
    values["reranker"] = {"use": "critic", "critic": {"use": "scripted"}}
    assert explain(values, plugins).usd_per_picture == 0.25
