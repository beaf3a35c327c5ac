"""Find a Chromium: the machine's own, else Playwright's, else install one. Never skip in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Nothing but the page itself may use the network; containers run Chromium as root."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str | None:
    """Return the path of a Chromium, or None where Playwright's own is to be used.

    Raises:
        RuntimeError: There is none and none could be installed; the message says what was tried.
    """
    if named := os.environ.get("CHROMIUM"):
        return named
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    mac = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    if mac.is_file():
        return str(mac)
    return _install()


def _install() -> str | None:
    """Install Playwright's Chromium, else Debian's."""
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    first = subprocess.run(playwright, check=False, capture_output=True, text=True)
    if first.returncode == 0:
        return None
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, capture_output=True)
        if path := shutil.which("chromium"):
            return path
    tried = first.stderr.strip()[-200:]
    raise RuntimeError(f"The browser tests need Chromium: apt install chromium, or set CHROMIUM to its path ({tried})")
