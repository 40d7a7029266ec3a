"""Re-rankers that do not tell the truth, or load too much to tell it."""

from __future__ import annotations

from defective.rerankers import ByCaption
from imagerag.values import Facts


class SecretlyRemote(ByCaption):
    """Says in its class that it is remote, and in its offer that it is not."""

    remote = True


class LoadsToTell(ByCaption):
    """Unpacks its weights into the cache to say how large they are."""

    def facts(self):
        self.context.cache_dir.mkdir(parents=True, exist_ok=True)
        weights = self.context.cache_dir / "weights.bin"
        weights.write_bytes(bytes(1000))
        return Facts(memory_gb=weights.stat().st_size / 1e9)


class NumberedVersions(ByCaption):
    """Gives a version as a number."""

    def versions(self):
        return {"model": 7}
