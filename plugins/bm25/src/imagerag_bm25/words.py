"""What counts as a word: the one reading of captions and of queries alike."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import unicodedata
from functools import cache
from typing import Any

LONGEST = 10_000
"""Characters of one text that are read; catalogues keep 2,000 of a caption."""

_ENGLISH = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
"""
ENGLISH = frozenset(_ENGLISH.split())
"""The words that Lucene's analysers leave out, its `StopAnalyzer.ENGLISH_STOP_WORDS_SET`."""

_KNOWN = 200_000
"""Words whose form is remembered: more than the vocabulary of most collections."""

_VERSION = 1
"""Of the rules below; another version reads texts otherwise, and wants another index."""

# Scripts that are written without spaces between words, and Hangul, whose words carry their
# particles: Thai, Lao, Myanmar, Hangul, Khmer, Kana, Bopomofo, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    "\u3031-\u3035\u3038-\u30ff\u3100-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_PLAIN = re.compile(r"[a-z0-9]+")
_POSSESSIVE = re.compile(r"(?<=\w)'s(?!\w)")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'", "\uff07": "'"})


class Words:
    """Cuts texts into the words that are counted. Safe to share between threads.

    Letters and digits make words; hyphens, apostrophes and every other sign end them, and the
    English possessive "'s" goes. Words are folded to one case and one form (NFKC), combining marks
    stay. Text in scripts without spaces becomes its characters and the pairs of neighbours among
    them. Stop words are left out, and what remains loses the endings that the stemmer knows.

    `id` names these rules: equal ids read every text alike.
    """

    def __init__(self, stop_words: str | tuple[str, ...], stemmer: str) -> None:
        """Take the options of the same names: `stop_words` are "english", "none" or a list."""
        self._stop = _stop_words(stop_words)
        self._stemmer: Any = None
        self._lock = threading.Lock()
        self._forms = dict.fromkeys(self._stop, "")
        version = ""
        if stemmer != "none":
            import Stemmer  # type: ignore[import-not-found]

            self._stemmer = Stemmer.Stemmer(stemmer)
            version = Stemmer.version()
        rules = [_VERSION, unicodedata.unidata_version, sorted(self._stop), stemmer, version]
        self.id = hashlib.sha256(json.dumps(rules).encode()).hexdigest()

    def of(self, text: str) -> list[str]:
        """Return the words of `text` in order, of its first `LONGEST` characters."""
        known = self._forms
        return [
            form
            for word in split(text[:LONGEST])
            if (form := known[word] if word in known else self._form(word))
        ]

    def _form(self, word: str) -> str:
        """Return what is left of a word that is not known yet."""
        form = word
        with self._lock:  # a stemmer keeps a buffer of its own
            if self._stemmer is not None:
                form = self._stemmer.stemWord(word)
            if len(self._forms) < _KNOWN + len(self._stop):
                self._forms[word] = form
        return form


def split(text: str) -> list[str]:
    """Return all words of a text, folded, in order."""
    if text.isascii():
        folded = text.lower()
        if "'" in folded:
            folded = _POSSESSIVE.sub("", folded)
        return _PLAIN.findall(folded)
    plain = unicodedata.normalize("NFKC", text).casefold()
    # Casefolding can undo the form, and the form the case: once more settles both.
    plain = unicodedata.normalize("NFKC", plain).translate(_APOSTROPHES)
    plain = _without_invisible(plain)
    found: list[str] = []
    words, characters = _patterns()
    for unspaced, word in words.findall(_POSSESSIVE.sub("", plain)):
        if word:
            found.append(word)
        else:
            found.extend(_neighbours(characters.findall(unspaced)))
    return found


def _neighbours(characters: list[str]) -> list[str]:
    """Return each character, and after it its pair with the next."""
    found = []
    for character, following in zip(characters, [*characters[1:], ""], strict=True):
        found.append(character)
        if following:
            found.append(character + following)
    return found


def _without_invisible(text: str) -> str:
    """Drop format characters, which may stand inside a word; a zero-width space ends one."""
    if text.isprintable():
        return text
    text = text.replace("\u200b", " ")
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _stop_words(given: str | tuple[str, ...]) -> frozenset[str]:
    if isinstance(given, str):
        return ENGLISH if given == "english" else frozenset()
    return frozenset(word for text in given for word in split(text))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    r"""Return what matches (unspaced run, word), and what matches one character with its marks.

    `\w` leaves out combining marks, without which the words of many scripts fall apart.
    """
    # Marks stand below U+20000, but for variation selectors, which NFKC keeps.
    codes = [*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)]
    marks = _ranges([code for code in codes if unicodedata.category(chr(code)).startswith("M")])
    one = rf"(?=[^\W_])[{_UNSPACED}][{marks}]*"
    word = rf"(?:(?![{_UNSPACED}])[^\W_][{marks}]*)+"
    return re.compile(rf"((?:{one})+)|({word})"), re.compile(one)


def _ranges(codes: list[int]) -> str:
    """Write sorted code points as the inside of a character class."""
    text, start = "", codes[0]
    for code, following in zip(codes, [*codes[1:], -1], strict=True):
        if following != code + 1:
            text += f"\\U{start:08x}-\\U{code:08x}"
            start = following
    return text
