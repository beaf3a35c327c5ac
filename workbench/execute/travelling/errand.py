"""What a job far from home has to do before its first cell and after its last: unpack, fetch, and bring results back.

Travels with ``runner``; standard library alone. Nothing that came is trusted: the bundle is verified by its digest and
unpacked without leaving its folder, each data file is verified by the digest that its ``.dvc`` file names and gets its
name only once it is whole. What is brought back is announced with its digest, so that home can verify it, too.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import io
import os
import shutil
import tarfile
import time
import traceback
import urllib.request
from pathlib import Path, PurePosixPath
from typing import IO, Any

import inputs  # type: ignore[import-not-found]  # the files beside this one
import machine  # type: ignore[import-not-found]
import prologue  # type: ignore[import-not-found]
import surroundings  # type: ignore[import-not-found]
import tracked  # type: ignore[import-not-found]
import wire  # type: ignore[import-not-found]
from secret import Secrets  # type: ignore[import-not-found]

_CHUNK = 1 << 20
_TIMEOUT_S = 60.0
_TRIES = 3
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_GONE = (400, 401, 403, 404, 410)
_FAULTS = (OSError, ValueError, http.client.HTTPException)
_ANNOUNCED = ("artifacts", "outputs", "tracked")
"""Folders whose files are announced: what the notebook declared, what a cell was asked for, what MLflow keeps."""
ALL_RESULTS = "results.tar.gz"
"""In ``results.put``: everything in one, for a store that wants each name beforehand."""


class Refusal(Exception):  # noqa: N818 -- an end, with its reason
    """The job cannot run here; ``job_reason`` says why in one word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.job_reason = reason


