"""A CLIP tokenizer whose words are the world's words; any other text falls back to bytes."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from .world import CAPTION, COLOURS, CONDITIONED, NAME_TEMPLATES, NAMELESS, World

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"


def _byte_characters() -> list[str]:
    """The printable stand-ins for the 256 bytes, in GPT-2's order."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [chr(256 + n) for n in range(256 - len(kept))]
    return [chr(b) for b in kept] + moved


def _words(world: World) -> list[str]:
    templates = [
        *NAME_TEMPLATES,
        CAPTION,
        CONDITIONED,
        *NAMELESS,
        "background an a and in the with",
    ]
    text = " ".join([*world.names, *COLOURS, *world.patterns, *templates]).lower()
    return sorted(set(re.findall(r"[a-z]+|[^\sa-z]", text)))


def _learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Merge the most frequent neighbours until every word is one token."""
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges: list[tuple[str, str]] = []
    while True:
        counts = Counter(pair for parts in pieces.values() for pair in pairwise(parts))
        if not counts:
            return merges
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for word, parts in pieces.items():
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == best:
                    joined[-1] += part
                else:
                    joined.append(part)
            pieces[word] = joined


def build_tokenizer(world: World, context: int) -> CLIPTokenizer:
    """The tokenizer of text tower and pipeline; the end token has the highest id."""
    from transformers import CLIPTokenizer

    merges = _learn_merges(_words(world))
    characters = _byte_characters()
    entries = characters + [c + "</w>" for c in characters] + [a + b for a, b in merges]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys([*entries, START, END]))}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=context,
    )
