"""The tables of a run store, and its views for people with any SQLite tool."""

from __future__ import annotations

VERSION = 1
"""Version of the schema, kept in `PRAGMA user_version`; newer ones are refused."""

# A `work` is one prompt under one setting and seed, known by its key; a `row` is a line of a list
# of prompts, and several rows, or rows of several batches, may mean the same work. What a clock
# decides stands in columns of its own, so that `record` is equal for equal work.
TABLES = """
CREATE TABLE settings (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    config TEXT NOT NULL,
    versions TEXT NOT NULL,
    collection TEXT NOT NULL
) STRICT;
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    setting INTEGER NOT NULL REFERENCES settings (number),
    source TEXT NOT NULL,
    content TEXT NOT NULL,
    planned INTEGER NOT NULL DEFAULT 0,
    started TEXT NOT NULL,
    ended TEXT,
    outcome TEXT NOT NULL DEFAULT 'running',
    seconds REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE works (
    key TEXT PRIMARY KEY,
    setting INTEGER NOT NULL REFERENCES settings (number),
    prompt TEXT NOT NULL,
    seed INTEGER NOT NULL,
    row TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    kind TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    record TEXT,
    draft TEXT,
    result TEXT,
    kept TEXT,
    missing TEXT NOT NULL DEFAULT '[]',
    fallback INTEGER NOT NULL DEFAULT 0,
    created TEXT,
    timing TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;
CREATE TABLE rows (
    batch INTEGER NOT NULL REFERENCES batches (number),
    number INTEGER NOT NULL,
    line INTEGER NOT NULL,
    work TEXT REFERENCES works (key),
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (batch, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX rows_work ON rows (work);
CREATE TABLE steps (
    work TEXT NOT NULL REFERENCES works (key),
    position INTEGER NOT NULL,
    stage TEXT NOT NULL,
    step TEXT NOT NULL,
    asked TEXT NOT NULL,
    answer TEXT NOT NULL,
    decisions TEXT NOT NULL DEFAULT '[]',
    seconds REAL NOT NULL,
    gpu_seconds REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (work, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE calls (
    number INTEGER PRIMARY KEY,
    work TEXT NOT NULL REFERENCES works (key),
    position INTEGER NOT NULL,
    stage TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    component TEXT NOT NULL,
    call TEXT NOT NULL,
    model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    requests INTEGER NOT NULL,
    images INTEGER NOT NULL,
    seconds REAL NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    image_tokens INTEGER,
    usd REAL,
    priced TEXT
) STRICT;
CREATE INDEX calls_work ON calls (work, position);
CREATE TABLE peaks (
    batch INTEGER NOT NULL REFERENCES batches (number),
    stage TEXT NOT NULL,
    memory INTEGER NOT NULL,
    gpu_memory INTEGER NOT NULL,
    PRIMARY KEY (batch, stage)
) STRICT, WITHOUT ROWID;
CREATE TABLE loads (
    number INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batches (number),
    component TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('load', 'unload')),
    at TEXT NOT NULL,
    memory INTEGER NOT NULL
) STRICT;
"""

VIEWS = """
CREATE VIEW runs AS
SELECT rows.batch, rows.number, rows.line, works.prompt, works.seed,
    coalesce(works.state, 'failed') AS state,
    CASE WHEN works.key IS NULL THEN rows.reason ELSE works.reason END AS reason,
    json_extract(works.record, '$.kept') AS kept, works.missing,
    (SELECT CASE WHEN count(*) = count(usd) THEN total(usd) END FROM calls WHERE work = works.key)
        AS usd,
    (SELECT total(seconds) FROM steps WHERE work = works.key) AS seconds,
    'pictures/' || substr(works.kept, 1, 2) || '/' || works.kept || '.png' AS picture
FROM rows LEFT JOIN works ON works.key = rows.work;
CREATE VIEW spent AS
SELECT stage, component, count(*) AS calls, sum(requests) AS requests,
    sum(max(requests - 1, 0)) AS retries, sum(images) AS images,
    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(image_tokens) AS image_tokens, sum(usd) AS usd,
    sum(usd IS NULL) AS of_unknown_price
FROM calls GROUP BY stage, component;
"""
