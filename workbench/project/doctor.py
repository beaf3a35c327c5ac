"""The doctor: one report over everything the road needs, each finding with the command that mends it.

Network, security and automation are looked at together, because each is worth little alone. Every probe is run for
itself: what it raises becomes its finding, so a broken part never hides the others.
"""

from __future__ import annotations

import ipaddress
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from workbench import __version__
from workbench.contract.project import Finding
from workbench.contract.status import AlertState, ReleaseState
from workbench.foundation.canonical import digest_file
from workbench.foundation.config import FILE_NAME, load_config
from workbench.foundation.counting import counted
from workbench.foundation.errors import WorkbenchError
from workbench.foundation.identity import read_public_key
from workbench.foundation.lease import inspect_lease
from workbench.foundation.project import Project

DISTRIBUTION = "mlops-workbench"
_LOW_DISK_BYTES = 1 << 30
_HASHED_BYTES = 256 << 20
"""Blobs are re-hashed up to this many bytes, chosen at random where there are more: about a second."""

_BREAKAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ImportError,
    RuntimeError,
    sqlite3.Error,
    subprocess.SubprocessError,
    SQLAlchemyError,
)

Findings = Iterable[Finding]


def find_faults(project: Project) -> tuple[Finding, ...]:
    """Run every probe and return all findings, in the order of the road."""
    return tuple(finding for name, probe in _PROBES.items() for finding in _run(name, probe, project))


def _run(name: str, probe: Callable[[Project], Findings], project: Project) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.extend(probe(project))
    except WorkbenchError as error:
        findings.append(Finding(name, is_ok=False, message=error.message, hint=error.hint))
    except _BREAKAGE as error:
        message = f"Could not be looked at: {type(error).__name__}: {error}"
        hint = "reinstall the package: pip install --force-reinstall mlops-workbench"
        findings.append(Finding(name, is_ok=False, message=message, hint=hint))
    return findings


def _configuration(project: Project) -> Findings:
    load_config(project.root / FILE_NAME)
    yield Finding("configuration", is_ok=True, message=f"{FILE_NAME} is valid; owner: {_owner(project)}")


def _owner(project: Project) -> str:
    return project.config.project.owner or "nobody named"


def _python(_project: Project) -> Findings:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("python", is_ok=sys.version_info >= (3, 11), message=f"Python {version}, workbench {__version__}")


def _dependencies(_project: Project) -> Findings:
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    direct = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = []
    for requirement in direct:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    message = "; ".join(wrong) or f"all {len(direct)} direct dependencies are within the tested versions"
    hint = f"pip install --upgrade {DISTRIBUTION}" if wrong else ""
    yield Finding("dependencies", is_ok=not wrong, message=message, hint=hint)


def _disk(project: Project) -> Findings:
    free = shutil.disk_usage(project.root).free
    message = f"{free / (1 << 30):.1f} GiB free"
    hint = "" if free >= _LOW_DISK_BYTES else "free some space: old job folders lie in .workbench/jobs"
    yield Finding("disk", is_ok=free >= _LOW_DISK_BYTES, message=message, hint=hint)


def _journal(project: Project) -> Findings:
    head = project.journal.verify()
    message = f"The chain of {counted(head.seq, 'event')} is unbroken; head {head.hash[7:19]}"
    yield Finding("journal", is_ok=True, message=message)


def _store(project: Project) -> Findings:
    blobs = [path for path in (project.store.root / "blobs" / "sha256").glob("??/*") if path.is_file()]
    random.SystemRandom().shuffle(blobs)
    hashed = size = 0
    changed = []
    for path in blobs:
        size += path.stat().st_size
        if hashed and size > _HASHED_BYTES:
            break
        hashed += 1
        if digest_file(path) != f"sha256:{path.name}":
            changed.append(path.name[:12])
    message = f"{hashed} of {counted(len(blobs), 'frozen file')} re-hashed"
    if changed:
        message += f"; not the bytes they were: {', '.join(sorted(changed))}"
    hint = "restore them from a backup, or request a new review" if changed else ""
    yield Finding("store", is_ok=not changed, message=message, hint=hint)


def _tracking(project: Project) -> Findings:
    from workbench.experiment.runs import count_runs
    from workbench.experiment.store.creation import sqlite_path
    from workbench.experiment.store.delivery import undelivered
    from workbench.experiment.store.tuning import find_stores

    message, own = f"{counted(count_runs(project), 'run')} in the MLflow store", sqlite_path(project)
    if left := undelivered(project):
        runs = counted(len(left), "run")
        message += f"; values of {runs}, whose process may have died, wait to be delivered to it"
        yield Finding("tracking", is_ok=False, message=message, hint="mlops store tune")
    elif own and own.is_file():
        yield _database("tracking", own, message, "mlops store tune")
    else:
        yield Finding("tracking", is_ok=True, message=message)
    for path in find_stores(project):
        shown = path.relative_to(project.root).as_posix()
        yield _database(f"tracking {shown}", path, "An MLflow database of your own", f"mlops store tune '{path}'")


