"""Machines that take files and commands: one contract, held by this machine and by one behind a real sshd."""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.targets.link import link_to
from tests.targets.sshd import Sshd, free_port, make_key
from workbench.compute.hosts import posix
from workbench.compute.hosts.archive import Arrivals, matches
from workbench.compute.hosts.errands import run_errand
from workbench.compute.hosts.here import HereHost
from workbench.compute.hosts.host import Host
from workbench.compute.hosts.openssh import OpenSshHost
from workbench.compute.hosts.posix import PosixHost
from workbench.foundation.errors import StorageError, UnavailableError

AWKWARD = "a b'c\"$HOME`id`;実験\\ *?!&"
"""What a shell would make something else of, were it ever read as anything but a word."""


@pytest.fixture(params=["here", "ssh"])
def host(request, monkeypatch) -> Host:
    if request.param == "here":
        home = request.getfixturevalue("tmp_path") / "home"
        home.mkdir()
        monkeypatch.setenv("HOME", str(home))
        return HereHost()
    server: Sshd = request.getfixturevalue("sshd")
    return OpenSshHost("box", config=server.config("box"))


@pytest.fixture
def full_disk(tmp_path):
    """A disk of 1 MiB."""
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


class ShellHost(PosixHost):
    """A machine whose login shell is this one."""

    def __init__(self, shell: str) -> None:
        self.name = self.shell = shell

    def arguments(self, line: str) -> list[str]:
        return [self.shell, "-c", line]


