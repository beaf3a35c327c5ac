"""Every sentence of the spoken modules has its Japanese, and texts with values come out of it whole."""

from __future__ import annotations

import re
import time

import pytest

from workbench.contract.project import Problem
from workbench.contract.reproduction import Evidence, Reproduction
from workbench.contract.run import InputFile
from workbench.doors.encoding import encode
from workbench.doors.words.answers import encode_in
from workbench.doors.words.sentences import PACKAGE, is_sentence, sentences_of, spoken_modules
from workbench.experiment.search.parser import parse_query
from workbench.foundation.errors import WorkbenchError, did_you_mean
from workbench.foundation.words.translation import catalogue, language_of, languages, translated

PLACE = re.compile(r"\{\d+\}")
FILLING = ["metrics.f1", "3f2a", "0.97", "data/読み取り.csv", "c5", "2", "95%", "0.1", "0.2", "7", ""]


@pytest.fixture(scope="module")
def spoken() -> dict[str, str]:
    return sentences_of(spoken_modules())


@pytest.mark.parametrize("language", languages())
def test_sentences_are_translated_and_none_that_is_gone(spoken, language):
    words = catalogue(language)
    missing = {text: module for text, module in spoken.items() if text not in words}
    gone = sorted(words.keys() - spoken.keys())
    assert (missing, gone) == ({}, [])


@pytest.mark.parametrize("language", languages())
def test_every_translation_has_the_same_places(language):
    wrong = [
        text for text, said in catalogue(language).items() if sorted(PLACE.findall(text)) != sorted(PLACE.findall(said))
    ]
    assert wrong == []


def test_the_finder_sees_sentences_wherever_they_stand(tmp_path):
    module = PACKAGE / "experiment" / "levels" / "clean.py"
    found = sentences_of([module])
    assert "Hidden state: {0} cells were {1}" in found
    assert not any(text.startswith("The cells ran as") for text in found), "a docstring is not said to anybody"
    for text, expected in {
        "There is no run '{0}'": True,
        " and {0} more": True,
        "mlops runs -n 100": False,
        "git fetch; git show {0}": False,
        "workbench.cells": False,
        "{0}: {1}": False,
        r"(?:a|b) c": False,
    }.items():
        assert is_sentence(text) is expected, text


def test_every_sentence_is_found_again_with_values_in_it():
    """What a template makes is translated by that template, or by another that says as much with the same values."""
    unsaid = []
    for text in catalogue("ja"):
        filled = PLACE.sub(lambda place: FILLING[int(place[0][1:-1])], text)
        said = translated(filled, "ja")
        if catalogue("ja")[text] != text and said == filled:
            unsaid.append(filled)
        lost = [value for value in FILLING[: len(PLACE.findall(text))] if value and value not in said]
        assert not lost, (filled, said)
    assert unsaid == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("known: a, b and 3 more", "使えるもの: a, b ほか 3 件"),
        (
            "The run cannot be replayed: commit 3f2a: Git failed",
            "実験を再実行できません: コミット 3f2a: Git が失敗しました",
        ),
        ("cell 3 failed; cell 4 failed", "セル 3 が失敗しました。セル 4 が失敗しました"),
        ("12,345 bytes of memory are more than 100", "12,345 バイトのメモリー は上限 100 を超えています"),
        ("'onnx' 1.2 is asked for and here is 1.3", "'onnx' 1.2 が必要ですが、ここにあるのは 1.3 です"),
        ("mlops runs -n 100", "mlops runs -n 100"),
        ("nobody says this; nor that", "nobody says this; nor that"),
        (
            "MLflow's alias 'production' points at version 2; version 1 was released",
            "MLflow のエイリアス「production」はバージョン 2 を指しています。リリースされたのはバージョン 1 です",
        ),
        (
            "The override that it rests on ended at 2026-11-26T21:00+00:00",
            "もとになっている緊急承認が 2026-11-26T21:00+00:00 に終了しました",
        ),
        (
            "The data cannot be compared: There is no run '3f2a'",
            "データを比較できません: 実験「3f2a」はありません",
        ),
        (
            "rv-1 was overridden, and nobody has looked at it since",
            "rv-1 は緊急承認されましたが、その後だれも確認していません",
        ),
        ("", ""),
    ],
)
def test_values_and_sentences_in_sentences(text, expected):
    assert translated(text, "ja") == expected


@pytest.mark.parametrize(
    "word", ["a against b on ", "cell was and ", "; ", " ", "', '", "x is asked for and y ", "known: ", " and 3 more"]
)
def test_a_text_made_to_be_searched_for_long_is_answered_at_once(word):
    begun = time.process_time()
    translated((word * 1000)[:1000], "ja")
    assert time.process_time() - begun < 1.0


def test_real_errors_of_queries_are_worded_with_their_place():
    for query in ("metrics.f1 >", "f1 > 3", "params.x = 'open", "data > 3", "started > long", "params.x IN 3"):
        with pytest.raises(WorkbenchError) as refusal:
            parse_query(query)
        said = translated(refusal.value.message, "ja")
        first, *place = said.split("\n")
        assert re.fullmatch(r"検索条件、\d+ 文字目: \S.*", first), said
        assert not re.search(r"[a-z]{4} [a-z]{4}", first), said
        assert place == refusal.value.message.split("\n")[1:]
    assert translated(did_you_mean("metrcs", ["metrics"]), "ja") == "「metrics」ではありませんか"


def test_only_members_that_hold_sentences_of_ours_are_touched():
    proof = Reproduction("r", "R0", "R0", False, (Evidence("R1", "reads", "pass", "It read no file", "install git"),))
    answer = encode_in(proof, "ja").decode()
    assert "ファイルは読み込まれていません" in answer
    assert "git をインストールしてください" in answer
    people_said = InputFile("no input", "The run kept no notebook", "", "")
    assert encode_in(people_said, "ja") == encode(people_said)
    assert encode_in(proof, "") == encode(proof)
    problem = Problem("run-unknown", "There is no run '3f'", "", 404)
    assert "実験「3f」はありません" in encode_in(problem, "ja").decode()


def test_the_panel_says_which_language():
    said = {
        "ja": "ja",
        "ja-JP,en;q=0.5": "ja",
        "JA_jp": "ja",
        "en-US,ja;q=0.9": "",
        "de": "",
        "": "",
        "*": "",
        "../x": "",
    }
    assert {text: language_of(text) for text in said} == said
