"""The report of a batch: it says what was stored, harms nobody who opens it, fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from PIL import Image

from imagerag import Collection, Session
from imagerag.batch.prompts import PromptFile
from imagerag.batch.store import RunStore
from imagerag.batch.turn import prepare, take
from imagerag.errors import UsageError
from imagerag.report import write_report
from imagerag.report.cards import cards
from imagerag.report.sheets import ON_A_SHEET
from imagerag.report.thumbnails import SIDE
from imagerag.roles import Found
from imagerag.testing import registry

HOSTILE = [
    "</script><script>alert(1)</script> a hedgehog",
    "\"><img src=x onerror=alert(2)> & 'quoted'",
    "</article></main><h1>gone</h1>",
    "\u202etfel ot thgir",
    "javascript:alert(3)",
]
CONFIG = {
    "generator": {"use": "seeded", "width": 300, "height": 200},
    "conditioner": {"use": "plain"},
    "critic": {"use": "scripted", "answers": ["missing: hedgehog"]},
    "encoder": {"use": "hashing"},
    "retriever": {"use": "memory"},
}


def batch_of(folder, prompts, **changes):
    """Paint prompts into a run store; return it."""
    pool = folder / "pool"
    if not pool.exists():
        with Collection.create(pool) as collection:
            found = []
            for colour in ("red", "green"):
                file = folder / f"{colour}.png"
                Image.new("RGB", (40, 40), colour).save(file)
                source = "javascript:alert(4)" if colour == "red" else "https://example.org/a?b&c"
                caption = f"<b>a {colour} hedgehog</b>"
                found.append(Found(file.name, file, caption=caption, source=source))
            collection.add(found, private=changes.pop("private", False))
    file = folder / "prompts.txt"
    file.write_text("\n".join(prompts) + "\n", encoding="utf-8")
    config = {**CONFIG, "collection": str(pool), **changes}
    store = RunStore.create(folder / "out")
    listed = PromptFile(file)
    with Session.from_config(config, registry=registry()) as session:
        take(prepare(session, store, listed, str(file), listed.digest))
    return store


class Page(HTMLParser):
    """What a browser would make of a page: elements with attributes, and their texts."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = []
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self, tag):
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with batch_of(folder, [*HOSTILE, "a hedgehog", "a boat"]) as store:
        yield store


@pytest.fixture(scope="module")
def written(stored):
    return write_report(stored)


@pytest.fixture(scope="module")
def text(written):
    return written.page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_row_has_its_story(stored, written, page):
    assert written.rows == len(page.all("article")) == 7
    for card, stored_run in zip(cards(stored, 1), stored.runs(), strict=True):
        assert card.outcome == stored_run.run.kept
        assert [p.title for p in card.panels] == ["draft", "reference", "with references"]
        assert [p.kept for p in card.panels].count(True) == 1
        assert card.score == stored_run.run.rounds[-1].painted.references[0].score
        assert len(card.decisions) == len(stored_run.run.decisions)


def test_hostile_texts_are_texts(page, text):
    said = "".join(page.said("bdi"))
    for prompt in HOSTILE:
        assert prompt in said
    assert len(page.all("script")) == 1
    assert page.all("h1") == [{}]
    assert not [tag for tag, attributes in page.elements for name in attributes if name[:2] == "on"]
    links = [each.get("href", "") for each in page.all("a")]
    assert "https://example.org/a?b&c" in links or "javascript" not in "".join(links)
    assert not [link for link in links if link.startswith("javascript")]
    assert "alert(4)" not in "".join(links)


def test_only_its_own_script_may_run_and_nothing_may_be_fetched(page, text):
    [policy] = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "'self' file: data:"
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in rules["script-src"]
    for image in page.all("img"):
        assert not re.match(r"[a-z]+:|//", image["src"])
    assert not page.all("link") and not page.all("iframe")


