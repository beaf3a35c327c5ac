"""``VERIFY.md``: the commands with which a stranger verifies the zip, as the tests run them.

The commands lie in ``commands/``. They are plain POSIX shell: what reads JSON there relies on its canonical form, in
which a quote inside a text is always escaped and the keys of a table are sorted.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files

from workbench.review.record import Review

_WORDS = {
    "en": {
        "title": "# Verify the evidence of {id}",
        "intro": """\
Model **{model}**, stage **{stage}**, digest `{digest}`. Decisions: {decisions}. The policy they were made under is
`policy/gate.toml`; count the approvals against it.

Unzip into an empty folder and run the blocks below there, in one shell, in order. They need `sha256sum` with what comes
beside it (coreutils), `ssh-keygen` (OpenSSH 8.9 or newer) and a POSIX shell; no network and nothing of ours. The first
command that fails stops the shell.

**Whose keys are right is the one thing that a zip cannot prove by itself.** Set `REVIEWERS` to a copy of
`policy/reviewers` that you have from the project's Git or from the people themselves, and take these commands from a
copy of this page that did not come in the zip.
""",
        "start": "## 0. Begin",
        "files": "## 1. Every file is as it was listed, and none was added",
        "exporter": "## 2. The list is signed by whoever exported",
        "statements": "## 3. Each statement is about this model, policy and check reports, and signed by whom it names",
        "statements_after": """\
Every decision has to be signed. A request, a check, a comment or a release may be unsigned, or signed by somebody who
is no reviewer: a `NOTE` says so, and such a statement is as trustworthy as who exported it. A `NOTE` also names what
rests on other check reports than the review's last ones, as an override may.

A signature that ends in `.withdrawn.sig` was good when it was made; its key was revoked or its name taken off the list
since. It is verified under a list of `policy/lists`, which a `NOTE` names, and it counts no more.

What counts is what is in force now: `policy/reviewers` and `policy/revoked` (with `policy/revoked-2`, ... where several
hold). What was known at a moment stands in `policy/lists`: each list that came into force since before the request, by
number of its event in the journal and UTC time, `...-reviewers` with its `...-revoked` where keys were revoked. To see
what held then, run the blocks 0 and 3 again with `REVIEWERS` and `REVOKED` set to the two. When each came into force is
as trustworthy as who exported, or as a checkpoint of the journal.""",
        "checks": "## 4. Each check's evidence is what its report names",
        "model": "## 5. The model's files are those of the manifest",
        "model_after": "Without `model/files`, check your own copy: `sha256sum --check SHA256SUMS` in its folder.",
        "dsse": "## 6. The DSSE envelopes carry the same statements",
        "dsse_after": "An envelope is signed by whoever exported; the reviewer's own signature is the one of step 3.",
        "unsigned": "## 2. The list is not signed\n\nThe exporter's key may not sign evidence, so only steps 3 to 5 "
        "are proof.\nModel card, BOM, `review.json`, `journal.jsonl` and mappings are as trustworthy as who gave you "
        "this zip.",
        "withdrawn": ", counts no more",
        "end": "Nothing failed: the decisions are genuine, if the keys are.",
    },
    "ja": {
        "title": "# {id} の証拠を検証する",
        "intro": """\
モデル **{model}**、ステージ **{stage}**、ダイジェスト `{digest}`。判断: {decisions}。判断の基準となったポリシーは
`policy/gate.toml` です。承認の数はこのファイルと照らし合わせてください。

空のフォルダーに展開し、同じシェルで下のコマンドを順に実行します。必要なものは `sha256sum` (coreutils)、
`ssh-keygen` (OpenSSH 8.9 以降)、POSIX シェルだけです。ネットワークも本ソフトウェアも要りません。
失敗したところで止まります。

