"""What the core itself offers, through the same hooks as every plugin."""

from __future__ import annotations

from imagerag.hooks import Command, Offer, hookimpl

_COMMANDS = (
    ("init", "write a configuration file with comments", "init"),
    ("generate", "paint a prompt", "generate"),
    ("batch", "paint many prompts side by side, and go on where it stopped", "batch"),
    ("report", "show what a batch painted, as a page that opens offline", "report"),
    ("runs", "list, show, export and compare what a batch has made", "runs"),
    ("show", "tell the story of a picture", "show"),
    ("replay", "make a picture again from its record", "replay"),
    ("strip", "take the record out of a picture", "strip"),
    ("collection", "create, fill, list and trim collections of images", "collection"),
    ("search", "look a text or a picture up, and draw what was found", "search"),
    ("index", "bring a collection's index up to date", "index"),
    ("plugins", "list plugins, and say what one offers", "plugins"),
    ("config", "show a configuration, or its schema", "config"),
    ("doctor", "say what is installed, and what is lacking", "doctor"),
)


@hookimpl
def imagerag_commands() -> list[Command]:
    """Offer the core's own commands."""
    return [
        Command(name, summary, f"imagerag.cli.{module}:{name}")
        for name, summary, module in _COMMANDS
    ]


@hookimpl
def imagerag_sources() -> list[Offer]:
    """Offer the source that every collection can be made from."""
    return [
        Offer(
            "folder",
            "a folder of images, with captions from a sidecar file",
            target="imagerag.collection.folder:FolderSource",
            config="imagerag.collection.folder_config:FolderConfig",
        )
    ]


@hookimpl
def imagerag_retrievers() -> list[Offer]:
    """Offer the retriever that combines others."""
    return [
        Offer(
            "union",
            "what several retrievers find, each item once, by reciprocal rank fusion",
            target="imagerag.components.union:UnionRetriever",
            config="imagerag.components.config:UnionConfig",
        )
    ]


@hookimpl
def imagerag_rerankers() -> list[Offer]:
    """Offer the re-ranker that asks the critic."""
    return [
        Offer(
            "critic",
            "the run's critic chooses among the candidates' pictures",
            target="imagerag.components.choice:CriticReranker",
            config="imagerag.components.config:ChoiceConfig",
        )
    ]
