"""Equal content, equal digest; other content, other digest."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest

from imagerag.errors import WeightsError
from imagerag_torch import digest, digest_file, digest_folder


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(digest, "WHOLE", 2**20)


def test_a_small_file_has_its_sha256(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"weights" * 1000)
    assert digest_file(path) == hashlib.sha256(b"weights" * 1000).hexdigest()


def test_a_change_in_place_is_seen(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"weights")
    before = digest_file(path)
    path.write_bytes(b"WEIGHTS")
    os.utime(path, ns=(1, 1))
    assert digest_file(path) != before


def test_an_unchanged_file_is_not_read_again(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"weights")
    before = digest_file(path)
    monkeypatch.setattr(digest, "_whole", lambda path: pytest.fail("it was read again"))
    assert digest_file(path) == before


def test_a_large_file_is_sampled_and_a_copy_keeps_its_digest(tmp_path, small_limit):
    path, copy = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    path.write_bytes(os.urandom(30 * 2**20))
    shutil.copy(path, copy)
    assert digest_file(path) == digest_file(copy)
    data = bytearray(path.read_bytes())
    data[::4096] = bytes(len(data[::4096]))
    copy.write_bytes(data)
    os.utime(copy, ns=(1, 1))
    assert digest_file(path) != digest_file(copy)
    copy.write_bytes(path.read_bytes()[:-1])
    assert digest_file(path) != digest_file(copy)


def test_a_folder_is_named_by_names_and_content_wherever_it_lies(tmp_path):
    first = tmp_path / "first"
    (first / "unet").mkdir(parents=True)
    (first / "unet" / "model.safetensors").write_bytes(b"a")
    (first / "config.json").write_text("{}")
    second = shutil.copytree(first, tmp_path / "elsewhere" / "second")
    assert digest_folder(first) == digest_folder(second)
    (second / "config.json").write_text('{"x": 1}')
    assert digest_folder(first) == digest_folder(second)
    assert digest_folder(first, ["*.json"]) != digest_folder(second, ["*.json"])
    (second / "unet" / "model.safetensors").rename(second / "unet" / "other.safetensors")
    assert digest_folder(first) != digest_folder(second)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        digest_file(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="holds no"):
        digest_folder(tmp_path)