**どの鍵が正しいかだけは、zip 自身では証明できません。** プロジェクトの Git または本人から得た `policy/reviewers` の
写しを `REVIEWERS` に指定し、コマンドも zip の外で得たこのページの写しから実行してください。
""",
        "start": "## 0. 準備",
        "files": "## 1. すべてのファイルが一覧のとおりで、追加もない",
        "exporter": "## 2. 一覧には出力した人の署名がある",
        "statements": "## 3. 各文書はこのモデル、ポリシー、チェック結果についてのもので、名前のある人が署名した",
        "statements_after": """\
判断には必ず署名が要ります。依頼・チェック・コメント・リリースには、署名がないことや、レビュアーでない人の署名であることが
あり、`NOTE` がそれを示します。そのような文書の信頼性は、出力した人の信頼性と同じです。レビューの最後のチェック結果とは
別の結果に基づくもの (緊急承認など) も `NOTE` が示します。

`.withdrawn.sig` で終わる署名は、署名した時点では有効でしたが、その後に鍵が失効したか、名前が一覧から外されたものです。
`NOTE` が示す `policy/lists` の一覧で検証されますが、もう効力はありません。

効力があるのは現在の一覧、`policy/reviewers` と `policy/revoked` (複数あれば `policy/revoked-2` なども) です。その時点で
知られていたことは `policy/lists` にあります。依頼の前から今までに有効になった一覧が、ジャーナルのイベント番号と UTC の
時刻順に `...-reviewers`、失効した鍵があれば `...-revoked` の名前で並びます。当時の判定を見るには、この二つを
`REVIEWERS` と `REVOKED` に指定して、手順 0 と 3 をもう一度実行してください。
有効になった時刻の信頼性は、出力した人の信頼性か、ジャーナルのチェックポイントと同じです。""",
        "checks": "## 4. 各チェックの証拠は、チェック結果が示すとおりである",
        "model": "## 5. モデルのファイルは一覧のとおりである",
        "model_after": "`model/files` がないときは、手元のモデルのフォルダーで `sha256sum --check SHA256SUMS` を実行。",
        "dsse": "## 6. DSSE の封筒は同じ文を運んでいる",
        "dsse_after": "封筒には出力した人が署名しています。レビュアー本人の署名は手順 3 のものです。",
        "unsigned": "## 2. 一覧に署名はない\n\n出力した人の鍵は証拠への署名を許されていません。"
        "証明になるのは手順 3 から 5 だけです。\nモデルカード、BOM、`review.json`、`journal.jsonl`、対応表の信頼性は、"
        "zip の渡し手の信頼性と同じです。",
        "withdrawn": ", 現在は無効",
        "end": "失敗がなければ、鍵が正しいかぎり、判断は本物です。",
    },
}


def guide_text(review: Review, language: str, *, is_signed: bool, withdrawn: Collection[str] = ()) -> str:
    """Return the page.

    Args:
        review: What the zip is about.
        language: ``en`` or ``ja``.
        is_signed: Whether the exporter signed the list of files.
        withdrawn: Digests of the statements that count no more.
    """
    words = _WORDS[language]
    decisions = ", ".join(
        f"{d.verdict} ({d.principal}, {d.assurance}, {d.at}{words['withdrawn'] * (d.statement_digest in withdrawn)})"
        for d in review.decisions
    )
    named = {"id": review.id, "model": review.model, "stage": review.stage, "digest": review.model_digest}
    parts = [
        words["title"].format(**named),
        words["intro"].format(**named, decisions=decisions).rstrip(),
        *_step(words, "start"),
        *_step(words, "files"),
        *(_step(words, "exporter") if is_signed else [words["unsigned"]]),
        *_step(words, "statements"),
        *_step(words, "checks"),
        *_step(words, "model"),
        *(_step(words, "dsse") if is_signed else []),
        words["end"],
    ]
    return "\n\n".join(parts) + "\n"


def _step(words: dict[str, str], name: str) -> list[str]:
    commands = files("workbench.review.evidence").joinpath("commands", f"{name}.sh").read_text(encoding="utf-8")
    after = words.get(f"{name}_after")
    return [words[name], f"```sh\n{commands}```", *([after] if after else [])]