@pytest.mark.parametrize("shell", ["bash", "dash", "tcsh"])
def test_whatever_the_login_shell_is(shell, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    host, folder = ShellHost(shell), str(tmp_path / "far" / AWKWARD)
    assert host.run(["printf", "%s|", AWKWARD, "~/x y!"]).out.decode() == f"{AWKWARD}|{tmp_path}/x y!|"
    host.put({"a b/ü!": b"1"}, folder)
    (brought,) = host.get(folder, ["**"], tmp_path / "back")
    assert brought.read_bytes() == b"1"
    pid = host.start(["sleep", "30"], folder=folder, log="log", env={"A!": AWKWARD})
    os.kill(pid, signal.SIGKILL)
    assert (
        run_errand(host, sys.executable, "look", [str(tmp_path / "far"), "", AWKWARD, "0", "0"])[AWKWARD]["is"]
        == "waiting"
    )


def test_words_stay_words(host) -> None:
    words = [AWKWARD, "", "-n", "two\nlines", "~", "~root/x"]
    answer = host.run(["python3", "-c", "import sys; print(ascii(sys.argv[1:]), end='')", *words])
    assert (answer.code, answer.out.decode(), answer.err) == (0, ascii(words), "")


def test_a_leading_tilde_is_the_home_over_there(host) -> None:
    home = host.run(["printenv", "HOME"]).out.decode().strip()
    assert host.run(["echo", f"~/{AWKWARD}"]).out.decode() == f"{home}/{AWKWARD}\n"


def test_a_command_takes_bytes_and_gives_bytes_and_its_own_code(host) -> None:
    data = bytes(range(256)) * 4096
    answer = host.run(["sh", "-c", "cat; echo äöü >&2; exit 7"], stdin=data)
    assert (answer.code, answer.out == data, answer.err) == (7, True, "äöü\n")
    assert host.run(["no-such-command-anywhere"]).code == 127


def test_what_takes_too_long_is_no_answer(host) -> None:
    begun = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        host.run(["sleep", "20"], timeout_s=1)
    assert caught.value.code == "host-unreachable"
    assert time.monotonic() - begun < 5


def test_a_started_command_outlives_the_connection_in_a_session_of_its_own(host, tmp_path) -> None:
    folder = tmp_path / AWKWARD.replace("/", "")
    folder.mkdir()
    begun = time.monotonic()
    command = ["sh", "-c", 'echo "$GREETING $1"; echo oops >&2; exec sleep 30', "sh", AWKWARD]
    pid = host.start(command, folder=str(folder), log="log file.txt", env={"GREETING": AWKWARD})
    assert time.monotonic() - begun < 10, "it must not hold the connection"
    try:
        for _ in range(100):
            if (log := (folder / "log file.txt")).exists() and "oops" in log.read_text():
                break
            time.sleep(0.05)
        assert log.read_text() == f"{AWKWARD} {AWKWARD}\noops\n"
        assert os.getsid(pid) == pid
        if isinstance(host, OpenSshHost):
            host.close()
        time.sleep(0.3)
        os.kill(pid, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_to_start_where_there_is_no_folder_is_an_error(host, tmp_path) -> None:
    with pytest.raises(StorageError) as caught:
        host.start(["true"], folder=str(tmp_path / "none"), log="log.txt")
    assert caught.value.code == "far-folder-refused"


FILES: dict[str, bytes] = {
    "spec.json": b"{}",
    f"work/{AWKWARD}/データ.csv": b"x\n1\n",
    "work/" + "深" * 70 + "/" + "n" * 200: b"long",
    "empty": b"",
    "big.bin": os.urandom(3_000_000),
    "out/-dash": b"-",
    "out/sub/.hidden": b"h",
}


def test_a_folder_is_put_whole_and_comes_back_equal(host, tmp_path) -> None:
    (tmp_path / "here.bin").write_bytes(b"from a file")
    folder = str(tmp_path / "far" / AWKWARD)
    host.put({**FILES, "file": tmp_path / "here.bin"}, folder)
    there = {str(path.relative_to(folder)): path for path in Path(folder).rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in there.items()} == {**FILES, "file": b"from a file"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in [*there.values(), Path(folder)]), "others may not read it"
    assert os.listdir(tmp_path / "far") == [AWKWARD], "nothing else is left"

    brought = host.get(folder, ["**"], tmp_path / "back")
    assert {str(path.relative_to(tmp_path / "back")) for path in brought} == {*FILES, "file"}
    assert all((tmp_path / "back" / name).read_bytes() == data for name, data in FILES.items())
    assert not list((tmp_path / "back").rglob("*.part"))


def test_what_was_put_once_is_not_put_twice(host, tmp_path) -> None:
    folder = tmp_path / "far"
    host.put({"a": b"1"}, str(folder))
    (folder / "events.jsonl").write_text("going on")
    host.put({"a": b"2", "b": b"2"}, f"{folder}/")
    assert (folder / "a").read_bytes() == b"1"
    assert sorted(os.listdir(folder)) == ["a", "events.jsonl"]


def test_of_several_who_put_the_same_folder_one_wins(host, tmp_path) -> None:
    folder, wrong = tmp_path / "far", []

    def put(number: int) -> None:
        try:
            host.put({"a": b"%d" % number, "b": b"%d" % number}, str(folder))
        except StorageError as error:
            wrong.append(error)

    threads = [threading.Thread(target=put, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sorted(os.listdir(folder)) == ["a", "b"]
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    assert os.listdir(tmp_path).count("far") == 1
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".far")]


def test_a_stream_that_was_cut_leaves_nothing(host, tmp_path, monkeypatch) -> None:
    whole = posix.pack

    def cut(files, stream) -> None:
        whole(files, stream)
        stream.truncate(1024)  # between the first file and the second, where tar sees nothing wrong

    monkeypatch.setattr(posix, "pack", cut)
    with pytest.raises(StorageError):
        host.put({"a": b"1", "b": b"2"}, str(tmp_path / "far" / "job"))
    assert os.listdir(tmp_path / "far") == []


def test_a_full_disk_over_there_is_said_and_nothing_is_left(host, full_disk) -> None:
    with pytest.raises(StorageError) as caught:
        host.put({"big": bytes(4_000_000)}, str(full_disk / "jobs" / "jb-1"))
    assert caught.value.code == "far-disk-full"
    assert "df -h" in caught.value.hint
    assert os.listdir(full_disk / "jobs") == []
    host.put({"small": bytes(1000)}, str(full_disk / "jobs" / "jb-1"))


def test_only_what_matches_comes_back(host, tmp_path) -> None:
    host.put(FILES, str(tmp_path / "far"))
    found = host.get(str(tmp_path / "far"), ["*.json", "out/**", "*/*/*.csv"], tmp_path / "back")
    names = sorted(str(path.relative_to(tmp_path / "back")) for path in found)
    assert names == ["out/-dash", "out/sub/.hidden", "spec.json", f"work/{AWKWARD}/データ.csv"]
    assert host.get(str(tmp_path / "far"), ["*.json"], tmp_path / "other", without=["spec.json"]) == ()
    assert host.get(str(tmp_path / "far"), ["*.nothing"], tmp_path / "back") == ()
    assert host.get(str(tmp_path / "gone"), ["**"], tmp_path / "back") == ()


def test_links_are_not_followed_out_of_the_folder(host, tmp_path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "passwd").symlink_to("/etc/passwd")
    assert host.get(str(tmp_path / "far"), ["**"], tmp_path / "back") == ()


LYING = ("artifacts/../../../up", "artifacts/../events.jsonl", "artifacts/./../up", "{top}/absolute", "./events.jsonl")
LIAR = """
import io, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
    for name in sys.stdin.buffer.read().decode().split(chr(0))[:-1]:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
"""


def test_a_machine_that_lies_about_names_writes_nowhere_else(tmp_path, monkeypatch) -> None:
    top, into = tmp_path / "top", tmp_path / "top" / "project" / "jobs" / "jb-1"
    into.mkdir(parents=True)
    (into / "events.jsonl").write_text("mine")
    names = [name.format(top=top) for name in LYING]
    monkeypatch.setattr(posix, "LIST", f"printf '%s\\0' {shlex.join([f'./{name}' for name in names])} ./artifacts/good")
    monkeypatch.setattr(posix, "PACK", shlex.join([sys.executable, "-c", LIAR]))
    brought = ShellHost("bash").get(str(tmp_path), ["artifacts/**", "**"], into, without={"events.jsonl"})
    assert brought == (into / "artifacts" / "good",)
    assert {path for path in top.rglob("*") if path.is_file()} == {*brought, into / "events.jsonl"}
    assert (into / "events.jsonl").read_text() == "mine"


def test_names_that_lead_elsewhere_are_not_even_taken_where_they_were_asked_for(tmp_path) -> None:
    names = [name.format(top=tmp_path) for name in LYING]
    sent = "".join(f"{name}\0" for name in [*names, "good"]).encode()
    stream = io.BytesIO(subprocess.run([sys.executable, "-c", LIAR], input=sent, stdout=-1, check=True).stdout)
    with Arrivals(tmp_path / "a" / "b") as arrivals:
        arrivals.take(stream, frozenset({*names, *(name.removeprefix("./") for name in names[:-1]), "good"}))
        assert arrivals.names == {"good"}
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_that_is_written_to_is_never_taken_for_whole(host, tmp_path, monkeypatch) -> None:
    (tmp_path / "far").mkdir()
    growing = tmp_path / "far" / "log"
    growing.write_bytes(bytes(100))
    monkeypatch.setattr(posix, "PACK", 'cd -- "$1"; exit 1')
    with pytest.raises(UnavailableError) as caught:
        host.get(str(tmp_path / "far"), ["log"], tmp_path / "back")
    assert caught.value.code == "far-files-changing"
    assert not (tmp_path / "back").exists() or not list((tmp_path / "back").iterdir())


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.csv", ["a.csv", ".b.csv"], ["x/a.csv", "a.csv.gz"]),
        ("**/*.csv", ["a.csv", "x/a.csv", "x/y/a.csv"], ["a.txt"]),
        ("out/**", ["out/a", "out/x/y"], ["out", "output", "x/out/a"]),
        ("[ab]?.t", ["ax.t", "b1.t"], ["cx.t", "a.t", "a/.t"]),
        ("**", ["a", "x/y/z"], []),
        ("a[!b]c", ["axc"], ["abc", "a/c"]),
    ],
)
def test_globs(glob, yes, no) -> None:
    assert [name for name in yes if not matches(name, glob)] == []
    assert [name for name in no if matches(name, glob)] == []