def _database(name: str, path: Path, message: str, hint: str) -> Finding:
    from workbench.experiment.store.tuning import store_health

    try:
        health = store_health(path)
    except WorkbenchError as error:
        return Finding(name, is_ok=False, message=error.message, hint=error.hint)
    faults = []
    if health.journal_mode != "wal":
        faults.append(f"journal mode '{health.journal_mode}': readers wait for writers")
    if not health.is_fresh:
        faults.append("sqlite has no fresh statistics: searches are slow")
    text = "; ".join([message, *faults])
    return Finding(name, is_ok=not faults, message=text, hint=hint if faults else "")


def _git(project: Project) -> Findings:
    if shutil.which("git") is None:
        yield Finding("git", is_ok=False, message="Git is not installed", hint="install Git")
        return
    command = ["git", "-C", str(project.root), "status", "--porcelain", "--", "."]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        yield Finding("git", is_ok=False, message="Not a Git repository: runs name no commit", hint="git init")
        return
    changed = len(done.stdout.splitlines())
    what = counted(changed, "file differs", "files differ") if changed else "Nothing differs"
    yield Finding("git", is_ok=True, message=f"{what} from the last commit")


def _data(project: Project) -> Findings:
    if not (project.root / ".dvc").is_dir():
        yield Finding("data", is_ok=False, message="No data is versioned yet", hint="mlops data snapshot <path>")
        return
    message = f"DVC {metadata.version('dvc')}, {counted(project.journal.count('dataset'), 'dataset version')}"
    yield Finding("data", is_ok=True, message=message)
    from workbench.data.remotes import exposed_secrets

    for option in exposed_secrets(project):
        hint = f"dvc config --unset {option}; dvc config --local {option} <value>; then change the secret itself"
        message = f"{option} is a secret in .dvc/config, which goes into Git"
        yield Finding("data-secret", is_ok=False, message=message, hint=hint)


def _cards(project: Project) -> Findings:
    from workbench.data.care.card import card_findings
    from workbench.data.care.erasure_record import erasure_findings

    yield from card_findings(project)
    yield from erasure_findings(project)


def _levels(project: Project) -> Findings:
    from workbench.experiment.levels.standing import fallen_levels

    fallen = list(fallen_levels(project))
    for run, level, reason in fallen:
        message = f"Run {run[:8]} carries {level}, but {reason}"
        yield Finding("reproducibility", is_ok=False, message=message, hint=f"mlops runs verify {run}")
    if not fallen:
        yield Finding("reproducibility", is_ok=True, message="Every level that the newest runs carry still stands")


def _key(project: Project) -> Findings:
    if project.key_path is None:
        yield Finding("signing-key", is_ok=False, message="You have no key to sign with", hint="mlops identity create")
        return
    fingerprint = read_public_key(project.key_path).fingerprint
    mode = project.key_path.stat().st_mode & 0o077
    hint = f"chmod 600 '{project.key_path}'" if mode else ""
    message = f"{fingerprint}{', readable by others' if mode else ''}"
    yield Finding("signing-key", is_ok=not mode, message=message, hint=hint)


def _reviewers(project: Project) -> Findings:
    from workbench.review.people import list_reviewers
    from workbench.review.policies.reviewers import load_reviewers

    listed = list_reviewers(project)
    held = {entry.key.fingerprint for entry in load_reviewers(project).entries}  # with those that were revoked
    reviewers = [reviewer for reviewer in listed if reviewer.is_in_force]
    others = {reviewer.principal for reviewer in reviewers} - {project.actor}
    message = f"{counted(len(reviewers), 'key')} may approve, {len(others)} of them not yours"
    hint = "" if reviewers else "mlops reviewers add <mail address> <public key>"
    if waiting := sum(not each.is_in_force and each.fingerprint not in held for each in listed):
        wait = counted(waiting, "waits until others have signed for it", "wait until others have signed for them")
        message, hint = f"{message}; {wait}", "mlops policy"
    yield Finding("reviewers", is_ok=bool(reviewers), message=message, hint=hint)


def _policy(project: Project) -> Findings:
    from workbench.review.policies.policy import load_policy

    policy = load_policy(project)
    yield Finding("policy", is_ok=True, message=f"Valid, stages: {', '.join(policy.stages)}; {policy.digest[7:19]}")


def _sandbox(project: Project) -> Findings:
    from workbench.compute.sandbox import can_confine
    from workbench.compute.targets import SANDBOX
    from workbench.review.policies.policy import load_policy

    if can_confine():
        yield Finding("sandbox", is_ok=True, message="Notebooks of others are run without files of yours or a network")
        return
    rules = load_policy(project).stages.values()
    replays = [rule.reproduced for rule in rules if "reproduced" in (*rule.required, *rule.optional)]
    asked = [(rule.checks.target, rule.checks.isolation) for rule in rules]
    asked += [(replay.target, replay.isolation) for replay in replays]
    needed = (SANDBOX, "required") in asked
    yield Finding(
        "sandbox",
        is_ok=not needed,
        message="This machine cannot keep a notebook of somebody else's from your files and the network",
        hint="name a machine that can in policy/gate.toml: [stages.<stage>.reproduced] target = …" if needed else "",
    )


