"""The generator `gpt-image`: pictures by OpenAI's images API, with references in context."""

__all__: list[str] = []
