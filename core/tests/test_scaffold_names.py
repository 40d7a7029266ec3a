"""What a new plugin may be called, and what is said of a name that will not do."""

from __future__ import annotations

import pytest

from imagerag import Registry
from imagerag.errors import UsageError
from imagerag.hooks import ROLE_HOOKS
from imagerag.scaffold.names import LONGEST_NAME, choose


@pytest.fixture(scope="module")
def registry():
    """What is installed."""
    return Registry()


def test_everything_follows_from_the_name(registry):
    names = choose("generator", "wet-paint", registry)
    assert names.distribution == "imagerag-wet-paint"
    assert names.package == "imagerag_wet_paint"
    assert names.class_name == "WetPaintGenerator"
    assert names.config_class == "WetPaintConfig"
    assert names.description


def test_what_is_given_is_taken(registry):
    names = choose(
        "critic",
        "stern",
        registry,
        distribution="Acme.Stern-Critic",
        package="acme_stern",
        description="  Never content  ",
    )
    assert names.distribution == "Acme.Stern-Critic"
    assert names.package == "acme_stern"
    assert names.description == "Never content"
    other = choose("critic", "stern", registry, distribution="Acme.Stern-Critic")
    assert other.package == "acme_stern_critic"


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("my-source", "MySource"), ("source", "SourceSource"), ("a-1", "A1Source")],
)
def test_a_class_says_its_role_once_and_is_never_its_own_base(registry, name, class_name):
    assert choose("source", name, registry).class_name == class_name


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("My Painter", "my-painter"),
        ("myPainter", "my-painter"),
        ("my_painter", "my-painter"),
        ("my--painter-", "my-painter"),
        ("2fast", "fast"),
        ("painter@acme", "painter-acme"),
        ("../painter", "painter"),
    ],
)
def test_a_name_of_another_form_gets_a_suggestion(registry, name, better):
    with pytest.raises(UsageError) as caught:
        choose("generator", name, registry)
    assert str(caught.value).endswith(f"Did you mean {better!r}?")


@pytest.mark.parametrize("name", ["", "-", "☂", "1", "a" * (LONGEST_NAME + 1)])
def test_a_name_that_cannot_be_mended_is_refused(registry, name):
    with pytest.raises(UsageError, match="is no name for a component"):
        choose("generator", name, registry)


def test_a_role_that_does_not_exist_gets_a_suggestion(registry):
    with pytest.raises(UsageError, match=r"no role 'generater'\. Did you mean 'generator'\?"):
        choose("generater", "paint", registry)


@pytest.mark.parametrize("role", ROLE_HOOKS)
def test_a_name_that_is_taken_is_told_with_its_owner(registry, role):
    taken = {"retriever": "union", "reranker": "critic", "source": "folder"}.get(role)
    if taken:
        with pytest.raises(UsageError, match=f"{taken!r} is offered by imagerag already"):
            choose(role, taken, registry, distribution="acme-x")


def test_a_name_that_a_known_plugin_has_is_taken_too():
    with pytest.raises(UsageError, match="'sdxl' is offered by imagerag-sdxl already"):
        choose("generator", "sdxl", Registry([]), distribution="acme-sdxl")


def test_one_name_may_serve_two_roles(registry):
    assert choose("generator", "union", registry).class_name == "UnionGenerator"


@pytest.mark.parametrize(
    ("distribution", "told"),
    [
        ("-acme", "is no name for a distribution"),
        ("acme_", "is no name for a distribution"),
        ("acme/paint", "is no name for a distribution"),
        ("acme paint", "is no name for a distribution"),
        ("imagerag", "is imagerag's own"),
        ("ImageRAG", "is imagerag's own"),
        ("imagerag_sdxl", "is imagerag's own"),
        ("Pluggy", "is installed here already"),
    ],
)
def test_a_distribution_s_name_is_checked(registry, distribution, told):
    with pytest.raises(UsageError, match=told) as caught:
        choose("generator", "paint", registry, distribution=distribution)
    assert "--distribution" in str(caught.value)


@pytest.mark.parametrize(
    ("package", "told"),
    [
        ("acme.paint", "is no name for a package"),
        ("acme-paint", "is no name for a package"),
        ("class", "is no name for a package"),
        ("größe", "is no name for a package"),
        ("a" * 41, "is no name for a package"),
        ("json", "a module called 'json' here already"),
        ("pluggy", "a module called 'pluggy' here already"),
    ],
)
def test_a_package_s_name_is_checked(registry, package, told):
    with pytest.raises(UsageError, match=told) as caught:
        choose("generator", "paint", registry, package=package)
    assert "--package" in str(caught.value)


def test_a_distribution_whose_package_would_start_with_a_digit_needs_a_package(registry):
    with pytest.raises(UsageError, match="'3d_paint' is no name for a package"):
        choose("generator", "paint", registry, distribution="3d-paint")
    assert choose("generator", "paint", registry, distribution="3d-paint", package="paint_3d")


@pytest.mark.parametrize("description", ["", "   ", "two\nlines", "a\tb", "x" * 77, "a\u202eb"])
def test_a_description_is_one_printable_line(registry, description):
    with pytest.raises(UsageError, match="a description is one line"):
        choose("generator", "paint", registry, description=description)