def refusal(host: Host, timeout_s: float = 20) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught:
        host.run(["true"], timeout_s=timeout_s)
    return caught.value


def test_the_first_command_opens_a_connection_that_the_next_ones_share(sshd) -> None:
    host = OpenSshHost("shared", config=sshd.config("shared"))
    assert host.run(["true"]).code == 0
    before = {process.pid for process in sshd.sessions()}
    durations = []
    for _ in range(5):
        begun = time.monotonic()
        assert host.run(["true"]).code == 0
        durations.append(time.monotonic() - begun)
    assert {process.pid for process in sshd.sessions()} == before
    assert min(durations) < 0.2
    host.close()
    assert host.run(["true"]).code == 0, "and it opens again"


def test_nobody_listens(sshd) -> None:
    error = refusal(
        OpenSshHost("gone", config=sshd.config("gone", port=free_port(), known=sshd.known_hosts(sshd.port)))
    )
    assert error.code == "host-unreachable"
    assert "refused" in error.message
    assert error.hint.startswith("try: ssh -F ")


def test_a_name_that_nobody_knows(sshd) -> None:
    error = refusal(OpenSshHost("no-such-host.invalid", config=sshd.config("other")))
    assert error.code == "host-unreachable"
    assert "no-such-host.invalid" in error.message


