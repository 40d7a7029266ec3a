"""English words that give a prompt its structure, for the splitter.

The lists are small on purpose: names of things come from the contrast set. Written for this
project, from the closed word classes of English and the idioms of picture prompts.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(line.split()) for line in text.strip().splitlines())


DETERMINERS = _words(
    "a an the this that these those some any my your his her its our their one two three four "
    "five six seven eight nine ten several many few both each another other single"
)

QUANTITIES = _phrases(
    """pair of
    couple of
    group of
    bunch of
    lot of
    lots of
    set of
    number of
    plenty of
    piece of
    herd of
    flock of
    crowd of
    pack of
    pile of"""
)
"""Counts before a name; what is counted is the concept."""

COLOURS = _words(
    "red orange yellow green blue purple violet pink brown black white grey gray golden gold "
    "silver turquoise teal cyan magenta beige cream maroon navy crimson scarlet lime olive "
    "lavender"
)
PATTERNS = _words(
    "plain striped stripy dotted spotted checkered chequered checked plaid polka-dot floral "
    "patterned gradient solid"
)
QUALITIES = _words(
    "light dark bright pale deep vivid big large huge giant small tiny little tall short long old "
    "new young ancient vintage modern antique rusty shiny wooden metal metallic stone glass "
    "plastic beautiful cute pretty lovely happy sad angry fluffy furry empty full broken round "
    "square colourful colorful soft warm cold hot wet dry majestic elegant lonely sleepy"
)
ATTRIBUTES = COLOURS | PATTERNS | QUALITIES

SETTINGS = _words(
    "background backdrop backgrounds beach forest woods jungle desert field meadow street road "
    "city town village park garden sky ocean sea river lake pond mountain mountains hill hills "
    "valley snow rain fog mist storm night day dawn dusk sunrise sunset morning evening afternoon "
    "twilight winter summer spring autumn fall space room kitchen bedroom bathroom office library "
    "studio stage stadium museum warehouse landscape seascape cityscape scenery grass sand water "
    "underwater moonlight sunlight wall floor countryside farm cave island coast shore harbour "
    "harbor alley"
)
"""Heads of phrases that say where or when, unless the contrast set names them as objects."""

STYLES = _words(
    "painting watercolour watercolor drawing sketch illustration cartoon anime manga comic "
    "engraving etching woodcut render rendering photorealistic photorealism realistic "
    "hyperrealism impressionist impressionism expressionism cubism cubist surrealism surrealist "
    "surreal baroque renaissance minimalist minimalism pixel pixelart vaporwave cyberpunk "
    "steampunk noir monochrome sepia gouache lineart "
    "low-poly lowpoly 3d cgi claymation origami mosaic graffiti polaroid cinematic bokeh "
    "style styled art artwork lighting pop-art isometric"
)
BOOSTERS = _words(
    "4k 8k 16k hd uhd hdr masterpiece detailed highly intricate sharp focus best high quality "
    "resolution trending artstation award-winning award winning professional stunning ultra "
    "hyperdetailed details detail octane unreal engine photography hyper very extremely"
)
"""A phrase made only of these asks for quality, and shows nothing of its own."""

MEDIA = _words(
    "photo photograph picture image shot view close-up closeup scene snapshot depiction portrait "
    "painting drawing sketch illustration watercolour watercolor cartoon render rendering "
    "engraving etching woodcut print artwork photography"
)
NEUTRAL_MEDIA = _words(
    "photo photograph picture image shot view close-up closeup scene snapshot depiction portrait "
    "print artwork photography"
)
"""Media that say nothing about how the picture should look."""

REQUESTS = _words(
    "please can could would you i want need like to us me see show give generate create draw "
    "paint make imagine design produce"
)

STYLE_CONNECTORS = _phrases(
    """in the style of
    in style of
    the style of
    painted by
    drawn by
    inspired by"""
)
ABSENCE = _words("without no not lacking minus except")

CONNECTORS = _phrases(
    """on
    in
    at
    against
    inside
    within
    over
    under
    below
    beneath
    underneath
    above
    across
    through
    throughout
    during
    into
    onto
    along
    upon
    outside
    amid
    amidst
    among
    amongst
    beyond
    near
    nearby
    beside
    besides
    behind
    between
    around
    by
    from
    to
    toward
    towards
    past
    with
    and
    or
    plus
    while
    as
    that
    which
    who
    whose
    where
    when
    of which
    for
    like
    off
    in front of
    in the middle of
    in the background
    in the foreground
    in the distance
    at the edge of
    on top of
    on the side of
    next to
    close to
    out of
    made of
    made from
    full of
    dressed as
    lit"""
)

VERBS = _words(
    "is are was were be being been has have had does do sits sit stands stand runs run flies fly "
    "eats eat plays play rides ride wears wear holds hold jumps jump sleeps sleep lies lie looks "
    "look drinks drink walks walk swims swim drives drive reads watches chases carries crosses "
    "hangs floats grows rests waits uses sat stood flew shows says leaps climbs perches dances"
)
NOUNS_IN_ING = _words(
    "building king ring wing painting ceiling string spring morning evening pudding wedding "
    "clothing lightning sling swing herring starling duckling dumpling earring thing sibling "
    "viking railing awning drawing lighting stocking icing frosting bowling pekingese ping"
)
NOUNS_IN_ED = _words(
    "bed shed seed reed weed feed steed sled red breed tweed hundred speed flatbed bobsled reed "
    "moped biped"
)
PARTICIPLES = _words(
    "seen shown held made worn drawn taken built broken frozen hidden eaten driven ridden thrown "
    "caught kept laid hung written woven torn stolen spun sold sent swept bitten blown chosen "
    "grown known given forgotten fallen beaten shaken begun born borne bought brought "
    "dug flown fought gotten stuck struck strung sunk sung understood overgrown overrun lost"
)
"""Irregular past participles. Left out are those that are names of things too: cut, felt, ground,
led, left, set, shot, spread, wound."""

AFTER_PARTICIPLE = _words("by with in of as on from like at to into against under over")
STRAYS = _words(
    "it itself he she they them him there here together alone very really so too also just quite "
    "away then something someone everything nothing"
)
"""Words that name nothing, wherever they stand in a phrase."""

PLACES = _words("front side middle top bottom left right foreground distance up down back out edge")
"""Words that name nothing on their own, but may be part of a name ("top hat")."""

NOUNS_IN_LY = _words("butterfly family fly lily belly jelly dragonfly firefly holly bully fly ally")
