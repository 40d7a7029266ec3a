"""What is public, how modules depend on each other, and that it is all explained."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import imagerag
from imagerag import hooks

HOME = Path(imagerag.__file__).parent
MODULES = {
    ".".join(("imagerag", *path.relative_to(HOME).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(HOME.rglob("*.py"))
}

LAYERS = [
    {"errors", "values", "events", "text", "policy", "component_config", "known", "chosen"}
    | {"filters", "licences"},
    {"batch_policy", "component", "json_values", "steps", "under_way"},
    {"resources", "folder_lock", "toml_source", "record_form", "png_text", "ledger"},
    {"roles"},
    {"hooks"},
    {"installed", "registry"},
    {"config", "config_schema", "broadcast", "collection", "embedding"},
    {"opening", "session", "run", "progress", "account", "parts", "unallowed"}
    | {"guarded", "privacy", "sieve"},
    {"versions", "review", "selection", "performing"},
    {"loop"},
    {
        "batch",
        "batch_view",
        "contact_sheet",
        "credits",
        "record",
        "replaying",
        "report",
        "story",
        "strip_image",
        "page",
        "api",
        "diagnosis",
        "explaining",
        "health",
    },
    {"builtin", "components", "cli", "scaffold", "testing", "__main__"},
]
"""Imports run one way: a module imports from its own line and from those above."""


def layer_of(module):
    part = module.split(".")[1] if "." in module else ""
    return next(n for n, names in enumerate(LAYERS) if part in names)


def imports(path):
    """Yield every module of the core that is imported at run time, wherever it stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node

    def for_types(node):
        while (node := getattr(node, "parent", None)) is not None:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                return True
        return False

    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not for_types(node):
            if node.module == "imagerag":
                yield from (f"imagerag.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import) and not for_types(node):
            yield from (alias.name for alias in node.names)


def test_all_is_sorted_and_complete():
    assert imagerag.__all__ == sorted(imagerag.__all__)
    assert list(imagerag._HOME) == imagerag.__all__


@pytest.mark.parametrize("name", imagerag.__all__)
def test_every_public_name_is_there_and_explained(name):
    value = getattr(imagerag, name)
    if name != "hookimpl":  # an instance of pluggy's own marker
        assert inspect.getdoc(value), name
        assert value.__name__ == name
    if inspect.isclass(value) and value.__module__.startswith("imagerag"):
        for member, part in vars(value).items():
            if not member.startswith("_") and (inspect.isfunction(part) or inspect.ismethod(part)):
                assert inspect.getdoc(getattr(value, member)), f"{name}.{member}"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        imagerag.nothing  # noqa: B018


@pytest.mark.parametrize("module", [m for m in MODULES if m != "imagerag.__main__"])
def test_every_module_imports_and_says_what_it_is(module):
    assert importlib.import_module(module).__doc__.strip()


@pytest.mark.parametrize("module", [m for m in MODULES if m != "imagerag"])
def test_imports_run_one_way(module):
    mine = layer_of(module)
    for imported in imports(MODULES[module]):
        if imported.startswith("imagerag."):
            assert layer_of(imported) <= mine, f"{module} imports {imported}"


def test_every_module_has_its_layer():
    parts = {m.split(".")[1] for m in MODULES if "." in m}
    assert parts == set().union(*LAYERS)


def test_the_core_imports_no_model_library():
    heavy = {"torch", "torchvision", "diffusers", "transformers", "open_clip", "usearch"}
    for module, path in MODULES.items():
        if module != "imagerag.diagnosis":  # it asks torch for devices, where torch is installed
            assert not heavy & {name.partition(".")[0] for name in imports(path)}, module


def test_the_core_names_no_plugin_in_its_imports():
    for module, path in MODULES.items():
        assert not [name for name in imports(path) if name.startswith("imagerag_")], module


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_one_idea(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 320


@pytest.mark.parametrize("name", [n for n in vars(hooks) if n.startswith("imagerag_")])
def test_every_hook_is_documented_and_typed(name):
    spec = getattr(hooks, name)
    assert len(inspect.getdoc(spec)) > 30
    signature = inspect.signature(spec)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        assert parameter.default is inspect.Parameter.empty  # pluggy never passes defaults


def test_every_role_has_a_hook_and_a_class():
    from imagerag import roles

    assert list(hooks.ROLE_HOOKS) == list(roles.Role.__args__)
    for role, hook in hooks.ROLE_HOOKS.items():
        assert inspect.isabstract(getattr(roles, role.capitalize()))
        assert callable(getattr(hooks, hook))


def test_every_error_says_what_to_do_and_has_an_exit_code():
    from imagerag import errors

    kinds = [v for v in vars(errors).values() if getattr(v, "__module__", "") == errors.__name__]
    kinds = [kind for kind in kinds if inspect.isclass(kind)]
    assert len(kinds) > 10
    for kind in kinds:
        assert inspect.getdoc(kind)
        assert kind.exit_code in (1, 2, 3, 4, 5)
        assert issubclass(kind, errors.ImageRAGError)


def test_the_doubles_are_true_to_their_roles(acme):
    from imagerag.testing import registry

    plugins = registry("acme_imagerag.plugin")
    from imagerag import roles

    for role in hooks.ROLE_HOOKS:
        for offered in plugins.offers(role):
            target = plugins.component_class(role, offered.spelling)
            assert issubclass(target, getattr(roles, role.capitalize()))
            config = plugins.config_class(role, offered.spelling)
            assert config.model_config["extra"] == "forbid"
            for field, value in config.model_fields.items():
                assert value.description, f"{offered.spelling}: {field}"
                assert not value.is_required(), f"{offered.spelling}: {field}"
