"""``VERIFY.md``: the commands with which a stranger verifies the zip, as the tests run them."""

from __future__ import annotations

from workbench.review.record import Review
from workbench.review.statement import EVIDENCE_NAMESPACE

_START = """\
set -eu
export LC_ALL=C TZ=UTC
REVIEWERS=${REVIEWERS:-policy/reviewers}
hex() { sha256sum < "$1" | cut -c1-64; }
"""

_FILES = """\
sha256sum --check --quiet --strict SHA256SUMS
test "$(find . ! -type d ! -path ./SHA256SUMS ! -path ./SHA256SUMS.sig | wc -l)" -eq "$(wc -l < SHA256SUMS)"
"""

_EXPORTER = f"""\
who=$(ssh-keygen -Y find-principals -f "$REVIEWERS" -s SHA256SUMS.sig < SHA256SUMS | head -n 1)
ssh-keygen -Y verify -f "$REVIEWERS" -I "$who" -n {EVIDENCE_NAMESPACE} -s SHA256SUMS.sig < SHA256SUMS
"""

_STATEMENTS = """\
for f in statements/*.json; do
  who=$(sed 's/.*"principal":"\\([^"]*\\)".*/\\1/' "$f")
  what=$(sed 's/.*"verdict":"\\([^"]*\\)".*/\\1/' "$f")
  at=$(sed 's/.*"at":"\\([^"+]*\\)+00:00".*/\\1/' "$f" | tr -d 'T:-')
  ssh-keygen -Y verify -f "$REVIEWERS" -I "$who" -n "mlops-workbench.$what" -O verify-time="$at" -s "$f.sig" < "$f"
  grep -qF "\\"digest\\":{\\"sha256\\":\\"$(hex model/manifest.json)\\"}" "$f"
  grep -qF "\\"policy_digest\\":\\"sha256:$(hex policy/gate.toml)\\"" "$f"
  grep -qF "\\"evidence_digest\\":\\"sha256:$(hex checks/reports.json)\\"" "$f"
done
"""

_CHECKS = """\
grep -o '"evidence_digest":"sha256:[0-9a-f]*"' checks/reports.json | tr -d '"' | cut -d: -f3 |
  while read -r d; do echo "$d  checks/evidence/$d.json"; done | sha256sum --check --quiet --strict
"""

_MODEL = """\
grep -o '"digest":"sha256:[0-9a-f]*","path":"[^"]*"' model/manifest.json |
  sed 's/"digest":"sha256:\\([0-9a-f]*\\)","path":"\\([^"]*\\)"/\\1  \\2/' | cmp - model/SHA256SUMS
if [ -d model/files ]; then (cd model/files && sha256sum --check --quiet --strict ../SHA256SUMS); fi
"""

_DSSE = f"""\
for f in statements/*.json; do
  e=dsse/$(basename "$f" .json).dsse
  sed 's/.*"payload":"\\([^"]*\\)".*/\\1/' "$e.json" | base64 -d | cmp - "$f"
  sed 's/.*"sig":"\\([^"]*\\)".*/\\1/' "$e.json" | base64 -d | cmp - "$e.sig"
  {{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(wc -c < "$f" | tr -d ' ')"; cat "$f"; }} |
    ssh-keygen -Y verify -f "$REVIEWERS" -I "$who" -n {EVIDENCE_NAMESPACE} -s "$e.sig"
done
"""