def test_a_host_whose_key_is_not_known_is_refused_even_where_a_configuration_would_take_it(sshd, tmp_path) -> None:
    (tmp_path / "known").write_text("")
    config = sshd.config("stranger", known=tmp_path / "known", more="StrictHostKeyChecking no")
    error = refusal(OpenSshHost("stranger", config=config))
    assert error.code == "host-key-unknown"
    assert (tmp_path / "known").read_text() == ""


def test_a_host_whose_key_changed_is_refused(sshd, tmp_path) -> None:
    known = sshd.known_hosts(sshd.port, make_key(tmp_path / "another"))
    error = refusal(OpenSshHost("changed", config=sshd.config("changed", known=known, more="StrictHostKeyChecking no")))
    assert error.code == "host-key-changed"
    assert "ssh-keygen -f" in error.hint
    assert f"[127.0.0.1]:{sshd.port}" in error.hint


def test_a_key_that_is_not_let_in(sshd, tmp_path) -> None:
    error = refusal(OpenSshHost("wrong", config=sshd.config("wrong", key=make_key(tmp_path / "wrong"))))
    assert error.code == "host-authentication-failed"
    assert "publickey" in error.message
    assert "ssh-add" in error.hint


def test_a_host_behind_another_one(sshd, tmp_path) -> None:
    inner = Sshd.start(tmp_path / "inner")
    try:
        config = inner.config("inner", more="ProxyJump jump")
        config.write_text(config.read_text() + sshd.config("jump").read_text())
        host = OpenSshHost("inner", config=config)
        assert host.run(["printenv", "HOME"]).out.decode() == f"{inner.home}\n"
        host.close()
        sshd_down = sshd.config("jump", port=free_port())
        config.write_text(inner.config("inner", more="ProxyJump jump").read_text() + sshd_down.read_text())
        assert refusal(OpenSshHost("inner", config=config)).code == "host-unreachable"
    finally:
        inner.stop()


def test_a_command_that_only_looks_like_an_option_is_none(sshd) -> None:
    error = refusal(OpenSshHost("-oProxyCommand=touch /tmp/never", config=sshd.config("box")))
    assert error.code == "host-unreachable"
    assert not Path("/tmp/never").exists()


@pytest.mark.slow
def test_a_link_that_went_silent_is_noticed_in_seconds(sshd) -> None:
    with link_to(sshd.port) as link:
        host = OpenSshHost("silent", config=sshd.config("silent", port=link.port))
        assert host.run(["true"]).code == 0
        link.silence()
        begun = time.monotonic()
        error = refusal(host, timeout_s=60)
        assert error.code == "host-unreachable"
        assert time.monotonic() - begun < 30, "three signs of life that were not answered, and one more try to connect"
        link.mend()
        assert host.run(["true"]).code == 0


def test_a_link_that_was_broken_off_works_again_once_it_is_mended(sshd) -> None:
    with link_to(sshd.port) as link:
        host = OpenSshHost("broken", config=sshd.config("broken", port=link.port))
        assert host.run(["true"]).code == 0
        link.break_off()
        assert refusal(host).code == "host-unreachable"
        link.mend()
        assert host.run(["true"]).code == 0
