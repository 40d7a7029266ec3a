"""The base of sources that read shards of samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagerag.roles import Found
from imagerag_datasets import sample, tar_members
from imagerag_datasets.config import ArchiveConfig
from imagerag_datasets.dataset import DatasetSource
from imagerag_datasets.described import Described
from imagerag_datasets.sample import Sample
from imagerag_datasets.tar_members import Limits


class ArchiveSource(DatasetSource):
    """Reads tar shards, sample by sample; members are only ever read as streams."""

    config: ArchiveConfig

    def shard(self, name: str, path: Path) -> Iterator[Found]:
        """Yield the images of one shard, named `shard/key.extension`."""
        limits = Limits(
            members=self.config.max_members,
            member_bytes=self.config.max_member_mb * 1_000_000,
            archive_bytes=self.config.max_archive_gb * 1_000_000_000,
            ratio=self.config.max_ratio,
        )

        def note(member: str, reason: str) -> None:
            self.problems.note(f"{name}/{member}" if member else name, reason)

        read = tar_members.members(path, limits, note, sample.is_read)
        for one in sample.samples(read, note):
            yield self.made(f"{name}/{one.key}.{one.extension}", self.about(one), data=one.image)

    def about(self, one: Sample) -> Described:
        """Return what is known of a sample."""
        return one.described()
