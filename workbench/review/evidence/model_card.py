"""The model card: what is known about a reviewed model, and the questions that only people can answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.contract.model import ModelManifest
from workbench.contract.review import CheckReport
from workbench.review.record import Review

_WORDS = {
    "en": {
        "title": "Model card",
        "facts": "What it is",
        "model": "Model",
        "digest": "Digest of its bytes",
        "task": "Task",
        "inputs": "Inputs",
        "answers": "Answers",
        "stage": "Asked for stage",
        "author": "Trained by",
        "run": "MLflow run",
        "commit": "Git commit",
        "data": "Training data",
        "unknown": "not recorded",
        "metrics": "Figures of the author's run",
        "checks": "What the gate found",
        "required": "required",
        "failed": "Did not pass",
        "none": "every check that ran passed",
        "decisions": "Decisions",
        "people": "For people to complete",
        "questions": (
            "Intended use, and uses it is not meant for:",
            "Who is affected by a wrong answer, and how:",
            "Where the training data differs from where it is used:",
            "Who watches it, and who switches it off:",
        ),
    },
    "ja": {
        "title": "モデルカード",
        "facts": "概要",
        "model": "モデル",
        "digest": "ダイジェスト",
        "task": "タスク",
        "inputs": "入力",
        "answers": "出力",
        "stage": "依頼先のステージ",
        "author": "学習した人",
        "run": "MLflow の run",
        "commit": "Git コミット",
        "data": "学習データ",
        "unknown": "記録なし",
        "metrics": "作成者の run の指標",
        "checks": "ゲートのチェック結果",
        "required": "必須",
        "failed": "合格しなかったチェック",
        "none": "実行したチェックはすべて合格",
        "decisions": "判断",
        "people": "人が記入する項目",
        "questions": (
            "想定する用途と、想定しない用途:",
            "誤った出力の影響を受ける人と、その内容:",
            "学習データと利用環境の違い:",
            "監視する人と、停止する人:",
        ),
    },
}


@dataclass(frozen=True)
class CardFacts:
    """What a card is made from.

    Attributes:
        review: The review.
        manifest: What the model's bytes are for.
        failed: Reports of checks that did not pass.
    """

    review: Review
    manifest: ModelManifest
    failed: tuple[CheckReport, ...]


def card_text(facts: CardFacts, language: str) -> str:
    """Return the card as Markdown in ``en`` or ``ja``."""
    words = {key: value for key, value in _WORDS[language].items() if isinstance(value, str)}
    questions = _WORDS[language]["questions"]
    review, manifest = facts.review, facts.manifest
    rows = {
        "model": review.model,
        "digest": f"`{review.model_digest}`",
        "task": manifest.task,
        "inputs": ", ".join(feature.name for feature in manifest.features),
        "answers": ", ".join(manifest.classes),
        "stage": review.stage,
        "author": review.author,
        "run": review.run,
        "commit": review.commit,
        "data": ", ".join(review.dataset_versions),
    }
    required = {True: f" ({words['required']})", False: ""}
    parts = [
        f"# {words['title']}: {_plain(review.model)}",
        f"## {words['facts']}",
        _bullets(f"{words[key]}: {_plain(value) or words['unknown']}" for key, value in rows.items()),
        f"## {words['metrics']}",
        _bullets(f"{_plain(name)}: {value:.6g}" for name, value in sorted(review.metrics.items())),
        f"## {words['checks']}",
        _bullets(f"{r.name}{required[r.is_required]}: **{r.result}** — {_plain(r.summary)}" for r in review.checks),
        f"{words['failed']}: {', '.join(report.name for report in facts.failed) or words['none']}",
        f"## {words['decisions']}",
        _bullets(f"{d.at} {_plain(d.principal)}: **{d.verdict}** ({d.assurance}) {_plain(d.reason)}".rstrip()
                 for d in review.decisions),
        f"## {words['people']}",
        _bullets(questions),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _plain(text: str) -> str:
    """Keep a name or a reason from becoming a heading, a link or markup of its own."""
    return " ".join(text.split()).replace("<", "&lt;").replace("[", "\\[")
