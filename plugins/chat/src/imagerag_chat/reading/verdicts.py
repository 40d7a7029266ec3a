"""Yes and no, where an answer begins with one; a word further on or inside another is neither."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal, TypeAlias

from imagerag_chat.reading.bare import shortened
from imagerag_chat.reading.languages import LANGUAGES, Language

Verdict: TypeAlias = Literal["yes", "qualified", "no"]
"""What an answer begins with: a yes, a yes that is taken back ("Yes, but …"), or a no."""

_WRAPPING = re.compile(r"[\W_]*")
_LABEL = re.compile(
    r"(?:(?:final |my |the )*(?:answer|verdict|match(?:es|ed)?|result|response|assistant|antwort|"
    r"réponse|respuesta|risposta|resposta|ответ|回答|答え|答案|答|الإجابة|الجواب|답|답변)"
    r"(?:\s*\([^()\n]{1,30}\))?(?:[\s*_]*[:：=][\s*_]*|\s+is[\s:]+)|"
    r"(?:does|is) (?:the|this|it)\b[^?\n]{0,120}\?\s+)"
)
_PICTURE = re.compile(
    r"(?:the|this|your) (?:\w+ )?(?:picture|image|photo|drawing|illustration|draft|painting) "
    r"(?:(?P<no>(?:does not|doesn't|do not|fails to|only partially|partially|partly) (?:\w+ )?"
    r"(?:match|show|depict|reflect|contain|include|fit|meet|correspond)(?:e?s)?)|"
    r"(?:fully |does |clearly |accurately |completely |perfectly )?"
    r"(?:match(?:es)?|correspond(?:s)? to|fits))\b"
)
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|「[^」\n]*」|‘[^’\n]*’")
_PARTS = re.compile(r"[.!?;,\n:–—。、，；！？،؛()]+")
_NUMBERED = re.compile(r"\.\s*\d")  # "No. 5"
_PAUSE = re.compile(r"[ \t]*(?:\n|[^\w\s'\"/-]|[-–—](?=\s))")
_JOINED = re.compile(r"[-'/]\w")
_APART = re.compile(r"[\s\"“”„«»\[\]*_`]+")
_NOT_TAKEN_BACK = re.compile(r"\b(?:nothing|anything|none|all|everything) but\b|\bbut also\b")


def verdict(text: str) -> Verdict | None:
    """Return the yes or no that a prepared answer begins with, None where it does not.

    "No, the eyes are wrong" is a no. "Yes, but the bird is missing" and "Partly" are not a yes.
    "Yes-man", "yesterday" and "the sign says yes" are nothing of the kind, and "No. 5" neither.
    """
    text = _plain(shortened(text))
    if stated := _PICTURE.match(text):
        if stated["no"]:
            return "no"
        return "qualified" if taken_back(text[stated.end() :], [LANGUAGES[0]]) else "yes"
    for word, language, kind in _BY_LENGTH:
        if not text.startswith(word) or not _ends(text, len(word), language, word in _SOFT[kind]):
            continue
        if kind == "no":
            return "no"
        speaking = [other for other in LANGUAGES if word in other.yes + other.soft_yes]
        return "qualified" if taken_back(text[len(word) :], speaking) else "yes"
    return None


def _plain(text: str) -> str:
    text = text.replace("’", "'").casefold()
    for _ in range(2):  # "**Answer:** yes"
        wrapping = _WRAPPING.match(text)
        assert wrapping is not None  # it matches nothing at all, too
        text = text[wrapping.end() :]
        if label := _LABEL.match(text):
            text = text[label.end() :]
    return text


_SOFT = {
    "yes": {word for language in LANGUAGES for word in language.soft_yes},
    "no": {word for language in LANGUAGES for word in language.soft_no},
}
_BY_LENGTH = sorted(
    (
        (word.casefold(), language, kind)
        for language in LANGUAGES
        for kind, words in (
            ("yes", language.yes + language.soft_yes),
            ("no", language.no + language.partly + language.soft_no),
        )
        for word in words
    ),
    key=lambda entry: -len(entry[0]),
)


def _ends(text: str, end: int, language: Language, soft: bool) -> bool:
    """Say whether the word that ends at `end` stands by itself, and decides."""
    rest = text[end:]
    if _NUMBERED.match(rest):
        return False
    if soft:
        letter = end == 1 and text[0].isascii()  # "y" and "n", as in "Y-shaped"
        decided = not letter and _PAUSE.match(rest) is not None
        return decided or not rest.strip(" \t\n.!\"'*`)")
    return not language.spaced or not (_continues(rest[:1]) or _JOINED.match(rest))


def _continues(char: str) -> bool:
    """Say whether a character goes on with a word: a letter, a digit, or a mark on a letter."""
    return char.isalnum() or char == "_" or (char != "" and unicodedata.category(char)[0] == "M")


def taken_back(rest: str, languages: Sequence[Language]) -> bool:
    """Say whether what follows a yes (or a "nothing") says "but", or names a lack."""
    rest = _NOT_TAKEN_BACK.sub(" ", _QUOTED.sub(" ", rest))
    parts = [part.strip() for part in _PARTS.split(rest)]
    return any(_takes_back(part, language) for part in parts if part for language in languages)


def _takes_back(part: str, language: Language) -> bool:
    if language.spaced:
        if _has(part, language.but) or part.startswith(language.partly) or part in language.no:
            return True
        return _has(part, language.lacking) and not _has(part, language.negating)
    if part.startswith(language.but + language.partly) or part.endswith(language.but):
        return True
    negated = any(word in part for word in language.negating)
    return not negated and any(word in part for word in language.lacking)


def _has(part: str, words: tuple[str, ...]) -> bool:
    """Say whether one of `words` is in `part`, as a word of its own."""
    padded = f" {' '.join(_APART.split(part))} "
    return any(f" {word} " in padded for word in words)
