"""The report is one file that asks nobody for anything, in two whole languages, and shows what the records say."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from workbench.foundation.errors import StorageError, UsageError
from workbench.monitor import wording
from workbench.project.report import write_report


class Page(HTMLParser):
    """Collect addresses, ids and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.scripts = 0
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.addresses += [value for key, value in attrs if key in ("src", "href", "action", "data", "poster")]
        self.ids += [value for key, value in attrs if key == "id"]
        self.scripts += tag == "script"
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        if not self._hidden:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def _read(project, language="en"):
    report = write_report(project, language)
    return report, (project.root / report.path).read_text(encoding="utf-8")


@pytest.mark.checklist("S0-17", "S1-40")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_is_whole_in_each_language_and_asks_nobody_for_anything(furnished, language):
    report, html = _read(furnished, language)
    page = Page(html)
    assert report.path == f"reports/mill-{language}.html"
    assert page.addresses == []
    assert "default-src 'none'" in html
    assert f'<html lang="{language}">' in html
    assert {"runs", "forest", "drift-0", "shares-0", "figures"} <= set(page.ids)
    for words in ("mill@production", "mika.sato@example.com", "forest depth 4", "local-signed", "line 3"):
        assert words in page.words
    own = wording.load_words(language)
    for key in ("verdict.critical", "assurance.local-signed", "journal.intact", "result.unknown", "runs.best"):
        assert own[key] in page.words or own[key] in html
    assert not re.search(r"\b(road|state|event|cause|check|result|alerts)\.[a-zA-Z]", page.words)  # no bare key


def test_the_japanese_page_speaks_japanese(furnished):
    _, html = _read(furnished, "ja")
    page = Page(html)
    english = {t for key, t in wording.load_words("en").items() if t != wording.load_words("ja")[key] and len(t) > 12}
    assert not [sentence for sentence in english if "{" not in sentence and sentence in page.words]
    assert "入力 4 項目のうち" in page.words


def test_what_people_wrote_is_text_not_markup(furnished):
    _, html = _read(furnished)
    assert "&lt;with&gt;" in html
    assert "<with>" not in html


def test_the_event_binds_the_bytes_and_a_second_report_replaces_the_first(furnished):
    first, _ = _read(furnished)
    second, _ = _read(furnished)
    assert first.path == second.path
    events = furnished.journal.events(kind="report.written")
    assert [event.data["digest"] for event in events] == [first.digest, second.digest]
    assert [path.name for path in (furnished.root / "reports").iterdir()] == ["mill-en.html"]


def test_an_empty_project_gets_a_page_that_teaches(project):
    _, html = _read(project)
    page = Page(html)
    assert "mlops run <notebook>" in page.words
    assert "Nothing is in service yet" in page.words
    assert len(html) < 60_000  # nothing to draw, so no plotly.js


def test_a_broken_journal_is_said_at_the_top(furnished):
    import sqlite3

    furnished.journal.close()
    with sqlite3.connect(furnished.state_dir / "journal.db") as database:
        database.execute("UPDATE events SET actor = 'mallory' WHERE seq = 2")
    database.close()
    _, html = _read(furnished)
    words = Page(html).words
    assert words.index("The records are not what was written") < words.index("What needs attention")
    assert "Event 2 of the journal is not what was written" in words


def test_unknown_language_is_refused_before_anything_is_written(project):
    with pytest.raises(UsageError) as caught:
        write_report(project, "jp")
    assert caught.value.code == "language-unknown"
    assert caught.value.hint == "known: en, ja"
    assert not (project.root / "reports").exists()


def test_a_folder_that_cannot_be_written_is_a_storage_error_and_no_event(furnished, monkeypatch):
    import errno

    from workbench.foundation import durable

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.tempfile, "mkstemp", full)
    with pytest.raises(StorageError) as caught:
        write_report(furnished)
    assert caught.value.code == "disk-full"
    assert furnished.journal.events(kind="report.written") == []
