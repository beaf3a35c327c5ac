"""What keeps a release from being opened is a broken promise, unless it says nothing about the release."""

from __future__ import annotations

import pytest

from workbench.foundation.errors import IntegrityError, StorageError, UsageError
from workbench.serving.promise import held_to


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (UsageError("policy-invalid", "x"), IntegrityError, "policy-invalid"),
        (KeyError("grant"), IntegrityError, "release-unreadable"),
        (StorageError("disk-failed", "x"), StorageError, "disk-failed"),
    ],
)
def test_what_breaks_on_the_way_to_a_release(error: Exception, kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as caught, held_to():
        raise error
    assert getattr(caught.value, "code", "") == code
