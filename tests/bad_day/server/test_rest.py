"""Bad days over HTTP: the same errors as problems, with the status of their family."""

from __future__ import annotations

from tests.bad_day.conftest import Place
from tests.bad_day.situations import CASES, TRAIN, Case

STATUSES = {400, 403, 404, 409, 422, 503, 507}
BODIES = (
    ("[]", "body-not-json"),
    ("null", "body-not-json"),
    ('"run it"', "body-not-json"),
    ("{", "body-not-json"),
    ('{"notebook": null}', "parameter-wrong-type"),
    ('{"notebook": {"a": 1}}', "parameter-wrong-type"),
    ('{"notebook": "a\\u0000b.ipynb"}', "parameter-wrong-type"),
    ('{"notebook": "\\ud800.ipynb"}', "parameter-wrong-type"),
    (f'{{"notebook": "{TRAIN}", "params": {{"alpha": [1]}}}}', "parameter-wrong-type"),
    (f'{{"notebook": "{TRAIN}", "params": 3}}', "parameter-wrong-type"),
    (f'{{"notebook": "{TRAIN}", "target": true}}', "parameter-wrong-type"),
    (f'{{"notebook": "{TRAIN}", "traget": "local"}}', "parameter-unknown"),
    ('{"notebook": "' + "a" * 5000 + '.ipynb"}', "file-not-readable"),
)


async def test_every_case_is_a_problem(place: Place, restore, ask) -> None:
    for case in CASES:
        restore()
        await check(place, ask, case)


async def check(place: Place, ask, case: Case) -> None:
    case.damage(place.root)
    before = place.state()
    status, problem = await ask(case.verb, case.filled(place.known))
    assert problem.get("code") == case.code, (case.name, problem)
    assert status in STATUSES, case.name
    assert problem["status"] == status
    assert problem["message"], case.name
    assert problem["hint"], case.name
    assert "Traceback" not in str(problem)
    assert place.state() == before, case.name


async def test_a_body_of_the_wrong_shape_is_a_problem(place: Place, ask) -> None:
    before = place.state()
    for body, code in BODIES:
        status, problem = await ask("run", body=body)
        assert problem.get("code") == code, (body, problem)
        assert status in STATUSES, body
        assert problem["hint"], body
    assert place.state() == before
