"""Consent: what ``workbench.toml`` has read of this user's secrets, and where that goes, is the user's to allow.

The file comes with the repository, so somebody else may have written that a file of whoever approves is read and posted
to an address of theirs. It may name a server of theirs, where whoever looks at runs signs in. It may also name a file
that has a client run commands, as soon as somebody looks at a target: ``ssh`` those of ``ProxyCommand`` and
``Match exec``, Kubernetes' client those of exec plugins. And a folder may be watched that nobody but this user can
read. Nothing is read for a section until the user has agreed to it, once for each change of it;
:mod:`~workbench.foundation.agreement` keeps that outside the repository. Who wrote the file, Git only claims, so it
makes no difference here.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from workbench.contract.secrets import SecretUse
from workbench.data.ingest.declaration import names, read_declaration
from workbench.data.ingest.inbox import use_of_folder
from workbench.foundation.agreement import Use, agree, agreed, refuse_untrusted, use_of_server
from workbench.foundation.canonical import digest_file
from workbench.foundation.config import Config, NoticeSection, TargetSection
from workbench.foundation.errors import NotFoundError, UsageError, did_you_mean
from workbench.foundation.project import Project, expanded

_SECRET_KEYS = ("url", "secret", "password")
_COMMANDING = {
    "ssh_config": "ssh, with the commands in it",
    "kubeconfig": "the Kubernetes client, with the commands in it",
}
"""Options of targets that name a file with commands that are run here as soon as the target is looked at."""

_QUOTED = re.compile(r'"([^"]*)"')
_WORD = re.compile(r"""[^\s"'=,;{}()]+""")
_TOKEN = re.compile(r"%\w")


def list_secrets(project: Project) -> tuple[SecretUse, ...]:
    """List which secrets workbench.toml has read, where they go, and whether you have agreed to that.

    Args:
        project: The project.
    """
    known = agreed()
    return tuple(
        SecretUse(use.section, use.reads, use.goes_to, use.digest in known, use.digest) for use in _uses(project)
    )


def trust_secrets(project: Project, sections: tuple[str, ...]) -> tuple[SecretUse, ...]:
    """Agree that the secrets of these sections are read and go where the section says; a change of one asks again.

    Args:
        project: The project.
        sections: Names as `mlops secrets` lists them: notices.chat, targets.gpu-box, gate.

    Raises:
        NotFoundError: ``section-unknown``.
        StorageError: ``file-not-readable`` or ``folder-not-writable``.
    """
    uses = {use.section: use for use in _uses(project)}
    for section in sections or ("",):
        if section not in uses:
            message = f"The project has nothing read in '{section}'" if section else "No section was named"
            raise NotFoundError("section-unknown", message, did_you_mean(section, uses))
    agree((uses[section] for section in sections), project.root)
    return tuple(use for use in list_secrets(project) if use.section in sections)


def check_consent(project: Project, section: str) -> None:
    """Refuse to have a section's secrets read that this user has not agreed to; one without secrets needs nothing.

    Raises:
        DeniedError: ``secrets-untrusted``.
    """
    refuse_untrusted(_uses(project, section))


def check_commands(project: Project, target: str) -> None:
    """Refuse a target whose options name a file of commands that is not this user's own, until they agree to it.

    Raises:
        DeniedError: ``secrets-untrusted``.
    """
    if section := project.config.targets.get(target):
        refuse_untrusted(_files_of_commands(project, target, section))


def has_consent(project: Project, section: str) -> bool:
    """Tell whether a section's secrets may be read, or it has none."""
    return all(use.digest in agreed() for use in _uses(project, section))


def _uses(project: Project, section: str = "") -> Iterator[Use]:
    """Yield what needs consent in one section, of which alone files are read then; without its name in all."""
    for name, uses in _sections(project):
        if section in ("", name):
            yield from uses


def _sections(project: Project) -> Iterator[tuple[str, Iterator[Use]]]:
    """Yield each section with what needs consent in it, which is found out, and files read for it, once it is asked."""
    config = project.config
    for key in ("tracking", "journal", "lineage"):
        yield key, use_of_server(config, key)
    for key, notice in config.notices.items():
        yield f"notices.{key}", _of_notice(key, notice)
    for key, target in config.targets.items():
        yield f"targets.{key}", _of_target(key, target)
        yield f"targets.{key}.files", _files_of_commands(project, key, target)
    for key in names(project):
        yield f"watches.{key}", _of_watch(project, key)
    yield "gate", _of_gate(config)


