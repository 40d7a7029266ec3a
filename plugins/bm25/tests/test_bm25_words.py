"""What counts as a word, in captions and in queries alike."""

import re
import sys

import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from imagerag_bm25.config import Bm25RetrieverConfig, Stemming
from imagerag_bm25.words import ENGLISH, LONGEST, Words, split

PLAIN = Words("none", "none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A red Kite", "a red kite"),
        ("black-and-white T-shirt", "black and white t shirt"),
        ("the dog's bowl, the dogs' bowls", "the dog bowl the dogs bowls"),
        ("the dog’s bowl", "the dog bowl"),
        ("O'Brien doesn't", "o brien doesn t"),
        ("l’oiseau d'été", "l oiseau d été"),
        ("F-16, 3D and 1,000 m² in 2024", "f 16 3d and 1 000 m2 in 2024"),
        ("snake_case __init__", "snake case init"),
        ("Straße STRASSE ﬁne", "strasse strasse fine"),
        ("cafe\u0301 café CAFÉ", "café café café"),
        ("Ёжик в тумане", "ёжик в тумане"),
        ("हिन्दी में चित्र", "हिन्दी में चित्र"),
        ("عربي مُشَكَّل", "عربي مُشَكَّل"),
        ("می\u200cخواهم", "میخواهم"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zero width"),
        ("\u202eevil\u202c bi\u2066di\u2069", "evil bidi"),
        ("nul\x00tab\tbell\x07", "nul tab bell"),
        ("ＦＵＬＬ　ｗｉｄｔｈ ｶﾞ", "full width ガ"),
        ("🐶 dog 👩\u200d🚀", "dog"),
        ("\ud800lone", "lone"),
        ("", ""),
        ('"*()^:{}[]~-+&|!', ""),
    ],
)
def test_texts_fall_into_words(text: str, words: str) -> None:
    assert split(text) == words.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("黒い猫", "黒 黒い い い猫 猫"),
        ("猫", "猫"),
        ("東京2024 tower塔", "東 東京 京 2024 tower 塔"),
        ("고양이", "고 고양 양 양이 이"),
        ("แมว", "แ แม ม มว ว"),
    ],
)
def test_text_without_spaces_becomes_characters_and_pairs(text: str, words: str) -> None:
    assert split(text) == words.split()


def test_stop_words_are_left_out_whatever_their_case() -> None:
    words = Words("english", "none")
    assert words.of("The HEDGEHOG and a kite") == ["hedgehog", "kite"]
    assert words.of(" ".join(ENGLISH)) == []
    own = Words(("Photo", "ein"), "none")
    assert own.of("a photo: ein Igel") == ["a", "igel"]


def test_a_stemmer_unites_the_forms_of_a_word() -> None:
    english = Words("none", "english")
    assert english.of("hedgehogs puppies movies") == english.of("hedgehog puppy movie")
    german = Words("none", "german")
    assert german.of("Häuser") == german.of("Hauser")
    assert PLAIN.of("hedgehogs") == ["hedgehogs"]


def test_every_language_of_the_stemmer_can_be_configured() -> None:
    offered = set(Stemming.__args__) - {"none"}
    assert offered <= set(Stemmer.algorithms())
    for language in offered:
        config = Bm25RetrieverConfig(stemmer=language)
        assert Words(config.stop_words, config.stemmer).of("picture 猫 ёжик") != []


def test_equal_rules_have_equal_ids_and_others_have_not() -> None:
    ids = [
        Words(*options).id
        for options in [
            ("english", "english"),
            ("english", "none"),
            ("none", "english"),
            (("photo",), "none"),
            ("none", "german"),
        ]
    ]
    assert len(set(ids)) == len(ids)
    assert Words("english", "english").id == ids[0]


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert PLAIN.of("kite " * 10_000_000) == ["kite"] * (LONGEST // 5)
    assert len(PLAIN.of("猫" * 1_000_000)) == 2 * LONGEST - 1


@given(st.text())
def test_any_text_gives_plain_words(text: str) -> None:
    for word in split(text):
        assert word
        assert not re.search(r"[\s\x00-\x1f'\"*\u202a-\u202e]", word)
        assert word.encode().decode() == word
        assert word in split(word)  # what was read once reads the same again


@given(st.text(alphabet=st.characters(max_codepoint=0x24F)), st.sampled_from(" -'.,\n\"*"))
def test_words_of_a_joined_text_are_those_of_its_parts(text: str, sign: str) -> None:
    assert split(f"{text} {sign} kite") == [*split(text), "kite"]


def test_words_are_the_same_from_any_thread() -> None:
    from concurrent.futures import ThreadPoolExecutor

    words = Words("english", "english")
    texts = [f"running dogs number{n} beside {sys.intern('houses')}" for n in range(500)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(words.of, texts))
    assert found == [Words("english", "english").of(text) for text in texts]