_WORDS = {
    "en": {
        "title": "# Verify the evidence of {id}",
        "intro": """\
Model **{model}**, stage **{stage}**, digest `{digest}`. Decisions: {decisions}. The policy they were made under is
`policy/gate.toml`; count the approvals against it.

Unzip into an empty folder and run the blocks below there, in one shell, in order. They need `sha256sum`, `ssh-keygen`
(OpenSSH 8.9 or newer) and a POSIX shell; no network and nothing of ours. The first command that fails stops the shell.

**Whose keys are right is the one thing that a zip cannot prove by itself.** Set `REVIEWERS` to a copy of
`policy/reviewers` that you have from the project's Git or from the people themselves, and take these commands from a
copy of this page that did not come in the zip.
""",
        "start": "## 0. Begin",
        "files": "## 1. Every file is as it was listed, and none was added",
        "exporter": "## 2. The list is signed by whoever exported",
        "statements": "## 3. Reviewers signed exactly this model, this policy and these check reports",
        "checks": "## 4. Each check's evidence is what its report names",
        "model": "## 5. The model's files are those of the manifest",
        "model_after": "Without `model/files`, check your own copy: `sha256sum --check SHA256SUMS` in its folder.",
        "dsse": "## 6. The DSSE envelopes carry the same statements",
        "dsse_after": "An envelope is signed by whoever exported; the reviewer's own signature is the one of step 3.",
        "unsigned": "## 2. The list is not signed\n\nThe exporter's key may not sign evidence, so only steps 3 to 5 "
        "are proof.\nModel card, BOM, `review.json`, `journal.jsonl` and mappings are as trustworthy as who gave you "
        "this zip.",
        "end": "Nothing failed: the decisions are genuine, if the keys are.",
    },
    "ja": {
        "title": "# {id} の証拠を検証する",
        "intro": """\
モデル **{model}**、段階 **{stage}**、ダイジェスト `{digest}`。判断: {decisions}。判断の基準となったポリシーは
`policy/gate.toml` です。承認の数はこのファイルと照らし合わせてください。

空のフォルダーに展開し、同じシェルで下のコマンドを順に実行します。必要なものは `sha256sum`、`ssh-keygen`
(OpenSSH 8.9 以降)、POSIX シェルだけです。ネットワークも本ソフトウェアも要りません。失敗したところで止まります。

**どの鍵が正しいかだけは、zip 自身では証明できません。** プロジェクトの Git または本人から得た `policy/reviewers` の
写しを `REVIEWERS` に指定し、コマンドも zip の外で得たこのページの写しから実行してください。
""",
        "start": "## 0. 準備",
        "files": "## 1. すべてのファイルが一覧のとおりで、追加もない",
        "exporter": "## 2. 一覧には出力した人の署名がある",
        "statements": "## 3. レビュアーは、このモデル・このポリシー・この検査結果に署名した",
        "checks": "## 4. 各検査の証拠は、検査結果が示すとおりである",
        "model": "## 5. モデルのファイルは一覧のとおりである",
        "model_after": "`model/files` がないときは、手元のモデルのフォルダーで `sha256sum --check SHA256SUMS` を実行。",
        "dsse": "## 6. DSSE の封筒は同じ文を運んでいる",
        "dsse_after": "封筒には出力した人が署名しています。レビュアー本人の署名は手順 3 のものです。",
        "unsigned": "## 2. 一覧に署名はない\n\n出力した人の鍵は証拠への署名を許されていません。"
        "証明になるのは手順 3 から 5 だけです。\nモデルカード、BOM、`review.json`、`journal.jsonl`、対応表の信頼性は、"
        "zip の渡し手の信頼性と同じです。",
        "end": "失敗がなければ、鍵が正しいかぎり、判断は本物です。",
    },
}


def guide_text(review: Review, language: str, *, is_signed: bool) -> str:
    """Return the page.

    Args:
        review: What the zip is about.
        language: ``en`` or ``ja``.
        is_signed: Whether the exporter signed the list of files.
    """
    words = _WORDS[language]
    decisions = ", ".join(f"{d.verdict} ({d.principal}, {d.assurance}, {d.at})" for d in review.decisions)
    named = {"id": review.id, "model": review.model, "stage": review.stage, "digest": review.model_digest}
    parts = [
        words["title"].format(**named),
        words["intro"].format(**named, decisions=decisions).rstrip(),
        *_step(words, "start", _START),
        *_step(words, "files", _FILES),
        *(_step(words, "exporter", _EXPORTER) if is_signed else [words["unsigned"]]),
        *_step(words, "statements", _STATEMENTS),
        *_step(words, "checks", _CHECKS),
        *_step(words, "model", _MODEL),
        *(_step(words, "dsse", _DSSE_WITH_EXPORTER) if is_signed else []),
        words["end"],
    ]
    return "\n\n".join(parts) + "\n"


_DSSE_WITH_EXPORTER = _EXPORTER.splitlines(keepends=True)[0] + _DSSE


def _step(words: dict[str, str], name: str, commands: str) -> list[str]:
    after = words.get(f"{name}_after")
    return [words[name], f"```sh\n{commands}```", *([after] if after else [])]