def _gate(project: Project) -> Findings:
    from workbench.serving.faults import release_faults
    from workbench.serving.outside import notice_changes

    notice_changes(project)
    faults = release_faults(project)
    for channel, found in faults.items():
        for fault in found:
            yield Finding(f"gate {channel}", is_ok=False, message=fault.message, hint=fault.hint)
    if not faults:
        yield Finding("gate", is_ok=True, message="Nothing was moved past the gate, and no override waits for a look")


def _notices(project: Project) -> Findings:
    from workbench.review.notices.delivery import list_notices

    for card in list_notices(project):
        message = f"{card.kind}, {card.waiting} waiting" + (f": {card.error}" if card.error else "")
        hint = "mlops notices send" if card.error else ""
        yield Finding(f"notices {card.name}", is_ok=not card.error, message=message, hint=hint)


def _targets(project: Project) -> Findings:
    from workbench.compute.cards import list_targets

    for target in list_targets(project):
        faults = [check for check in target.checks if not check.is_ok]
        for fault in faults:
            yield Finding(f"target {target.name}", is_ok=False, message=fault.message, hint=fault.hint)
        if not faults:
            gib = target.memory_bytes / (1 << 30)
            cores, jobs = counted(target.cpus, "core"), counted(target.running_jobs, "job")
            message = f"Ready: {cores}, {gib:.1f} GiB memory, {jobs}"
            yield Finding(f"target {target.name}", is_ok=True, message=message)


def _network(project: Project) -> Findings:
    host = project.config.runner.host
    outside = [address for address in _addresses(host) if not ipaddress.ip_address(address).is_loopback]
    reach = "beyond this machine and without TLS" if outside else "this machine only"
    message = f"The runner listens on {host}, {reach}"
    hint = 'end TLS in front of it, or set host = "127.0.0.1" under [runner]' if outside else ""
    yield Finding("network", is_ok=not outside, message=message, hint=hint)


def _addresses(host: str) -> set[str]:
    return {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}


def _runners(project: Project) -> Findings:
    from workbench.serving.runners import list_runners

    runners = {runner.channel: runner for runner in list_runners(project)}
    for release in project.journal.records("release", state=ReleaseState.CURRENT):
        channel, digest = release.body["channel"], release.body["model_digest"]
        name, runner = f"runner {channel}", runners.get(channel)
        if runner is None or not runner.is_running:
            message, hint = "Released, but no runner answers", f"mlops serve {channel}"
        elif runner.refusal:
            message, hint = f"The runner refuses the release: {runner.refusal}", "mlops review show <review>"
        elif runner.model_digest != digest:
            message, hint = "The runner serves another model than the channel says", f"mlops stop {channel}"
        else:
            message, hint = f"Serves {digest[7:19]} at {runner.url}, {counted(runner.requests, 'request')}", ""
        yield Finding(name, is_ok=not hint, message=message, hint=hint)


def _alerts(project: Project) -> Findings:
    alerts = list(project.journal.records("alert", state=AlertState.OPEN))
    if not alerts:
        yield Finding("alerts", is_ok=True, message="No alert is open")
        return
    critical = sum(alert.body.get("severity") == "critical" for alert in alerts)
    message = counted(len(alerts), "alert is open", "alerts are open") + f", {critical} of them critical"
    yield Finding("alerts", is_ok=False, message=message, hint="mlops alerts")


def _footprint(project: Project) -> Findings:
    leases = [path for path in (project.state_dir / "leases").rglob("*") if path.is_file()]
    alive = sum(inspect_lease(path).is_alive for path in leases)
    installed = sum(1 for _ in metadata.distributions())
    size = sum(path.stat().st_size for path in _files(project.state_dir))
    processes = counted(alive, "process of this project", "processes of this project")
    message = f"{processes}, {counted(installed, 'installed package')}, {size / (1 << 20):.0f} MiB of state"
    yield Finding("footprint", is_ok=True, message=message)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


_PROBES: dict[str, Callable[[Project], Findings]] = {
    "configuration": _configuration,
    "python": _python,
    "dependencies": _dependencies,
    "disk": _disk,
    "git": _git,
    "data": _data,
    "data-card": _cards,
    "tracking": _tracking,
    "reproducibility": _levels,
    "journal": _journal,
    "store": _store,
    "signing-key": _key,
    "reviewers": _reviewers,
    "policy": _policy,
    "sandbox": _sandbox,
    "gate": _gate,
    "notices": _notices,
    "network": _network,
    "target": _targets,
    "runner": _runners,
    "alerts": _alerts,
    "footprint": _footprint,
}
