"""``python -m workbench.serving.runner <project root> <channel>``: serve one channel in this process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from workbench.foundation.errors import PendingError, WorkbenchError
from workbench.foundation.project import Project
from workbench.serving.channel import ChannelName
from workbench.serving.runner.follower import Follower
from workbench.serving.runner.server import TOKEN_VARIABLE, Options, run


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, serve, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workbench.serving.runner", description="Serve a channel.")
    parser.add_argument("root", type=Path, help="project folder")
    parser.add_argument("channel", help="<model>@<stage>")
    parser.add_argument("--host", default="", help="address to listen on (by default as in workbench.toml)")
    parser.add_argument("--port", type=int, default=-1, help="TCP port; 0 takes a free one")
    parser.add_argument("--strict", action="store_true", help="exit 5 where the release does not verify at the start")
    parser.add_argument("--once", action="store_true", help="verify and open the release, then exit: 0, or 5")
    given = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        project = Project.open(given.root, actor="system")
        channel = ChannelName.parse(given.channel)
        if given.once:
            return asyncio.run(_verify_once(project, str(channel)))
        configured = project.config.runner
        options = Options(
            channel=channel,
            host=given.host or configured.host,
            port=configured.port if given.port < 0 else given.port,
            is_strict=given.strict,
            token=os.environ.get(TOKEN_VARIABLE, ""),
        )
        return run(project, options)
    except WorkbenchError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


async def _verify_once(project: Project, channel: str) -> int:
    follower = Follower(project, channel)
    await follower.look()
    if follower.served is None and not follower.exit_code:
        raise PendingError("release-none", f"Nothing was released on {channel}", "release a review: mlops release")
    return follower.exit_code


if __name__ == "__main__":
    sys.exit(main())
