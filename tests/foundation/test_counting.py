"""One is one, and everything else is several."""

from __future__ import annotations

import pytest

from workbench.foundation.counting import by_count, counted


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (counted(0, "key"), "0 keys"),
        (counted(1, "key"), "1 key"),
        (counted(1234, "key"), "1,234 keys"),
        (counted(1, "file differs", "files differ"), "1 file differs"),
        (counted(2, "file differs", "files differ"), "2 files differ"),
        (counted(1.0, "hour"), "1 hour"),
        (counted(0.5, "hour"), "0.5 hours"),
    ],
)
def test_a_number_with_its_noun(said: str, expected: str) -> None:
    assert said == expected


def test_a_whole_sentence_for_a_number() -> None:
    assert [by_count(count, "none", "one", "many") for count in (0, 1, 2)] == ["none", "one", "many"]
