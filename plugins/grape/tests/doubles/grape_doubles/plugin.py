"""What the doubles offer."""

from imagerag.hooks import Offer, hookimpl


def _offer(name, target, config):
    return Offer(name, name, f"grape_doubles.parts:{target}", f"grape_doubles.config:{config}")


@hookimpl
def imagerag_generators():
    return [_offer("patching", "PatchingEditor", "EditorConfig")]


@hookimpl
def imagerag_critics():
    return [
        _offer("planner", "Planner", "PlannerConfig"),
        _offer("away-planner", "AwayPlanner", "PlannerConfig"),
        _offer("reviewer", "Reviewer", "ReviewerConfig"),
    ]


@hookimpl
def imagerag_conditioners():
    return [_offer("wordy", "WordyConditioner", "WordyConfig")]
