"""What workbench.toml has read is agreed to once for each change of it, outside the repository."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from workbench.compute.cards import list_targets
from workbench.compute.consent import check_commands, check_consent, has_consent, list_secrets, trust_secrets
from workbench.compute.targets import find_target
from workbench.foundation.agreement import FILE
from workbench.foundation.config import load_config
from workbench.foundation.errors import DeniedError, NotFoundError
from workbench.foundation.project import Project

TOML = (
    '\n[targets.box]\nkind = "ssh"\nhost = "{host}"\n[targets.box.env]\nTOKEN = "{source}"\n'
    '[notices.chat]\nkind = "slack"\nurl = "env:SLACK"\n[targets.plain]\nkind = "local"\n'
)


@pytest.fixture
def written(blank_project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "me"))
    path = blank_project.root / "workbench.toml"
    before = path.read_text()

    def write(host: str = "gpu", source: str = "file:/run/token") -> Project:
        path.write_text(before + TOML.format(host=host, source=source))
        return Project(blank_project.root, load_config(path), blank_project.actor)

    return write


def test_it_is_shown_agreed_to_and_asked_again_when_anything_of_it_changes(written, tmp_path):
    project = written()
    assert {use.section: use.reads for use in list_secrets(project)} == {
        "targets.box": {"TOKEN": "file:/run/token"},
        "notices.chat": {"url": "env:SLACK"},
    }
    check_consent(project, "targets.plain")
    with pytest.raises(DeniedError, match=r"TOKEN from file:/run/token.*target 'box'"):
        check_consent(project, "targets.box")
    (agreed,) = trust_secrets(project, ("targets.box",))
    assert agreed.is_trusted
    assert has_consent(written(), "targets.box")
    assert not has_consent(project, "notices.chat")
    for change in ({"host": "elsewhere"}, {"source": "file:/home/me/.ssh/id_ed25519"}):
        assert not has_consent(written(**change), "targets.box")
    kept = tmp_path / "me" / FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not list(project.root.rglob(FILE))


def test_a_machine_without_a_person_names_the_digest(written, monkeypatch):
    project = written()
    digests = [use.digest for use in list_secrets(project)]
    monkeypatch.setenv("WORKBENCH_TRUST", ", ".join(digests))
    assert all(use.is_trusted for use in list_secrets(project))
    assert not any(use.is_trusted for use in list_secrets(written(host="elsewhere")) if use.section == "targets.box")


@pytest.mark.parametrize("content", ["", "[]", "{", '"all"', json.dumps({"sha256:0": {}})])
def test_a_file_that_says_something_else_agrees_to_nothing(written, tmp_path, content):
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / FILE).write_text(content)
    assert not any(use.is_trusted for use in list_secrets(written()))


@pytest.mark.parametrize("sections", [(), ("targets.plain",), ("notices.chta",)])
def test_only_what_reads_something_can_be_agreed_to(written, sections):
    with pytest.raises(NotFoundError, match="section-unknown"):
        trust_secrets(written(), sections)


EVIL = "Match exec \"touch '{mark}'\"\nHost box\n  ProxyCommand touch '{mark}'\n"
KUBE = """\
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:9"}}}}]
users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: touch, args: ["{mark}"]}}}}}}]
"""


@pytest.mark.parametrize(
    ("option", "kind", "text"), [("ssh_config", 'ssh"\nhost="box', EVIL), ("kubeconfig", "kubernetes", KUBE)]
)
def test_a_file_of_commands_that_came_with_the_repository_is_agreed_to(  # noqa: PLR0917 - three of them are one case
    blank_project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, option: str, text: str
) -> None:
    """Else whoever opens the panel, which lists targets, runs what a branch says."""
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "me"))
    root, mark, place = blank_project.root, tmp_path / "was here", blank_project.root / "ops.conf"
    monkeypatch.chdir(root)
    place.write_text(text.format(mark=mark))
    config = root / "workbench.toml"
    config.write_text(f'{config.read_text()}\n[targets.box]\nkind = "{kind}"\n{option} = "ops.conf"\n')
    project = Project(root, load_config(config), blank_project.actor)
    (card,) = (card for card in list_targets(project, refresh=True) if card.name == "box")
    assert (card.is_ready, card.checks[0].hint) == (False, f"if it should: mlops secrets trust targets.box.{option}")
    assert not mark.exists()
    trust_secrets(project, (f"targets.box.{option}",))
    list_targets(project, refresh=True)
    assert mark.exists()  # the planted command is one
    place.write_text(text.format(mark=tmp_path / "another"))
    with pytest.raises(DeniedError, match="secrets-untrusted"):
        find_target(project, "box")


@pytest.mark.parametrize(
    ("kind", "option", "text"),
    [
        ("ssh", "ssh_config", "Include {root}/more.conf\n"),
        ("ssh", "ssh_config", "Host box\n  include = {root}/*re.conf\n"),
        ("ssh", "ssh_config", 'Include "{root}/%h.d/*"\n'),
        ("ssh", "ssh_config", "ProxyCommand ./more.conf %h %p\n"),
        ("ssh", "ssh_config", 'Match exec "sh {root}/more.conf now"\n'),
        ("kubernetes", "kubeconfig", "users: [{{name: u, user: {{exec: {{command: ./more.conf, args: []}}}}}}]\n"),
    ],
)
def test_what_a_file_of_commands_names_in_a_repository_is_agreed_to_with_it(  # noqa: PLR0917 - three are one case
    blank_project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, option: str, text: str
) -> None:
    """Else the next branch writes its command there, and nobody is asked."""
    monkeypatch.setenv("WORKBENCH_CONFIG_HOME", str(tmp_path / "me"))
    root = blank_project.root
    monkeypatch.chdir(root)
    folder = root / "ops.d"
    folder.mkdir()
    (root / "ops.conf").write_text(text.format(root=root))
    named = (root / "more.conf", root / "deeper.conf", folder / "a")
    for file in named:
        file.write_text(f"Include {named[1]}\nHost box\n")
    config = root / "workbench.toml"
    config.write_text(f'{config.read_text()}\n[targets.box]\nkind = "{kind}"\nhost = "box"\n{option} = "ops.conf"\n')
    project = Project(root, load_config(config), blank_project.actor)
    trust_secrets(project, (f"targets.box.{option}",))
    check_commands(project, "box")
    (root / "unnamed.txt").write_text("ProxyCommand evil")
    check_commands(project, "box")
    included = "nclude" in text
    direct, other = (named[2], named[0]) if "%h.d" in text else (named[0], named[2])
    for file, is_named in ((direct, True), (named[1], included), (other, False)):
        before = file.read_text()
        file.write_text("ProxyCommand evil\n")
        assert check(project) == (not is_named), file
        file.write_text(before)


def check(project: Project) -> bool:
    try:
        check_commands(project, "box")
    except DeniedError:
        return False
    return True


@pytest.mark.parametrize(("folder", "is_asked"), [("", False), ("clone", True)])
def test_a_file_of_commands_of_ones_own_needs_nobody(
    blank_project: Project, tmp_path: Path, folder: str, is_asked: bool
) -> None:
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    own = tmp_path / folder / "own.conf"
    own.write_text("")
    config = blank_project.root / "workbench.toml"
    config.write_text(f'{config.read_text()}\n[targets.box]\nkind = "ssh"\nhost = "box"\nssh_config = "{own}"\n')
    assert bool(list_secrets(Project(blank_project.root, load_config(config), blank_project.actor))) == is_asked
