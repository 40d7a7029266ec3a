"""A run store: the folder that a batch writes, and reads again to go on where it stopped.

`runs.sqlite` (WAL) holds settings, rows, works, finished steps and what they cost; `pictures/` the
pictures, by content. Any SQLite tool may read it while a batch writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imagerag.batch.database import Database
from imagerag.batch.pictures import PictureFiles
from imagerag.batch.stored import Counts, StageCost, StoredBatch, StoredRun
from imagerag.errors import UsageError
from imagerag.run import Run

FILE = "runs.sqlite"

_PAGE = 200

_ROW = """
SELECT rows.number, rows.line, rows.reason, works.key, works.prompt, works.seed, works.state,
    works.reason, works.kind, works.record, works.draft, works.result, works.kept, works.created,
    works.timing, works.setting,
    (SELECT total(seconds) FROM steps WHERE work = works.key),
    (SELECT CASE WHEN count(*) = count(usd) THEN total(usd) END FROM calls WHERE work = works.key)
FROM rows LEFT JOIN works ON works.key = rows.work
"""


class RunStore:
    """The rows, records and pictures of the batches that one folder holds."""

    def __init__(self, folder: Path, database: Database) -> None:
        """Take an open database; `open` and `create` are the ways to get a store."""
        self.folder = folder
        self.database = database
        self.pictures = PictureFiles(folder)
        self._settings: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a store that is there. Raises `UsageError` where there is none."""
        folder = Path(folder)
        if not (folder / FILE).is_file():
            raise UsageError(
                f"there is no run store in {str(folder)!r}: `imagerag batch PROMPTS --out FOLDER` "
                "makes one."
            )
        return cls(folder, Database(folder / FILE))

    @classmethod
    def create(cls, folder: str | Path) -> Self:
        """Open the store of a folder, made where it is new."""
        folder = Path(folder)
        return cls(folder, Database(folder / FILE, create=True))

    def batches(self) -> list[StoredBatch]:
        """Return every batch, the first one first."""
        rows = self.database.rows(
            "SELECT number, source, started, ended, outcome, seconds, setting, content "
            "FROM batches "
            "ORDER BY number"
        )
        return [StoredBatch(*row) for row in rows]

    def latest(self) -> int:
        """Return the number of the batch that was started last, 0 where there is none."""
        return int(self.database.rows("SELECT coalesce(max(number), 0) FROM batches")[0][0])

    def setting(self, number: int) -> tuple[dict[str, Any], dict[str, str]]:
        """Return configuration and versions of a setting, which the records of its works share."""
        if number not in self._settings:
            found = self.database.rows(
                "SELECT config, versions FROM settings WHERE number = ?", (number,)
            )[0]
            self._settings[number] = (json.loads(found[0]), json.loads(found[1]))
        return self._settings[number]

    def learn_versions(self, work: str, versions: dict[str, str]) -> bool:
        """Make versions those of a work's setting too; False where they contradict what it has."""
        (number,) = self.database.rows("SELECT setting FROM works WHERE key = ?", (work,))[0]
        config, known = self.setting(number)
        if any(known.get(name, version) != version for name, version in versions.items()):
            return False
        if versions.keys() - known.keys():
            merged = known | versions
            text = json.dumps(merged, ensure_ascii=False, sort_keys=True)
            self.database.rows("UPDATE settings SET versions = ? WHERE number = ?", (text, number))
            self._settings[number] = (config, merged)
        return True

    def runs(self, batch: int | None = None) -> Iterator[StoredRun]:
        """Yield the rows of a batch (the latest) in their order; few are in memory at a time."""
        batch, last = batch or self.latest(), 0
        while True:
            rows = self.database.rows(
                f"{_ROW} WHERE rows.batch = ? AND rows.number > ? ORDER BY rows.number LIMIT ?",
                (batch, last, _PAGE),
            )
            if not rows:
                return
            for row in rows:
                yield self._run(batch, row)
            last = rows[-1][0]

    def run(self, number: int, batch: int | None = None) -> StoredRun:
        """Return one row of a batch (the latest). Raises `UsageError` where it has none of it."""
        batch = batch or self.latest()
        rows = self.database.rows(
            f"{_ROW} WHERE rows.batch = ? AND rows.number = ?", (batch, number)
        )
        if not rows:
            raise UsageError(
                f"batch {batch} in {str(self.folder)!r} has no row {number}. "
                f"See: imagerag runs list {self.folder}"
            )
        return self._run(batch, rows[0])

    def counts(self, batch: int | None = None) -> Counts:
        """Count the rows of a batch (the latest) by state."""
        found = dict(
            self.database.rows(
                "SELECT coalesce(works.state, 'failed'), count(*) FROM rows "
                "LEFT JOIN works ON works.key = rows.work WHERE rows.batch = ? GROUP BY 1",
                (batch or self.latest(),),
            )
        )
        return Counts(**{str(state): int(count) for state, count in found.items()})

    def dearest(self) -> dict[str, float]:
        """Return the most, in known dollars, that one finished step of each kind has cost."""
        return dict(
            self.database.rows(
                "SELECT step, max(paid) FROM steps JOIN (SELECT work, position, total(usd) AS paid "
                "FROM calls GROUP BY work, position) USING (work, position) GROUP BY step"
            )
        )

    def ledger(self, batch: int | None = None) -> list[StageCost]:
        """Add up what each stage of a batch (the latest) came to, in the order of stages.

        Work that several rows share counts once. Calls that failed are part of it.
        """
        batch = batch or self.latest()
        steps = {
            row[0]: row[1:]
            for row in self.database.rows(
                "SELECT stage, count(*), total(seconds), total(gpu_seconds) FROM steps "
                "WHERE work IN (SELECT work FROM rows WHERE batch = ?) GROUP BY stage",
                (batch,),
            )
        }
        calls = {
            row[0]: row[1:]
            for row in self.database.rows(
                "SELECT stage, count(*), sum(requests), sum(max(requests - 1, 0)), sum(images), "
                "sum(input_tokens), sum(output_tokens), sum(image_tokens), total(usd), "
                "sum(usd IS NULL) FROM calls WHERE work IN (SELECT work FROM rows WHERE batch = ?) "
                "GROUP BY stage",
                (batch,),
            )
        }
        peaks = {
            row[0]: row[1:]
            for row in self.database.rows(
                "SELECT stage, memory, gpu_memory FROM peaks WHERE batch = ?", (batch,)
            )
        }
        order = {name: place for place, name in enumerate(STAGES)}
        names = sorted({*steps, *calls}, key=lambda name: (order.get(name, len(order)), name))
        nothing = (0, 0, 0, 0, None, None, None, 0.0, 0)
        return [
            StageCost(
                name,
                *steps.get(name, (0, 0.0, 0.0)),
                *calls.get(name, nothing),
                *peaks.get(name, (0, 0)),
            )
            for name in names
        ]

    def _run(self, batch: int, row: tuple[Any, ...]) -> StoredRun:
        number, line, unread, key, prompt, seed, state, reason, kind = row[:9]
        if key is None:
            return StoredRun(
                number, "", "", 0, "failed", unread, kind="row", line=line, batch=batch
            )
        record, draft, result, kept, created, timing, setting, seconds, usd = row[9:]
        run = self._record(record, created, timing, setting) if record else None
        roles = (("draft", draft), ("result", result), ("kept", kept))
        painted = (
            next((r.painted for r in reversed(run.rounds) if r.painted), None) if run else None
        )
        shown = (
            (self.pictures.reference_path(u.digest) for u in painted.references) if painted else ()
        )
        return StoredRun(
            number=number,
            key=key,
            prompt=prompt,
            seed=seed,
            state=state,
            reason=reason,
            kind=kind,
            line=line,
            batch=batch,
            run=run,
            pictures={role: self.pictures.path(digest) for role, digest in roles if digest},
            references=tuple(path for path in shown if path.exists()),
            seconds=seconds,
            usd=usd,
        )

    def _record(self, record: str, created: str, timing: str, setting: int) -> Run:
        """Put a record together again from what is equal for equal work and what is not."""
        values, clock = json.loads(record), json.loads(timing)
        config, versions = self.setting(setting)
        values |= {"created": created, "seconds": clock["seconds"]}
        values = {"versions": versions, **values, "config": config}
        for one, seconds in zip(values["ledger"], clock["ledger"], strict=True):
            one["seconds"] = seconds
        return Run.from_json(values)

    def close(self) -> None:
        """Close the database. Calling it twice does nothing more."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


STAGES = ("draft", "review", "retrieve", "generate", "compare")
"""The stages of the loop, in the order in which a ledger lists them."""
