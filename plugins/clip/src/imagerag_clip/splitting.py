"""Split a prompt into the concepts that it names. Rules, not a model: no weights, no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from imagerag_clip import vocabulary as words
from imagerag_clip.text import clean
from imagerag_clip.wording import singular

MOST = 12
"""Concepts of one prompt; a picture that names more is not reviewed concept by concept."""

LONGEST = 8
"""Words of one concept. Only the last ones are kept, where English has the noun."""

READ = 1500
"""Characters of a prompt that are read."""

TOKEN = re.compile(r"[^\W_](?:[\w'’\-]*[\w])?|[,;:.!?()\[\]{}|/&+…—–]")
QUOTED = r"(?:\"[^\"]*\"|“[^”]*”|‘[^’]*’|'[^']*')"
LETTERING = re.compile(
    r"(?:\b(?:that\s+)?(?:says|saying|reads|reading|titled|labell?ed)|"
    r"\bwith\s+the\s+(?:text|words?|caption|inscription|title|lettering))\s*[:,]?\s*" + QUOTED,
    re.IGNORECASE,
)
ORDER = {"object": 0, "background": 1, "style": 2}


@dataclass(frozen=True)
class Phrase:
    """A concept of a prompt: its name without article, and its kind ("object", "background" …)."""

    name: str
    kind: str


def split_prompt(prompt: str, known: Mapping[str, Iterable[str]] | None = None) -> list[Phrase]:
    """Return the concepts of `prompt`: objects first, then settings, then styles.

    Within a kind they stand in the order of the prompt; each is named once. Requests ("draw a
    picture of"), quality words ("4k, masterpiece"), lettering in quotation marks and what the
    prompt excludes ("without people") are no concepts. Any text gives a list, perhaps empty.

    Args:
        prompt: The text. Only its first 1,500 characters are read.
        known: Names by kind, as in a contrast set. They are kept whole ("house with garden"), and
            decide the kind of a phrase that is one, or that ends in one.
    """
    lexicon = _Lexicon.of(known or {})
    text = LETTERING.sub(" ", clean(prompt[: 2 * READ])[:READ])
    tokens = _units(TOKEN.findall(_calm(text)), lexicon)
    start, style = _lead_in(tokens)
    parser = _Parser(tokens[start:], lexicon)
    parser.run()
    phrases = [*parser.phrases, *([Phrase(style, "style")] if style else [])]
    unique = {phrase.name.casefold(): phrase for phrase in reversed(phrases)}
    kept = [phrase for phrase in phrases if unique.pop(phrase.name.casefold(), None) is not None]
    return sorted(kept, key=lambda phrase: ORDER.get(phrase.kind, 1))[:MOST]


@dataclass(frozen=True)
class _Lexicon:
    """Known names, looked up without regard to case."""

    kinds: Mapping[str, str]
    heads: Mapping[str, str]
    spelling: Mapping[str, str]
    longest: int

    @classmethod
    def of(cls, known: Mapping[str, Iterable[str]]) -> _Lexicon:
        kinds: dict[str, str] = {}
        heads: dict[str, str] = {}
        spelling: dict[str, str] = {}
        for kind, names in known.items():
            for name in names:
                folded = name.casefold()
                kinds.setdefault(folded, kind)
                spelling.setdefault(folded, name)
                heads.setdefault(singular(folded.rsplit(maxsplit=1)[-1]), kind)
        longest = max((len(name.split()) for name in kinds), default=1)
        return cls(kinds, heads, spelling, longest)

    def kind(self, name: str, may_be_style: bool) -> str:
        """Return the kind of a phrase: as listed, else by its head, else an object."""
        folded = name.casefold()
        head = folded.split(" of ")[0].rsplit(maxsplit=1)[-1]
        if listed := self.kinds.get(folded) or self.kinds.get(head):
            return listed
        if head in words.SETTINGS:
            return "background"
        if head in words.STYLES and may_be_style:
            return "style"
        kind = self.heads.get(singular(head), "object")
        return kind if kind != "style" or may_be_style else "object"


def _calm(text: str) -> str:
    """Return `text` in lower case where its capitals carry no meaning."""
    long = re.findall(r"[^\W\d_]{4,}", text)
    if long and all(word[0].isupper() for word in long):
        return text.lower()
    first, _, rest = text.partition(" ")
    return text if rest[:1].isupper() or first.isupper() else f"{first.lower()} {rest}"


def _units(tokens: list[str], lexicon: _Lexicon) -> list[str]:
    """Join the tokens of known names of several words, the longest first."""
    units = []
    at = 0
    while at < len(tokens):
        for length in range(min(lexicon.longest, len(tokens) - at), 1, -1):
            name = " ".join(tokens[at : at + length]).casefold()
            if name in lexicon.spelling:
                units.append(lexicon.spelling[name])
                at += length
                break
        else:
            units.append(tokens[at])
            at += 1
    return units


def _lead_in(tokens: list[str]) -> tuple[int, str]:
    """Return where the content begins after "draw an oil painting of", and the style named."""
    folded = [unit.casefold() for unit in tokens]
    at = 0
    while at < len(folded) and folded[at] in words.REQUESTS:
        at += 1
    for medium in range(at, min(at + 7, len(folded) - 1)):
        if folded[medium] == "of":
            break
        kind = folded[medium].rsplit(maxsplit=1)[-1]  # of a unit such as "oil painting"
        if kind in words.MEDIA and folded[medium + 1] in {"of", "showing", "depicting"}:
            before = [w for w in folded[at:medium] if w not in words.DETERMINERS | words.BOOSTERS]
            known = kind != folded[medium]
            styled = known or any(w in words.STYLES or w in words.COLOURS for w in before)
            if kind not in words.NEUTRAL_MEDIA:
                before = [w for w in before if w in words.STYLES or w not in words.QUALITIES]
                return medium + 2, " ".join([*before, folded[medium]])
            return medium + 2, " ".join([*before, folded[medium]]) if styled else ""
    return at, ""


@dataclass
class _Parser:
    """Reads units from left to right and closes a phrase wherever a connector stands."""

    tokens: list[str]
    lexicon: _Lexicon
    phrases: list[Phrase] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    determined: bool = False
    mode: str = ""
    apart: bool = True  # whether the phrase began the prompt, or after a comma

    def run(self) -> None:
        at = 0
        while at < len(self.tokens):
            at += self._step(at)
        self._close()

    def _step(self, at: int) -> int:
        """Read one unit or connector; return how many tokens it took."""
        unit = self.tokens[at]
        folded = unit.casefold()
        if folded in self.lexicon.kinds:
            self.current.append(unit)
            return 1
        if not (unit[0].isalnum() or unit == "&"):
            self._close()
            self.apart = True
            return 1
        if length := self._matches(at, words.STYLE_CONNECTORS):
            self._close("style")
            return length
        if folded in words.ABSENCE:
            self._close("absent")
            return 1
        if self._pairs_attributes(at):
            self.current.append(unit)
            return 1
        if length := self._connector(at):
            self._close("absent" if self.mode == "absent" and folded in {"and", "or"} else "")
            return length
        if folded in words.DETERMINERS:
            if self.current[-1:] == ["of"]:
                self.current.append(unit)
                return 1
            if self.current:
                self._close()
            self.determined = True
            return 1
        if not self.current and (length := self._matches(at, words.QUANTITIES)):
            return length
        if self._verb(at):
            self._close()
            return 1
        self.current.append(unit)
        return 1

    def _matches(self, at: int, phrases: frozenset[tuple[str, ...]]) -> int:
        for length in range(min(5, len(self.tokens) - at), 0, -1):
            if tuple(unit.casefold() for unit in self.tokens[at : at + length]) in phrases:
                return length
        return 0

    def _connector(self, at: int) -> int:
        return self._matches(at, words.CONNECTORS) or int(self.tokens[at] == "&")

    def _pairs_attributes(self, at: int) -> bool:
        """Say whether this is the "and" of "a black and white cat"."""
        if self.tokens[at].casefold() not in {"&", "and"} or not 0 < at < len(self.tokens) - 1:
            return False
        sides = {self.tokens[at - 1].casefold(), self.tokens[at + 1].casefold()}
        return bool(self.current) and sides <= words.COLOURS | words.PATTERNS

    def _verb(self, at: int) -> bool:
        folded = self.tokens[at].casefold()
        after = self.tokens[at + 1].casefold() if at + 1 < len(self.tokens) else ""
        noun_before = bool(self.current) and self.current[-1].casefold() not in words.ATTRIBUTES
        if folded in words.VERBS:
            return noun_before or not self.determined
        if folded.endswith("ing") and len(folded) > 4 and folded not in words.NOUNS_IN_ING:
            opens = after in words.DETERMINERS or self._connector_word(after) or not after
            return noun_before or (not self.determined and opens)
        if folded in words.PARTICIPLES:
            opens = not self.determined and not self.current and after in words.AFTER_PARTICIPLE
            return opens or (noun_before and self._connector_word(after))
        if folded.endswith("ed") and folded not in words.NOUNS_IN_ED:
            opens = not self.determined and not self.current
            return (noun_before or opens) and after in words.AFTER_PARTICIPLE
        return False

    def _connector_word(self, word: str) -> bool:
        return (word,) in words.CONNECTORS or (word != "" and not word[0].isalnum())

    def _close(self, mode: str = "") -> None:
        """End the current phrase, keep it if it names something, and begin the next."""
        name = self._name()
        if name and self.mode != "absent":
            may_be_style = self.apart or not self.determined
            kind = "style" if self.mode == "style" else self.lexicon.kind(name, may_be_style)
            self.phrases.append(Phrase(name, kind))
        self.current, self.determined, self.mode, self.apart = [], False, mode, False

    def _name(self) -> str:
        parts = self.current[-LONGEST:]
        while parts and (parts[0].casefold() in words.STRAYS | {"of", "and"} or parts[0].isdigit()):
            parts = parts[1:]
        while parts and self._trails(parts):
            parts = parts[:-1]
        folded = [part.casefold() for part in parts]
        name = " ".join(parts)
        if name.casefold() in self.lexicon.kinds:
            return self.lexicon.spelling[name.casefold()]
        nothing = (
            all(part in words.BOOSTERS or part.isdigit() for part in folded)
            or all(part in words.STRAYS | words.PLACES for part in folded)
            or (not self.determined and all(part in words.ATTRIBUTES for part in folded))
            or (len(name) == 1 and name.isascii())
            or (all(part in words.MEDIA & words.NEUTRAL_MEDIA for part in folded))
        )
        return "" if nothing else name

    def _trails(self, parts: list[str]) -> bool:
        last = parts[-1].casefold()
        manner = last.endswith("ly") and last not in words.NOUNS_IN_LY
        adverb = manner and (len(parts) > 1 or not self.determined)
        return last in words.STRAYS | words.DETERMINERS | {"of", "and"} or adverb
