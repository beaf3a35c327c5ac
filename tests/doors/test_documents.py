"""Every command in the documents is one that exists, with options that exist: what is written can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from workbench.doors.commandline import parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"])
BLOCK = re.compile(r"```(?:sh|python)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\s*%?mlops (.+)$", re.MULTILINE)


def commands(path: Path) -> list[str]:
    """Return the words after ``mlops`` of each line in a block of code."""
    return [line for block in BLOCK.findall(path.read_text(encoding="utf-8")) for line in COMMAND.findall(block)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_can_be_typed(path):
    for line in commands(path):
        words = shlex.split(line, comments=True)
        if words not in (["--help"],):
            assert parse(words).verb


def test_the_reader_of_documents_finds_a_planted_fault(tmp_path):
    document = tmp_path / "x.md"
    document.write_text("```sh\nmlops runs --srt -metrics.f1   # a comment\n```\n")
    (line,) = commands(document)
    with pytest.raises(Exception, match="srt"):
        parse(shlex.split(line, comments=True))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
