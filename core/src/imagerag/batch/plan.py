"""Writing a list of prompts into a store, before any of it is worked on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from imagerag.batch.keys import Setting, digest, key_of, setting_of
from imagerag.batch.prompts import Listed
from imagerag.batch.row import Row, RowError
from imagerag.batch.sharing import with_collection
from imagerag.batch.store import RunStore
from imagerag.batch.unit import Task
from imagerag.errors import ImageRAGError
from imagerag.session import Session

_AT_ONCE = 500
"""Rows of one transaction."""

_PAGE = 200

PLANNED, WITH_FILES = 1, 2
"""A list is written down, and read again at each turn where rows name files, which may change."""


class Plan:
    """One list of prompts under one configuration, in a store: its batch number and setting."""

    def __init__(self, store: RunStore, session: Session) -> None:
        """Take a session whose components are built."""
        self.store = store
        self.session = session
        self.setting = setting_of(session)
        self.batch = 0
        self._settings: dict[str | None, tuple[int, Setting]] = {}

    def write(self, rows: Iterable[Listed], source: str, content: str) -> None:
        """Write the list down, or find it where an earlier turn wrote it.

        Args:
            rows: The rows, read one after the other.
            source: What the list is called.
            content: A digest of the list: another one is another batch.
        """
        key = digest([self.setting.key, source, content])
        number, _ = self._setting_of(None)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self.store.database.writing():
            self.store.database.rows(
                "INSERT OR IGNORE INTO batches (key, setting, source, content, started) "
                "VALUES (?,?,?,?,?)",
                (key, number, source, content, now),
            )
        self.batch, planned = self.store.database.rows(
            "SELECT number, planned FROM batches WHERE key = ?", (key,)
        )[0]
        if planned == PLANNED:
            return
        files, rows = False, iter(rows)
        while some := list(islice(rows, _AT_ONCE)):
            files = files or any(one.row is not None and one.row.images for one in some)
            self._write(some)
        with self.store.database.writing():
            self.store.database.rows(
                "UPDATE batches SET planned = ? WHERE number = ?",
                (WITH_FILES if files else PLANNED, self.batch),
            )

    def _write(self, some: list[Listed]) -> None:
        works: list[tuple[Any, ...]] = []
        rows: list[tuple[Any, ...]] = []
        for one in some:
            row, reason, key = one.row, one.reason, None
            if row is not None:
                try:
                    key, work = self._work(row)
                    works.append(work)
                except (OSError, ImageRAGError) as error:
                    reason = f"line {one.line}: {error}"
            rows.append((self.batch, one.number, one.line, key, reason))
        with self.store.database.writing():
            self.store.database.many(
                "INSERT OR IGNORE INTO works (key, setting, prompt, seed, row) VALUES (?,?,?,?,?)",
                works,
            )
            self.store.database.many("INSERT OR REPLACE INTO rows VALUES (?,?,?,?,?)", rows)

    def _work(self, row: Row) -> tuple[str, tuple[Any, ...]]:
        number, setting = self._setting_of(row.collection)
        seed = self.session.settings.seed if row.seed is None else row.seed
        key = key_of(setting, row, seed)
        return key, (key, number, row.prompt, seed, json.dumps(row.more(), ensure_ascii=False))

    def _setting_of(self, collection: str | None) -> tuple[int, Setting]:
        if collection not in self._settings:
            setting = self.setting
            if collection is not None:
                setting = self._elsewhere(collection)
            with self.store.database.writing():
                self.store.database.rows(
                    "INSERT OR IGNORE INTO settings (key, config, versions, collection) "
                    "VALUES (?,?,?,?)",
                    (
                        setting.key,
                        json.dumps(setting.config, ensure_ascii=False, sort_keys=True),
                        json.dumps(setting.versions, ensure_ascii=False, sort_keys=True),
                        setting.collection,
                    ),
                )
            (number,) = self.store.database.rows(
                "SELECT number FROM settings WHERE key = ?", (setting.key,)
            )[0]
            self._settings[collection] = (number, setting)
        return self._settings[collection]

    def _elsewhere(self, collection: str) -> Setting:
        session = with_collection(self.session, collection)
        try:
            return setting_of(session)
        except ImageRAGError as error:
            raise RowError(str(error)) from error
        finally:
            session.close()

    def retry_failed(self) -> int:
        """Make the failed rows of this batch wait again; return how many works that are."""
        with self.store.database.writing():
            return len(
                self.store.database.rows(
                    "UPDATE works SET state = 'pending' WHERE state = 'failed' "
                    "AND key IN (SELECT work FROM rows WHERE batch = ?) RETURNING key",
                    (self.batch,),
                )
            )

    def tasks(self) -> Iterator[Task]:
        """Yield what is left to do, in the order of the rows; few are in memory at a time."""
        last = 0
        while True:
            found = self.store.database.rows(
                "SELECT rows.number, works.key, works.prompt, works.seed, works.row, "
                "EXISTS (SELECT 1 FROM steps WHERE steps.work = works.key) FROM rows "
                "JOIN works ON works.key = rows.work "
                "WHERE rows.batch = ? AND rows.number > ? AND works.state = 'pending' "
                "AND NOT EXISTS (SELECT 1 FROM rows AS earlier WHERE earlier.work = rows.work "
                "AND earlier.batch = rows.batch AND earlier.number < rows.number) "
                "ORDER BY rows.number LIMIT ?",
                (self.batch, last, _PAGE),
            )
            if not found:
                return
            for number, key, prompt, seed, more, begun in found:
                yield Task(number, Row.again(prompt, json.loads(more)), seed, key, bool(begun))
            last = found[-1][0]

    def unread(self) -> list[str]:
        """Return why rows could not be read, each with its line."""
        rows = self.store.database.rows(
            "SELECT reason FROM rows WHERE batch = ? AND work IS NULL ORDER BY number",
            (self.batch,),
        )
        return [reason for (reason,) in rows]
