"""How weights are asked for: of diffusers without pickles or network, of the hub with advice."""

from __future__ import annotations

import errno

import pytest

from imagerag.errors import CredentialsError, WeightsError
from imagerag.values import Guidance
from imagerag_diffusers.testing import StoppedError

CAT = [Guidance("a cat", 0)]


def test_diffusers_is_told_to_read_safetensors_alone_and_to_stay_on_this_machine(
    make, kind, monkeypatch
):
    """A file that it could not read would else be looked for as a pickle, or on the hub."""
    import diffusers

    asked = []

    class Pipeline(diffusers.PixArtSigmaPipeline):
        @classmethod
        def from_pretrained(cls, *given, **named):
            asked.append(named)
            raise StoppedError

    monkeypatch.setattr(kind, "pipeline_class", lambda self, name: Pipeline)
    with pytest.raises(StoppedError):
        make(fresh=True).generate(CAT)
    assert asked[0]["use_safetensors"] is True
    assert asked[0]["local_files_only"] is True
    assert "trust_remote_code" not in asked[0]


def fails_to_fetch(monkeypatch, error):
    import imagerag_torch

    def resolve_weights(model, revision, files):
        raise error

    monkeypatch.setattr(imagerag_torch, "resolve_weights", resolve_weights)


def test_a_disk_that_fills_up_while_fetching_is_named(make, monkeypatch):
    error = WeightsError("could not be fetched")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    fails_to_fetch(monkeypatch, error)
    with pytest.raises(WeightsError, match=r"The disk is full: the model 'someone/tiny'.*HF_HOME"):
        make(fresh=True, model="someone/tiny").generate(CAT)


def test_a_token_that_is_missing_stays_an_error_of_its_own(make, monkeypatch):
    """The command line tells it apart by its exit code."""
    fails_to_fetch(monkeypatch, CredentialsError("set HF_TOKEN"))
    with pytest.raises(CredentialsError, match="set HF_TOKEN"):
        make(fresh=True, model="someone/gated").generate(CAT)
