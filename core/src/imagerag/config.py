"""TOML and presets → one validated configuration.

Validation has two stages: the core checks its own keys and reads `use` of each component's table;
the plugin that `use` names then validates the rest with its own configuration class. Configuration
is data: it never holds an import path, a pickle, or a switch that runs code of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from imagerag.batch_policy import BatchPolicy
from imagerag.chosen import Chosen
from imagerag.component_config import parts_of
from imagerag.errors import ConfigError, suggestion
from imagerag.hooks import Preset
from imagerag.policy import Policy
from imagerag.resources import local
from imagerag.toml_source import TomlSource

if TYPE_CHECKING:
    from imagerag.registry import Registry

COMPONENT_ROLES = ("generator", "conditioner", "critic", "encoder", "retriever", "reranker")
"""The roles that a configuration names, in the order in which it is shown."""


_TABLES: Mapping[str, type[BaseModel]] = {"loop": Policy, "batch": BatchPolicy}
"""The tables of a configuration that are the core's own."""


class Settings(BaseModel):
    """A whole configuration, as data. Component tables hold `use` and the plugin's own options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str | None = Field(
        None, description="A preset to start from; the keys of this file come on top of it."
    )
    seed: int = Field(0, ge=0, lt=2**63, description="Seed where a call gives none.")
    collection: str | None = Field(
        None, description="The collection to retrieve from: a name, or the path of its folder."
    )
    collection_from: str | dict[str, Any] | None = Field(
        None,
        description="What the collection is made from when it does not exist yet: a folder of "
        "images, or a table of a source, with `use`, `location` and the source's own options.",
    )
    generator: dict[str, Any] | None = Field(None, description="What paints.")
    conditioner: dict[str, Any] | None = Field(
        None, description="How references reach the generator."
    )
    critic: dict[str, Any] | None = Field(None, description="What says which concepts are missing.")
    encoder: dict[str, Any] | None = Field(
        None, description="What turns texts and images into vectors for retrieval."
    )
    retriever: dict[str, Any] | None = Field(None, description="What finds images.")
    reranker: dict[str, Any] | None = Field(None, description="What orders candidates anew.")
    loop: Policy = Field(default_factory=lambda: Policy(), description="The policy of the loop.")
    batch: BatchPolicy = Field(
        default_factory=lambda: BatchPolicy(), description="How many prompts are worked on at once."
    )

    @field_validator("collection_from", mode="before")
    @classmethod
    def _is_folder_or_table(cls, value: Any) -> Any:
        if value is None or isinstance(value, str | dict):
            return value
        raise ValueError("Input should be a folder, or a table with `use` and `location`")


@dataclass(frozen=True)
class Configuration:
    """Validated settings, and each component they name with its options."""

    settings: Settings
    chosen: Mapping[str, Chosen] = field(default_factory=dict)

    @property
    def components(self) -> dict[str, Any]:
        """The configuration object of each component, by role."""
        return {role: chosen.options for role, chosen in self.chosen.items()}

    def only(self, *roles: str) -> Configuration:
        """Return the same configuration with the components of these roles alone."""
        return replace(self, chosen={r: one for r, one in self.chosen.items() if r in roles})

    def resolved(self) -> dict[str, Any]:
        """Return everything as JSON values, defaults included."""
        values: dict[str, Any] = self.settings.model_dump(mode="json")
        return values | {role: chosen.resolved() for role, chosen in self.chosen.items()}

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """What a run record keeps: all that a picture depends on, so not `batch`.

        The runs of a configuration share it, so it is not to be changed.
        """
        return {key: value for key, value in self.resolved().items() if key != "batch"}


def load(
    source: str | Path | Mapping[str, Any],
    registry: Registry,
    overrides: Mapping[str, Any] | None = None,
) -> Configuration:
    """Load a preset by name, a TOML file by path, or a mapping, and validate all of it.

    `overrides` are dotted keys, `{"loop.keep": "last"}`, and win over everything else.
    """
    settings, layers = read_settings(source, registry, overrides)
    if isinstance(settings.collection_from, dict):
        choose_source(settings.collection_from, registry, layers)
    chosen = {
        role: choose(role, table, registry, layers)
        for role in COMPONENT_ROLES
        if (table := getattr(settings, role)) is not None
    }
    return Configuration(settings, chosen)


def read_settings(
    source: str | Path | Mapping[str, Any],
    registry: Registry,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Settings, list[TomlSource]]:
    """Read all layers of a configuration, the last one winning, and check the core's own keys."""
    if isinstance(source, Mapping):
        layers = [TomlSource("the configuration", dict(source))]
    elif isinstance(source, Path) or str(source).endswith(".toml"):
        layers = [TomlSource.read(Path(source))]
    else:
        layers = [TomlSource("the call", {"preset": str(source)})]
    if overrides:
        layers.append(TomlSource("--set", _nested(overrides)))
    name = next((s.values["preset"] for s in reversed(layers) if "preset" in s.values), None)
    if name is not None:
        layers.insert(0, read_preset(str(name), registry))
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merge(merged, layer)
    settings: Settings = _validate(Settings, merged, "", layers)
    return settings, layers


