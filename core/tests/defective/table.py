"""The planted defects: which component breaks which rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from imagerag.registry import import_string

PLUGIN = "defective.plugin"

SIZE = "imagerag.testing.config:SizeConfig"
CONFIGS = {
    "generator": SIZE,
    "critic": "imagerag.testing.config:ScriptedConfig",
    "encoder": "imagerag.testing.config:HashingConfig",
    "retriever": "imagerag.testing.config:MemoryConfig",
    "reranker": "imagerag.testing.config:PlainConfig",
    "conditioner": "imagerag.testing.config:PlainConfig",
    "metric": "imagerag.testing.config:PlainConfig",
    "source": "imagerag.collection.folder_config:FolderConfig",
}
OPTIONS = {
    "generator": {"width": 16, "height": 8},
    "critic": {"answers": ["missing: hedgehog"], "order": [1, 0], "edits": ["add a hedgehog"]},
}
SOUND = {
    "generator": "imagerag.testing.doubles:SeededGenerator",
    "critic": "imagerag.testing.doubles:ScriptedCritic",
    "encoder": "imagerag.testing.doubles:HashingEncoder",
    "retriever": "imagerag.testing.doubles:MemoryRetriever",
    "reranker": "defective.rerankers:ByCaption",
    "conditioner": "defective.conditioners:InContext",
    "metric": "defective.metrics:Brightness",
    "source": "imagerag.collection.folder:FolderSource",
}
"""A component of each role that breaks no rule: what the defective ones are made from."""


@dataclass(frozen=True)
class Defect:
    """One defective component. It breaks `rule`, and no other of its role."""

    role: str
    rule: str
    target: str
    config: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What is wrong with it, in the words of its class."""
        culprit = import_string(self.config or self.target)
        return str(culprit.__doc__).strip()

    @property
    def name(self) -> str:
        """What its offer is called."""
        return self.rule

    @property
    def config_target(self) -> str:
        """The import string of its options."""
        return self.config or CONFIGS[self.role]

    @property
    def all_options(self) -> dict[str, Any]:
        """The options that its suite gives it."""
        return self.options or OPTIONS.get(self.role, {})


def _of(role: str, module: str, **classes: str) -> list[Defect]:
    return [
        Defect(role, rule.replace("_", "-"), f"defective.{module}:{name}")
        for rule, name in classes.items()
    ]


def _options(rule: str, name: str, **options: Any) -> Defect:
    config = f"defective.options:{name}"
    return Defect("reranker", rule, SOUND["reranker"], config, options)


