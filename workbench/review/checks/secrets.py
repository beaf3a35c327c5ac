"""Secrets in text: the well-known shapes, each with a name. What is found is never written down, only where it is.

Shapes as their issuers document them. A long random string without such a shape is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(shape))
    for name, shape in (
        ("AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b"),
        ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("Stripe key", r"\b[sr]k_live_[0-9A-Za-z]{16,}"),
        ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
        ("PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
        ("private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
        ("JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
        ("password in an address", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:(?!\*+@)[^\s/:@]+@[^\s/]+"),
        ("Azure storage key", r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
    )
)


def find_secrets(text: str) -> Iterator[str]:
    """Yield the name of each kind of secret that a text holds."""
    for name, shape in _SHAPES:
        if shape.search(text):
            yield name
