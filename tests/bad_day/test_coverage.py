"""Every verb has a bad day, and so has every code of an error, or the reason stands in a list that only shrinks."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bad_day.cases import CASES
from tests.bad_day.codes import codes_of
from tests.bad_day.elsewhere import ELSEWHERE
from workbench.verbs import VERBS

TESTS = Path(__file__).parents[1]


def listed(reasons: dict[str, str]) -> set[str]:
    return {code for codes in reasons.values() for code in codes.split()}


def named_elsewhere(codes: set[str]) -> set[str]:
    """Return the codes that a test outside this folder names."""
    others = [path for path in TESTS.rglob("*.py") if TESTS / "bad_day" not in path.parents]
    said = set(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)+", "\n".join(path.read_text(encoding="utf-8") for path in others)))
    return codes & said


def test_the_search_finds_what_is_planted(tmp_path: Path) -> None:
    planted = (
        'raise UsageError("no-case-yet", "x")\n'
        'raise errors.DeniedError("a-b" if x else "c-d", "x")\n'
        'raise OSError("no code")\n'
    )
    (tmp_path / "planted.py").write_text(planted)
    assert set(codes_of(tmp_path)) == {"no-case-yet", "a-b", "c-d"}
    assert not named_elsewhere({"no-such" + "-code"})


def test_every_verb_has_a_bad_day() -> None:
    lacking = sorted({verb.words for verb in VERBS} - {case.verb for case in CASES})
    assert not lacking, f"no case for: {', '.join(lacking)}"


def test_every_code_has_a_bad_day_or_a_reason() -> None:
    found, shown = codes_of(), {case.code for case in CASES}
    known = listed(ELSEWHERE)
    new = found.keys() - shown - known
    lacking = {code: found[code] for code in new - named_elsewhere(new)}
    over, gone = sorted(known & shown), sorted(known - found.keys())
    told = f"write a case for each of {lacking}; take off the lists {over}, which have one, and {gone}, which are gone"
    assert not (unheard := sorted(shown - found.keys())), f"nobody raises these any more: {unheard}"
    assert not [*lacking, *over, *gone], told


def test_what_is_shown_elsewhere_is_named_there() -> None:
    codes = listed(ELSEWHERE)
    assert not (unnamed := sorted(codes - named_elsewhere(codes))), f"no test names {unnamed}"


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert not {name for name in names if names.count(name) > 1}