class Errand:
    """One job's way out and home."""

    def __init__(self, job: Any) -> None:
        self.job, self.folder, self.spec = job, job.folder, job.spec
        self.work = self.folder / "work"
        self.tracked = tracked.Tracked(self.folder)
        self.inputs = inputs.Inputs(self.folder, self.work, self.spec.get("data") or [])
        self.guard: Any = machine.Guard() if self.spec.get("is_far") else None
        self.channel = wire.Channel() if self.spec.get("channel") == "stdout" else None
        if self.channel:
            job.events.tell = self.channel.say_event
        self.secrets = Secrets()

    def set_out(self) -> None:
        """Make everything ready for the first cell."""
        self.secrets.resolve(self.spec.get("env") or {})
        if self.secrets:
            self.secrets.guard_output()
            self.job.events.clean = self.secrets.clean_stream
            self.job.clean_notebook = self.secrets.clean_notebook
        if not self.spec.get("is_far"):
            return
        self._tell_kernel_pid()
        provide(self.folder, self.spec)
        (self.folder / "artifacts").mkdir(exist_ok=True)
        self.job.cwd = self.folder / self.spec["cwd"]
        Path(self.job.cwd).mkdir(parents=True, exist_ok=True)
        self.job.prologue = prologue.PROLOGUE
        self._set_environment()

    def come_home(self, last: tuple[int, str, str]) -> tuple[int, str, str]:
        """Announce and send what there is; return how the job ends: what cannot be brought back has not succeeded."""
        if not self.spec.get("is_far"):
            return last
        try:
            self.tracked.close(self.secrets.clean)
            self._say_tracked()
            self.inputs.write()
            surroundings.write_surroundings(self.folder)
            found = self._results()
            for name in found:
                self._announce(name)
            if self.channel:
                for name in found:
                    self.channel.say_file(name, self.folder / name)
            self._put(found)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the last word has to be said
            if not isinstance(error, (OSError, Refusal)):
                traceback.print_exc()
            if last[0] == 0:
                return 2, getattr(error, "job_reason", "results-unsent"), f"{type(error).__name__}: {error}"
        return last

    def close(self) -> None:
        """Say the very last, and let nothing of this job live on."""
        if self.channel:
            self.channel.say_file("exit.json", self.folder / "exit.json")
        if self.guard:
            self.guard.dismiss()
        self.secrets.close()

    def _tell_kernel_pid(self) -> None:
        job, guard = self.job, self.guard
        started = job.kernel_started

        def kernel_started(kernel: Any) -> None:
            started(kernel)
            guard.watch(kernel.pid)

        job.kernel_started = kernel_started

    def _set_environment(self) -> None:
        """Tell the kernel where to log to: the shared server where there is one, else a file in the job's folder."""
        where = self.spec.get("tracking") or {}
        environment = {
            "WORKBENCH_JOB": str(self.spec.get("job", "")),
            "WORKBENCH_ARTIFACTS": str(self.folder / "artifacts"),
            "WORKBENCH_OUTBOX": str(self.folder / "outbox.jsonl"),
            "WORKBENCH_BESIDE": str(self.folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "ORT_DISABLE_TELEMETRY": "1",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        if where.get("uri"):
            environment["MLFLOW_TRACKING_URI"] = where["uri"]
            environment["MLFLOW_EXPERIMENT_NAME"] = where.get("experiment", "")
            environment["MLFLOW_RUN_ID"] = where.get("run", "")
        else:
            self.tracked.prepare(str(where.get("experiment") or ""))
            environment.update(self.tracked.environment)
            self.job.looks.append(self._say_tracked)
        os.environ.update({name: value for name, value in environment.items() if value})

    def _say_tracked(self) -> None:
        self.tracked.tell(self._say_cleaned)

    def _say_cleaned(self, kind: str, data: dict[str, Any]) -> None:
        cleaned = {key: self.secrets.clean(value) if isinstance(value, str) else value for key, value in data.items()}
        self.job.events.emit(kind, **cleaned)

    def _results(self) -> list[str]:
        """Return the names of all files that go home."""
        names = [name for name in ("output.ipynb", "inputs.json", "far.db") if (self.folder / name).is_file()]
        for part in ("captured", *_ANNOUNCED):
            found = sorted(path for path in (self.folder / part).rglob("*") if path.is_file() and not path.is_symlink())
            names += [path.relative_to(self.folder).as_posix() for path in found]
        return names

    def _announce(self, name: str) -> None:
        """Say that a file comes home; or that it cannot, which is no failure of the job."""
        path = self.folder / name
        size, put_names = path.stat().st_size, (self.spec.get("results") or {}).get("put") or {}
        if self.channel and size > wire.LARGEST_BYTES and not {name, ALL_RESULTS} & set(put_names):
            where = f"[targets.{self.spec.get('target') or '<name>'}] of workbench.toml"
            hint = f'name an object store, which takes files of any size: store = "s3://bucket/prefix" in {where}'
            self.job.events.emit("lost", path=name, bytes=size, hint=hint)
        elif name.partition("/")[0] in _ANNOUNCED:
            self.job.events.emit("artifact", path=name, digest=digest_of(path), bytes=size)

    def _put(self, found: list[str]) -> None:
        """Bring results to a store, at addresses that were signed beforehand."""
        for name, address in ((self.spec.get("results") or {}).get("put") or {}).items():
            if name == ALL_RESULTS:
                put(address, packed(self.folder, [*found, "events.jsonl"]))
            elif (self.folder / name).is_file():
                put(address, self.folder / name)


def provide(folder: Path, spec: dict[str, Any]) -> None:
    """Lay code and data of a job out; what is there already is looked at, not fetched again."""
    unpack(folder, spec["bundle"])
    for entry in spec.get("data") or []:
        for file in entry["files"]:
            fetch(folder / "work", file)


def unpack(folder: Path, bundle: dict[str, Any]) -> None:
    """Verify the bundle and unpack it into ``work``, which appears in one step."""
    work, new = folder / "work", folder / ".work.new"
    if work.is_dir():
        return
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    packed_file = folder / "bundle.tar.gz"
    if not packed_file.is_file():
        fault = _fetched(str(bundle["source"]), packed_file, bundle["digest"])
        if fault:
            raise Refusal("BundleDamaged", f"the bundle cannot be had: {fault}")
    elif digest_of(packed_file) != bundle["digest"]:
        packed_file.unlink()
        raise Refusal("BundleDamaged", "the bundle is not what was sent: its digest is another")
    try:
        with tarfile.open(packed_file, "r:gz") as archive:
            for member in archive:
                _unpack_member(archive, member, new)
    except (tarfile.TarError, EOFError) as error:
        raise Refusal("BundleDamaged", f"the bundle cannot be unpacked: {said(error)}") from error
    new.replace(work)


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    path = inside(into, member.name)
    if path is None:
        raise Refusal("BundleDamaged", f"the bundle names {member.name[:200]!r}, which lies outside of it")
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        target = os.path.normpath(path.parent / member.linkname)
        if PurePosixPath(member.linkname).is_absolute() or not target.startswith(f"{into}{os.sep}"):
            raise Refusal("BundleDamaged", f"the link {member.name[:200]!r} leads out of the bundle")
        path.symlink_to(member.linkname)
    elif member.isfile():
        stream = archive.extractfile(member)
        if stream is not None:
            with stream, path.open("xb") as target_file:
                shutil.copyfileobj(stream, target_file, _CHUNK)
        path.chmod(0o755 if member.mode & 0o100 else 0o644)
        os.utime(path, (member.mtime, member.mtime))
    elif not member.isdir():
        raise Refusal("BundleDamaged", f"{member.name[:200]!r} is neither a file nor a link")


def inside(folder: Path, name: str) -> Path | None:
    """Return where a name lies in a folder; None where it would lie outside, also by a link on the way."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        return None
    path = folder.joinpath(*pure.parts)
    parent = os.path.realpath(path.parent)
    return path if parent == os.path.realpath(folder) or parent.startswith(os.path.realpath(folder) + os.sep) else None


def fetch(work: Path, file: dict[str, Any]) -> None:
    """Fetch one data file from the first source that has it, verified and in one step."""
    path = inside(work, str(file["path"]))
    if path is None:
        raise Refusal("data-unavailable", f"data may not lie at {file['path']!r}")
    if path.is_file() and digest_of(path, file["digest"]) == file["digest"]:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new, faults = path.with_name(f".{path.name[:200]}.new"), []
    for source in file.get("sources") or []:
        fault = _fetched(source, new, str(file["digest"]))
        if not fault:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.replace(path)
            if file.get("is_executable"):
                path.chmod(0o755)
            return
        new.unlink(missing_ok=True)
        faults.append(f"{place_of(source)}: {fault}")
    tried = "; ".join(faults) or "no source was named"
    raise Refusal("data-unavailable", f"{file['path']} cannot be had: {tried}")


def _fetched(source: str, new: Path, digest: str) -> str:
    """Copy a source into a file and return what is wrong with it; a network that stumbles is tried again."""
    fault = ""
    for trial in range(1, _TRIES + 1):
        try:
            with opened(source) as stream:
                copy(stream, new)
        except _FAULTS as error:
            if is_disk_full(error):
                raise  # this disk, whatever the source
            fault = said(error)
            if "://" not in source or getattr(error, "code", None) in _GONE:
                return fault
        else:
            if digest_of(new, digest) == digest:
                return ""
            fault = "other bytes than were recorded"
            if "://" not in source:
                return fault
        if trial < _TRIES:
            time.sleep(trial)
    return fault


def is_disk_full(error: BaseException) -> bool:
    """Tell whether it is this machine's disk that is full."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def opened(source: str) -> IO[bytes]:
    """Open a path, or a file:// or http(s):// address, for reading."""
    if source.startswith(("http://", "https://", "file://")):
        stream: IO[bytes] = urllib.request.urlopen(source, timeout=_TIMEOUT_S)  # noqa: S310 -- one of the three
        return stream
    return Path(source).expanduser().open("rb")


def copy(stream: IO[bytes], path: Path) -> None:
    """Write a stream into a file and see it onto the disk."""
    with path.open("wb") as target:
        shutil.copyfileobj(stream, target, _CHUNK)
        target.flush()
        os.fsync(target.fileno())


def digest_of(path: Path, like: str = "sha256:") -> str:
    """Return a file's digest, of the kind that ``like`` is."""
    kind = like.partition(":")[0]
    hasher = hashlib.new(kind)  # md5 is DVC's name for bytes, no protection
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            if not chunk:
                return f"{kind}:{hasher.hexdigest()}"
            hasher.update(chunk)


def put(address: str, content: Any) -> None:
    """Send a file, or bytes, with HTTP PUT; a store that is busy is asked again."""
    for trial in range(1, _TRIES + 1):
        data = content.read_bytes() if isinstance(content, Path) else content
        request = urllib.request.Request(address, data=data, method="PUT")  # noqa: S310 -- an address of the target's
        request.add_header("Content-Type", "application/octet-stream")  # else urllib calls it a form
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
                return
        except _FAULTS as error:
            if trial == _TRIES:
                raise Refusal("results-unsent", f"{place_of(address)}: {said(error)}") from error
            time.sleep(trial)


def packed(folder: Path, names: list[str]) -> bytes:
    """Return files of the job's folder as one tar.gz."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3) as archive:
        for name in names:
            archive.add(folder / name, arcname=name, recursive=False)
    return stream.getvalue()


def place_of(source: str) -> str:
    """Return a source as it may be shown: a signed address without its signature."""
    return source.partition("?")[0]


def said(error: BaseException) -> str:
    """Return an error in one line; an address in it may be signed."""
    return f"{type(error).__name__}: {str(error).partition('?')[0]}"[:300]
