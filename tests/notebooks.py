"""Notebooks written by tests."""

from __future__ import annotations

import json
from pathlib import Path


def write_notebook(path: Path, *cells: str, parameters: str = "", kernel: str = "python3") -> Path:
    """Write a notebook of code cells, the first of them tagged ``parameters`` where given."""
    sources = [(parameters, ["parameters"])] if parameters else []
    sources += [(cell, []) for cell in cells]
    written = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {"tags": tags},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, (source, tags) in enumerate(sources)
    ]
    metadata = {"kernelspec": {"name": kernel, "language": "python", "display_name": kernel}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path
