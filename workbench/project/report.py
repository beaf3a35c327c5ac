"""The one-page report: the road as somebody sees it who never opens a terminal."""

from __future__ import annotations

import re

from workbench.contract.monitor import ReportFile
from workbench.foundation.canonical import digest_bytes
from workbench.foundation.durable import write_atomic
from workbench.foundation.project import Project
from workbench.monitor import wording

FOLDER = "reports"


def write_report(project: Project, language: str = "en") -> ReportFile:
    """Write the one-page HTML report: what was tried, approved, released and how it is doing.

    The file needs no server and no network, prints on paper and may be mailed; it replaces the report before it.

    Args:
        project: The project.
        language: ``en`` or ``ja``.

    Raises:
        UsageError: ``language-unknown``.
        StorageError: The disk is full or the folder is not writable; an earlier report is untouched.
    """
    wording.load_words(language)  # refuse before any work is done
    from workbench.project.page.facts import gather
    from workbench.project.page.render import render_page

    facts = gather(project, language)
    data = render_page(facts, language).encode()
    path = f"{FOLDER}/{_file_name(project.config.project.name)}-{language}.html"
    write_atomic(project.root / path, data)
    report = ReportFile(path, digest_bytes(data), language)
    with project.journal.transaction() as change:
        told = {"digest": report.digest, "language": language, "journal_seq": facts.status.journal_seq}
        change.append("report.written", f"report:{path}", told)
    return report


def _file_name(name: str) -> str:
    """Keep letters of any script, digits, dot, hyphen and underscore."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "project"