def _of_notice(name: str, notice: NoticeSection) -> Iterator[Use]:
    if reads := {key: getattr(notice, key) for key in _SECRET_KEYS if getattr(notice, key)}:
        yield Use(f"notices.{name}", reads, _receiver(notice), asdict(notice))


def _of_target(name: str, target: TargetSection) -> Iterator[Use]:
    env = target.options.get("env")
    if isinstance(env, dict) and env:
        reads = {str(key): str(source) for key, source in env.items()}
        yield Use(f"targets.{name}", reads, f"notebooks on target '{name}' ({target.kind})", asdict(target))


def _of_watch(project: Project, name: str) -> Iterator[Use]:
    with suppress(UsageError):  # one that cannot be read has nothing read either
        yield from use_of_folder(project, name, read_declaration(project, name))


def _of_gate(config: Config) -> Iterator[Use]:
    if config.gate.password:
        server = config.tracking.uri
        yield Use("gate", {"password": config.gate.password}, server, {**asdict(config.gate), "server": server})


def _files_of_commands(project: Project, name: str, target: TargetSection) -> Iterator[Use]:
    for option, goes_to in _COMMANDING.items():
        paths = _paths(project, option, target.options.get(option))
        if not all(_is_own(project, path) for path in paths):
            files = sorted({*paths, *(named for path in paths for named in _named_in(project, path, set()))})
            said = {str(path): digest_file(path) if path.is_file() else "" for path in files}
            yield Use(f"targets.{name}.{option}", {option: str(target.options[option])}, goes_to, said)


def _paths(project: Project, option: str, value: object) -> tuple[Path, ...]:
    """Return the files that an option names, as its client finds them."""
    if not isinstance(value, str) or not value:
        return ()
    if option == "kubeconfig":  # several, and relative to where the client was started
        return tuple(Path(part).expanduser().absolute() for part in value.split(os.pathsep) if part)
    return (project.root / expanded(value),)


def _named_in(project: Project, path: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield what a file of commands names and somebody else may change: its scripts, and what it includes with theirs.

    Agreed to is what a file says today. So words are looked for where its clients look (beside it, in ``~/.ssh``, where
    they were started), whatever they mean there: a file too many asks once more, and one too few would never ask.
    """
    seen.add(path)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        is_included = line.lstrip().lower().startswith("include")
        for found in {found for word in _words(line) for found in _found(project, path, word)} - seen:
            yield found
            if is_included:
                yield from _named_in(project, found, seen)


def _words(line: str) -> set[str]:
    quoted = _QUOTED.findall(line)
    return {word for text in (line, *quoted) for word in _WORD.findall(text)} | set(quoted)


def _found(project: Project, path: Path, word: str) -> Iterator[Path]:
    pattern = _TOKEN.sub("*", os.path.expandvars(expanded(word.replace("%d", "~"))))
    if not pattern.strip("*"):  # the port alone
        return
    for folder in {path.parent, project.root, Path.home() / ".ssh", Path.cwd()}:
        for name in glob.iglob(str(folder / pattern)):  # noqa: PTH207 - of absolute patterns, too, as ssh's own
            found = Path(name)
            if found.is_file() and not _is_own(project, found):
                yield found


def _is_own(project: Project, path: Path) -> bool:
    """Tell whether a file is this user's or the system's, and came with no repository, neither this nor another."""
    try:
        owner = path.stat().st_uid
    except OSError:
        return True  # nobody can read it either
    folder = path.parent.resolve()  # of the name, which may be a link to somewhere else
    folders = {folder, *folder.parents, *path.resolve().parents}
    came = project.root.resolve() in folders or any((each / ".git").exists() for each in folders)
    return owner in (os.getuid(), 0) and not came


def _receiver(notice: NoticeSection) -> str:
    """Say in words where what is read goes."""
    return f"the mail server {notice.server}" if notice.kind == "mail" else f"the address in {notice.url}"
