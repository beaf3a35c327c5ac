"""Where the data of tests is sent: DVC's own command for naming remotes, and a real S3 server of moto's.

``s3`` is a module fixture; a module that wants it says ``from tests.data.storage import s3``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_connection

import pytest

from tests.targets.sshd import free_port
from workbench.foundation.project import Project

S3_KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "hush-hush"}


def configure(project: Project, *words: str) -> None:
    """Say something to DVC, as a person would."""
    dvc = Path(sys.executable).with_name("dvc")
    subprocess.run([dvc, *words], cwd=project.root, check=True, capture_output=True)


def add_s3(project: Project, endpoint: str) -> None:
    """Make a bucket on a server the default remote, with its keys where Git does not see them."""
    configure(project, "remote", "add", "--force", "--default", "cloud", "s3://data/project")
    configure(project, "remote", "modify", "cloud", "endpointurl", endpoint)
    configure(project, "remote", "modify", "cloud", "region", "us-east-1")
    configure(project, "remote", "modify", "--local", "cloud", "access_key_id", S3_KEYS["aws_access_key_id"])
    configure(project, "remote", "modify", "--local", "cloud", "secret_access_key", S3_KEYS["aws_secret_access_key"])


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A real S3 server of moto's, in a process of its own."""
    pytest.importorskip("dvc_s3")
    pytest.importorskip("moto")
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