def test_pictures_are_where_the_page_says(written, page):
    folder = written.page.parent
    for image in page.all("img"):
        with Image.open(folder / unquote(image["src"])) as small:
            assert max(small.size) <= SIDE
    whole = [a["href"] for a in page.all("a") if a["href"].endswith(".png")]
    assert len(whole) == len(page.all("img")) == 21
    assert all((folder / unquote(link)).is_file() for link in whole)


def test_rows_carry_what_they_are_filtered_by(stored, page):
    options = [option["value"] for option in page.all("option")]
    for article, card in zip(page.all("article"), cards(stored, 1), strict=True):
        assert article["data-outcome"] == card.outcome in options
        assert float(article["data-score"]) == pytest.approx(card.score, rel=1e-5)
        assert article["data-decided"].split(" | ") == list(card.decided)
        assert set(card.decided) <= set(options)
        assert article["tabindex"] == "0"


def test_every_control_has_a_label(page):
    for tag in ("input", "select"):
        assert all("name" in each for each in page.all(tag))
    assert len(page.all("label")) == len(page.all("input")) + len(page.all("select"))


def test_a_report_made_again_makes_no_picture_anew(stored, written):
    before = {p: p.stat().st_mtime_ns for p in written.page.parent.glob("thumbnails/*")}
    again = write_report(stored)
    assert before
    assert {p: p.stat().st_mtime_ns for p in again.page.parent.glob("thumbnails/*")} == before


def test_one_file_holds_all_that_is_shown(stored, tmp_path):
    written = write_report(stored, tmp_path / "single", single_file=True)
    assert [path.name for path in (tmp_path / "single").iterdir()] == ["index.html"]
    page = Page(written.page.read_text(encoding="utf-8"))
    assert len(page.all("img")) == 21
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert not [a for a in page.all("a") if a["href"].endswith(".png")]


def test_sheets_show_what_was_kept(stored, written):
    [sheet] = written.sheets
    assert ON_A_SHEET >= 7
    with Image.open(sheet) as opened:
        assert opened.width > 4 * 256


def test_failures_and_what_is_left_are_rows_too(tmp_path):
    with batch_of(tmp_path, ["a hedgehog", ""]) as store:
        work = next(iter(store.runs())).key
        with store.database.writing():
            store.database.many(
                "UPDATE works SET state = 'failed', reason = ?, record = NULL WHERE key = ?",
                [("the <critic> said no", work)],
            )
        page = Page(write_report(store).page.read_text(encoding="utf-8"))
    [article] = page.all("article")
    assert article["data-outcome"] == "failed"
    assert "the <critic> said no" in page.said("bdi")


def test_a_picture_that_is_gone_or_damaged_leaves_the_page_whole(tmp_path):
    with batch_of(tmp_path, ["a hedgehog", "a boat"]) as store:
        one, other = (run.pictures["draft"] for run in store.runs())
        one.unlink()
        other.write_bytes(b"no picture")
        page = Page(write_report(store).page.read_text(encoding="utf-8"))
    assert len(page.all("article")) == 2
    assert page.said("span").count("not here") == 2


def test_private_references_can_be_kept_back(tmp_path):
    with batch_of(tmp_path, ["a hedgehog"], private=True) as store:
        shown = write_report(store)
        hidden = write_report(store, tmp_path / "for-others", private=False)
        assert len(Page(shown.page.read_text()).all("img")) == 3
        text = hidden.page.read_text()
        assert len(Page(text).all("img")) == 2
        assert "example.org" not in text
        assert "private reference" in text


def test_a_batch_that_is_not_there_is_told(stored):
    with pytest.raises(UsageError, match="there is no batch 7"):
        write_report(stored, batch=7)


def test_the_command_writes_and_says_where(stored, shell):
    done = shell("report", stored.folder, "--out", "here", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rows"] == 7
    assert (shell.work / told["page"]).is_file()
    assert shell("report", "nowhere").returncode == 2
