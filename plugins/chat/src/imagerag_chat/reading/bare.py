"""An answer without its wrapping: invisible characters, reasoning, end marks, quotation marks."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from imagerag.text import clean
from imagerag.values import Malformed

LONGEST = 100_000
"""Characters of an answer that is read at all; what is asked for takes some hundreds."""

LONGEST_WORDS = 20_000
LONGEST_LINE = 1_000
"""Characters of an answer in words, and of a line in it, that are read: the patterns that words are
matched with take time that grows faster than what they read."""

_REASONING = re.compile(r"\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_OPEN_REASONING = re.compile(r"\s*<(?:think|thinking|reasoning)>", re.IGNORECASE)
_END_OF_REASONING = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_TURN = re.compile(r"<\|(?:im_start|im_end|endoftext|end|eot_id|start_header_id|user|system)\|>")
_MARKUP = re.compile(r"<\|[^<>|\s]{1,40}\|>")
_LONG_SPACE = re.compile(r"\s{40,}")
_TAGGED = re.compile(r"<(answer|output|response|result|json)>(.*)</\1>", re.DOTALL | re.IGNORECASE)
_END_MARKS = re.compile(r"(?:\s*(?:<\|[^<>|\s]{1,40}\|>|</s>|<eos>))+\s*$")
_PAIRS = (
    ('"', '"'),
    ("'", "'"),
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("‘", "’"),
    ("«", "»"),
    ("»", "«"),
    ("「", "」"),
    ("『", "』"),
    ("`", "`"),
    ("*", "*"),
    ("_", "_"),
)


def prepare(answer: Any) -> str | Malformed:
    """Return the words of an answer, or why there are none; the work is bounded by `LONGEST`."""
    if not isinstance(answer, str):
        return Malformed(f"the answer is no text but of type {type(answer).__name__!r}")
    if len(answer) > LONGEST:
        return Malformed(f"the answer has {len(answer)} characters, more than {LONGEST}")
    text = "".join(char for char in answer if _visible(char)).strip()
    text = _LONG_SPACE.sub(lambda space: "\n" if "\n" in space.group() else " ", text)
    while found := _REASONING.match(text):
        text = text[found.end() :]
    if _OPEN_REASONING.match(text):
        return Malformed("the answer is reasoning that never comes to an end")
    if not text.lstrip().startswith(("{", "[", "```")):
        # Some chat templates open the reasoning themselves, so that only its end is seen.
        text = _END_OF_REASONING.split(text)[-1]
    text = _END_MARKS.sub("", text).strip()
    if wrapped := _TAGGED.fullmatch(text):
        text = wrapped[2].strip()
    return text or Malformed("the answer is empty")


def _visible(char: str) -> bool:
    """Keep lines and tabs; drop controls, bidi and zero-width characters, lone surrogates."""
    return char in "\t\n\r" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}


def shortened(text: str) -> str:
    """Return the beginning of an answer in words: its own turn, as much of it as is read.

    What follows a mark of turns is a conversation that the model made up.
    """
    turn = _TURN.split(text[:LONGEST_WORDS], maxsplit=1)[0]
    lines = _MARKUP.sub("", turn).splitlines()
    return "\n".join(line[:LONGEST_LINE] for line in lines)


def unquoted(text: str) -> str:
    """Return `text` without the quotation or emphasis marks around all of it.

    They are taken off in pairs only: apostrophes stay, and so do marks around a part.
    """
    text = text.strip()
    for _ in range(4):
        for opening, closing in _PAIRS:
            inside = text[1:-1]
            ends = len(text) > 1 and text[0] == opening and text[-1] == closing
            if ends and _whole(inside, opening, closing):
                text = inside.strip()
                break
        else:
            break
    return text


def _whole(inside: str, opening: str, closing: str) -> bool:
    """Say whether the outer marks are a pair, and not the ends of two, as in "a" and "b"."""
    if opening != closing:
        level = 0
        for char in inside:
            level += (char == opening) - (char == closing)
            if level < 0:
                return False
        return level == 0
    marks = [at for at, char in enumerate(inside) if char == opening and _outside_word(inside, at)]
    if not marks:
        return True
    if marks[0] == 0 or inside[marks[0] - 1] in " \t\n(":  # a quotation within the quotation
        return len(marks) % 2 == 0
    return opening == "'" and len(marks) % 2 == 1  # 'the dogs' bowl'


def _outside_word(text: str, at: int) -> bool:
    return not (text[at - 1 : at].isalnum() and text[at + 1 : at + 2].isalnum())


def excerpt(text: str, longest: int = 160) -> str:
    """Return the beginning of an answer for a note, cleaned and in its own quotation marks."""
    short = clean(text, longest + 1)
    return repr(short if len(short) <= longest else short[: longest - 1] + "…")
