"""The generated pages of the reference: all of them, by their place in the site."""

from __future__ import annotations

from workspace import distributions

from docs_site import commands, interface, options, rules
from imagerag import Registry


def pages() -> dict[str, str]:
    """Return {page: Markdown}, from what is installed here."""
    registry = Registry()
    ours = set(distributions())
    return {
        "reference/api.md": interface.api(),
        "reference/commands.md": commands.page(registry, ours),
        "reference/errors.md": interface.errors(),
        "reference/hooks.md": interface.hooks(),
        "reference/presets.md": options.presets(registry, ours),
        "reference/roles.md": interface.roles(),
        "reference/rules.md": rules.page(),
        **options.pages(registry, ours),
    }