DEFECTS: tuple[Defect, ...] = (
    # Options
    _options("unknown-options-are-refused", "Lenient"),
    _options("options-survive-json", "Forgetful", depth=3),
    _options("options-are-explained", "Unexplained"),
    _options("options-have-defaults", "Demanding", depth=3),
    _options("keys-are-no-options", "Indiscreet"),
    # What is told
    Defect("reranker", "the-offer-is-true", "defective.telling:SecretlyRemote"),
    Defect(
        "reranker", "importing-is-light", SOUND["reranker"], config="defective.heavy_options:Heavy"
    ),
    Defect(
        "reranker", "importing-is-quick", SOUND["reranker"], config="defective.slow_options:Slow"
    ),
    Defect("reranker", "telling-loads-nothing", "defective.telling:LoadsToTell"),
    Defect("reranker", "facts-and-versions-are-told", "defective.telling:NumberedVersions"),
    # Conduct
    *_of(
        "generator",
        "conduct",
        the_global_random_state_is_untouched="SeedsEverybody",
        the_process_is_left_alone="SetsTheEnvironment",
        closing_twice_does_no_harm="ClosesOnce",
        after_closing_it_works_or_says_so="FallsOverWhenClosed",
        any_thread_may_call="KeepsToItsThread",
        it_stays_on_this_machine="PhonesHome",
        refusals_say_what_to_do="StatesTheObvious",
    ),
    *_of("critic", "critics", inputs_are_unchanged="DrawsOnThePicture"),
    # Roles
    *_of(
        "generator",
        "generators",
        the_capability_is_sound="RecommendsTooMany",
        one_picture_each="LosesTheLast",
        pictures_are_rgb="PaintsAlpha",
        sizes_are_honoured="PaintsItsOwnSize",
        same_seed_same_picture="HasMoods",
        other_seed_other_picture="IgnoresSeeds",
        every_seed_works="CountsTo32Bits",
        another_prompt_another_picture="IgnoresPrompts",
        order_is_kept="TurnsBatchesRound",
        company_makes_no_difference="MindsCompany",
        a_reference_matters="SkipsTheFirst",
        each_reference_matters="SeesTheFirstAlone",
        references_beyond_the_capability_are_refused="CutsSilently",
        options_of_nobody_are_refused="IgnoresOptions",
    ),
    *_of(
        "critic",
        "critics",
        answers_are_of_the_closed_union="MumblesWhenHot",
        scores_are_shares="ScoresInPercent",
        hostile_text_is_data="FormatsPrompts",
        trouble_is_a_value="TrustsPictures",
        declared_abilities_work="CaptionsNothing",
        undeclared_abilities_are_refused="CaptionsSecretly",
    ),
    *_of(
        "encoder",
        "encoders",
        vectors_are_of_unit_length="IsTwiceAsLong",
        vectors_are_float32="IsDouble",
        dim_is_true="CountsWrong",
        space_is_true="HasNoFixedSpace",
        made_anew_it_gives_the_same_vectors="StartsAtRandom",
        a_batch_is_its_single_inputs="LeaksAcrossTheBatch",
        order_is_kept="TurnsBatchesRound",
        nothing_gives_no_vectors="NeedsSomething",
        any_text_is_encoded="ReadsAsciiAlone",
        long_texts_are_cut="RefusesLongTexts",
        different_inputs_differ="IsBlind",
    ),
    *_of(
        "retriever",
        "retrievers",
        one_list_for_each_query="AnswersTheFirst",
        more_may_be_asked_for_than_there_are="CountsBeforehand",
        scores_descend="SwapsTheLast",
        ties_are_ordered_by_id="TiesAsAdded",
        ids_are_unique="FillsUpWithTheLast",
        no_more_than_asked_for="GivesOneMore",
        hits_are_the_items_of_the_collection="RewritesCaptions",
        the_nearest_are_found="MissesSome",
        a_filter_leaves_no_gap="FiltersAfterwards",
        removed_items_stay_hidden="RemembersTheRemoved",
        another_space_is_refused="TrustsTheDimension",
        catching_up_is_done_once="AlwaysHasWork",
        the_last_item_is_found="LosesTheEndOfABatch",
        an_empty_collection_has_no_hits="FearsTheVoid",
        made_anew_it_finds_the_same="IsSpoiltByItsFiles",
        pictures_are_found_or_refused="IgnoresPictures",
    ),
    *_of(
        "reranker",
        "rerankers",
        it_permutes="DropsTheWorst",
        one_hit_comes_back="NeedsTwo",
        no_hits_are_no_trouble="NeedsOne",
        items_are_kept="RewritesItems",
        pictures_are_taken_or_refused="RefusesPicturesOddly",
    ),
    *_of(
        "conditioner",
        "conditioners",
        needs_are_abilities="NeedsTheUnheardOf",
        needs_suffice="NeedsMoreThanItSays",
        the_prompt_is_kept="Shortens",
        without_references_it_is_the_draft="AlwaysNamesOne",
        references_are_kept="KeepsTwo",
        too_many_references_are_refused="CutsSilently",
        seed_and_size_are_kept="ForgetsTheSize",
        captions_are_words="TrustsCaptions",
        options_are_json="HandsOverTuples",
    ),
    *_of(
        "metric",
        "metrics",
        one_sample_each="LosesTheLast",
        values_are_finite="DividesByNothing",
        known_pairs_are_told_apart="MeasuresDarkness",
        order_is_kept="TurnsBatchesRound",
        company_makes_no_difference="MindsCompany",
        lengths_must_agree="StopsAtTheShortest",
    ),
    *_of(
        "source",
        "sources",
        it_finds_images="StopsAtOne",
        each_is_a_file_or_bytes="GivesBoth",
        the_order_is_stable="Shuffles",
        names_are_unique="NamesByKind",
        it_streams="ListsAll",
        paths_stay_inside="NamesWholePaths",
        a_location_that_is_not_there_is_told="FindsNothing",
    ),
)