def preset_path(name: str, registry: Registry) -> Path:
    """Return the file of a preset, inside the plugin that offers it."""
    preset: Preset = registry.find("preset", name).offer
    package, _, inside = preset.resource.partition(":")
    return Path(local(f"package:{package}/{inside}"))


def read_preset(name: str, registry: Registry) -> TomlSource:
    """Read a preset."""
    path = preset_path(name, registry)
    values = TomlSource.read(path)
    return TomlSource(f"preset {name!r} ({path.name})", values.values, values.lines)


def _nested(overrides: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for dotted, value in overrides.items():
        *tables, key = dotted.split(".")
        target = values
        for table in tables:
            target = target.setdefault(table, {})
            if not isinstance(target, dict):
                raise ConfigError(f"--set: {dotted!r} is inside {table!r}, which was set already.")
        target[key] = value
    return values


def _merge(base: dict[str, Any], layer: TomlSource) -> dict[str, Any]:
    """Put one layer over another, table by table.

    A component's options belong to the component: where the layer names another one by `use`, the
    options of the former are dropped rather than handed to it. In the same way the folder that a
    collection is made from belongs to that collection: a misspelt name is not to be made of it.
    """
    merged = dict(base)
    if layer.values.get("collection", base.get("collection")) != base.get("collection"):
        merged.pop("collection_from", None)
    for key, value in layer.values.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _merge_table(below, value)
        else:
            merged[key] = value
    return merged


def _merge_table(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Put a table over another; tables of components inside them are merged in the same way."""
    if "use" in above and above["use"] != below.get("use"):
        return dict(above)
    merged = {**below, **above}
    for key, value in above.items():
        inside = below.get(key)
        if isinstance(value, dict) and isinstance(inside, dict) and "use" in inside:
            merged[key] = _merge_table(inside, value)
    return merged


def choose(
    role: str,
    table: Mapping[str, Any],
    registry: Registry,
    layers: list[TomlSource],
    path: str = "",
) -> Chosen:
    """Validate the table of a component, and the tables of components inside it.

    `path` is where the table stands, dotted; the role itself for one of the configuration's own.
    """
    path = path or role
    options = dict(table)
    use = options.pop("use", None)
    if not isinstance(use, str):
        known = ", ".join(o.name for o in registry.offers(role)) or "none installed"
        raise ConfigError(f'{_place(layers, path)}: [{path}] needs `use = "…"`, one of: {known}.')
    model = registry.config_class(role, use)
    scoped = {
        name: options.pop(name)
        for name in COMPONENT_ROLES
        if isinstance(options.get(name), dict) and name not in model.model_fields
    }
    checked = _validate(model, options, path, layers)
    return Chosen(
        role,
        use,
        checked,
        scoped={
            name: choose(name, inside, registry, layers, f"{path}.{name}")
            for name, inside in scoped.items()
        },
        parts={
            option: tuple(
                choose(part, inside, registry, layers, f"{path}.{option}")
                for inside in _tables(getattr(checked, option))
            )
            for option, part in parts_of(model).items()
        },
    )


def choose_source(
    table: Mapping[str, Any],
    registry: Registry,
    layers: list[TomlSource],
    path: str = "collection_from",
) -> tuple[Chosen, str]:
    """Validate the table of a source; return the source, and the location that it looks at."""
    options = dict(table)
    location = options.pop("location", None)
    if not isinstance(location, str) or not location:
        raise ConfigError(
            f'{_place(layers, path)}: [{path}] needs `location = "…"`, where the images are.'
        )
    return choose("source", options, registry, layers, path), location


def _tables(value: Any) -> Sequence[Mapping[str, Any]]:
    if value is None:
        return ()
    return (value,) if isinstance(value, Mapping) else tuple(value)


def _validate(model: Any, values: dict[str, Any], table: str, layers: list[TomlSource]) -> Any:
    """Validate, and put the first trouble into words with its place in the file."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        key = path[-1] if path else ""
        owner = path[0] if not table and len(path) > 1 else table
        fields = model.model_fields
        if not table and len(path) > 1 and path[0] in _TABLES:
            fields = _TABLES[path[0]].model_fields
        # What is wrong with several keys together has no key of its own.
        where = _place(layers, owner, path[0] if table and path else key)
        label = f"[{owner}] " if owner else ""
        if first["type"] == "extra_forbidden":
            hint = suggestion(key, fields) or f" Known: {', '.join(fields)}."
            raise ConfigError(f"{where}: {label}unknown key {key!r}.{hint}") from error
        named = f"{'.'.join(path)} = {first['input']!r}: " if path else ""
        told = f"{label}{named}{first['msg']}"
        raise ConfigError(f"{where}: {told}") from error


def _place(layers: list[TomlSource], table: str, key: str = "") -> str:
    for layer in reversed(layers):
        if layer.holds(table, key):
            return layer.place(table, key)
    for layer in reversed(layers):
        if layer.holds(table):
            return layer.place(table)
    return layers[-1].name
