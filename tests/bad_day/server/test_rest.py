"""Bad days over HTTP: the same errors as problems, with the status of their family."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from tests.bad_day.cases import CASES
from tests.bad_day.conftest import Place
from tests.bad_day.situations import TRAIN, Case

# A thread of the server that dies would be silent otherwise: nobody waits for its end.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

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


@pytest.mark.timeout(900)  # the whole table
async def test_every_case_is_a_problem(place: Place, restore, ask) -> None:
    wrong = {}
    for case in CASES:
        restore()
        try:
            await check(place, ask, case)
        except AssertionError as error:
            wrong[case.name] = str(error)
    assert not wrong


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
    place.refused(before, case)


async def test_a_body_of_the_wrong_shape_is_a_problem(place: Place, ask) -> None:
    before = place.state()
    for body, code in BODIES:
        status, problem = await ask("run", body=body)
        assert problem.get("code") == code, (body, problem)
        assert status in STATUSES, body
        assert problem["hint"], body
    assert place.state() == before


async def test_sentences_come_in_the_language_that_the_panel_is_shown_in(place: Place, jp_serverapp, jp_fetch) -> None:
    async def refused(language: str) -> dict[str, Any]:
        asked = {"params": {"query": "f1 >"}, "headers": {"Accept-Language": language}}
        with pytest.raises(HTTPClientError) as refusal:
            await jp_fetch("mlops-workbench", "api", "runs", **asked)
        return dict(json.loads(refusal.value.response.body))

    english, japanese = await refused("en"), await refused("ja")
    assert english["message"].startswith("Query, character 1: there is no field 'f1'")
    assert japanese["message"].startswith("検索条件、1 文字目: 項目「f1」はありません")
    assert (japanese["code"], japanese["status"]) == (english["code"], english["status"])
    parts = ("mlops-workbench", "api", "runs", "evidence")
    answer = await jp_fetch(*parts, params={"run": place.run}, headers={"Accept-Language": "ja-JP"})
    assert json.loads(answer.body)["run"] == place.run
