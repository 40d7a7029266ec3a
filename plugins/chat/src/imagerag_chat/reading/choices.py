"""Which picture: the better of two, and an order among several."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from imagerag.text import clean
from imagerag.values import Choice, Malformed, Refused
from imagerag_chat.question import Trouble
from imagerag_chat.reading.answers import read, refusal_in, unwrapped
from imagerag_chat.reading.bare import LONGEST_LINE, excerpt, shortened
from imagerag_chat.reading.concepts import NOTES, field
from imagerag_chat.reading.nothings import says_nothing

BETTER = ("better", "best", "winner", "choice", "preferred", "answer", "verdict", "result", "which")
ORDER = ("order", "ranking", "ranked", "choice", "choices", "chosen", "best", "pictures", "images",
         "indices", "indexes", "numbers", "answer", "result", "list")  # fmt: skip

_WHICH = re.compile(
    r"""(?:(?:i\ (?:would\ )?(?:choose|prefer|pick)|answer|better|winner|it\ is|it's|
          the\ better\ (?:one|picture)(?:\ is)?)\s*[:=]?\s*)?
        (?:the\ |das\ |die\ |der\ |la\ |le\ |l'|el\ |il\ |a\ |o\ )?
        (?:(?:picture|image|option|photo|candidate|bild|no\.|number|\#|imagen|immagine|图|图片|画像)\s*)?
        (?P<which>first|second|1st|2nd|one|two|1|2|a|b|left|right|ersten?s?|zweiten?s?|premi[eè]re?|
          deuxi[eè]me|seconde?|primer[ao]?|prim[ao]|segund[ao]|primeir[ao]|перв\w+|втор\w+|
          tie|tied|draw|both|neither|none|equal|equally|same|unentschieden|beide|égalité|empate|
          pareggio|ничья|ambas|les\ deux|(?P<wide>第一|第二|[一二12]枚目|両方|同じ|平局|一样))
        (?(wide)|(?![\w'-]))""",
    re.VERBOSE | re.IGNORECASE,
)
_FIRST = ("first", "1st", "one", "1", "a", "left", "第一", "一枚目", "1枚目")
_SECOND = ("second", "2nd", "two", "2", "b", "right", "第二", "二枚目", "2枚目")
_FIRST_LIKE = ("erst", "premi", "prim", "перв")
_SECOND_LIKE = ("zweit", "deuxi", "second", "segund", "втор")
_EVEN = re.compile(
    r"(?:both|the two|they|the)(?: (?:pictures|images|attempts|of them))? (?:both )?"
    r"(?:are|match|fit|show|look)\b(?: \w+)? (?:equal|equally|the same|identical|alike)\b"
    r"|they are (?:equal|equally|the same|identical|alike)\b"
)
_WEAK = {"1", "2", "a", "b", "one", "two", "same", "none", "both"}
_ORDINALS = {"first", "second"}
_SAID = re.compile(r"\s*[.,:;!\n)*–—-]|\s+(?:is|fits|matches|shows)\b")
_WRAPPING = " \t\n\r.!*_#\"'`“”«»()[]:"
_LABELLED = re.compile(
    r"(?:picture|image|photo|candidate|option|bild|imagen|immagine|no\.|number|#|图片?|画像)\s*#?"
    r"(\d{1,3})(?!\d)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(
    r"(?:(?:the )?(?:order|ranking|answer|best(?: first)?)\s*(?:is)?\s*[:=]\s*)?"
    r"(?:(?:pictures|images|numbers)\s+)?"
    r"(\d{1,3}(?:[\s,;>→|]+(?:and\s+|then\s+)?\d{1,3})*)[\s.\])]*",
    re.IGNORECASE,
)
_LINE = re.compile(r"\s*(?:\d{1,3}[.)]|[-*•])\s+(?:\D{0,30}?)(\d{1,3})(?!\d)")

Better = Literal["first", "second", "tie"]


def read_comparison(answer: Any) -> tuple[Better, str] | Trouble:
    """Read which of two pictures is better, with the model's reason."""
    return read(answer, _comparison, _comparison_in_words)


def read_order(answer: Any, count: int) -> Choice | Trouble:
    """Read an order of pictures that were numbered from 1 to `count`, as indexes from 0.

    Numbers that no picture has, and repeated ones, are dropped. An empty order says that none fits.
    """
    return read(
        answer, lambda value: _order(value, count), lambda text: _order_in_words(text, count)
    )


def _note(value: Any) -> str:
    said = field(value, NOTES)[1] if isinstance(value, Mapping) else None
    return clean(said) if isinstance(said, str) else ""


def _comparison(value: Any) -> tuple[Better, str] | Malformed | Refused | None:
    value = unwrapped(value, BETTER)
    said = value
    if isinstance(value, Mapping):
        named, said = field(value, BETTER)
        if not named:
            return refusal_in(value)
    if isinstance(said, bool) or not isinstance(said, str | int):
        return Malformed(f"neither picture, nor a tie: {excerpt(repr(said))}")
    which = _which(str(said)[:LONGEST_LINE], whole=True)
    if which is None:
        return Malformed(f"neither picture, nor a tie: {excerpt(str(said))}")
    return which, _note(value)


def _comparison_in_words(text: str) -> tuple[Better, str] | None:
    which = _which(text, whole=False)
    return None if which is None else (which, clean(text))


def _which(text: str, *, whole: bool) -> Better | None:
    """Return what a text names at its start.

    A letter, a digit or "one" that other words follow may be anything ("A dog …"), and so may
    "First," before a reasoning.
    """
    plain = text.replace("’", "'").strip(_WRAPPING).casefold()
    if _EVEN.match(plain):
        return "tie"
    found = _WHICH.match(plain)
    if found is None:
        return None
    word, rest = found["which"].casefold(), plain[found.end() :].strip(_WRAPPING)
    bare = found.start("which") == 0 and bool(rest)
    if bare and word in _WEAK and not _SAID.match(plain, found.end()):
        return None
    if bare and word in _ORDINALS and plain[found.end()] == ",":
        return None
    if whole and len(rest) > 60:
        return None
    if word in _FIRST or word.startswith(_FIRST_LIKE):
        return "first"
    if word in _SECOND or word.startswith(_SECOND_LIKE):
        return "second"
    return "tie"


def _order(value: Any, count: int) -> Choice | Malformed | Refused | None:
    value = unwrapped(value, ORDER)
    said = value
    if isinstance(value, Mapping):
        named, said = field(value, ORDER)
        if not named:
            return refusal_in(value)
    if said is None:
        return Choice((), _note(value) or "no picture fits")
    if isinstance(said, str):
        chosen = _order_in_words(shortened(said), count)
        if not isinstance(chosen, Choice):
            return chosen
        return Choice(chosen.order, _note(value) or chosen.note)
    if isinstance(said, int) and not isinstance(said, bool):
        said = [said]
    if not isinstance(said, list):
        return Malformed(f"no order of pictures: {excerpt(repr(said))}")
    numbers = [_number(entry) for entry in said]
    if any(number is None for number in numbers):
        return Malformed(f"no order of pictures: {excerpt(repr(said))}")
    return _chosen([number for number in numbers if number is not None], count, _note(value))


def _number(value: Any) -> int | None:
    """Return the number of a picture in any form that leaves no doubt."""
    if isinstance(value, Mapping):
        value = field(value, ("number", "picture", "image", "index", "id", "label"))[1]
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, int):
        return value
    if not isinstance(value, str):
        return None
    words = value.strip(_WRAPPING)
    if re.fullmatch(r"\d{1,3}", words):
        return int(words)
    found = _LABELLED.fullmatch(words)
    return int(found[1]) if found else None


def _order_in_words(text: str, count: int) -> Choice | Malformed | None:
    plain = text.strip(_WRAPPING)
    if says_nothing(text) or re.match(r"none of (?:them|these|the)\b", plain, re.IGNORECASE):
        return Choice((), "no picture fits")
    if found := _NUMBERS.fullmatch(plain):
        return _chosen([int(number) for number in re.findall(r"\d+", found[1])], count, "")
    lines = [found for line in text.splitlines() if (found := _LINE.match(line))]
    if lines:
        return _chosen([int(found[1]) for found in lines], count, "")
    if labelled := _LABELLED.findall(text):
        return _chosen([int(number) for number in labelled], count, clean(text))
    return None


def _chosen(numbers: list[int], count: int, note: str) -> Choice | Malformed:
    """Return the order without numbers that no picture has, and without repetitions."""
    order = tuple(dict.fromkeys(number - 1 for number in numbers if 1 <= number <= count))
    if numbers and not order:
        return Malformed(f"no picture has one of the numbers {excerpt(str(numbers), 60)}")
    dropped = len(numbers) - len(order)
    remark = f"{dropped} of {len(numbers)} numbers were repeated or no picture's" if dropped else ""
    return Choice(order, "; ".join(part for part in (note, remark) if part))
