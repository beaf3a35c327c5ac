"""The request: what was frozen, where it came from and who had a hand in it, as the first statement of a review.

Every later statement names its digest, so that what a reviewer was shown about people and data is what a runner reads.
A requester need not be a reviewer: whether it is signed is shown, and nothing rests on that signature. What rests on
the request can only keep people out or call people in, so leaving something out of it gains nothing but what leaving
the run's own record incomplete would.

Imported by the model runner: standard library and foundation only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.foundation.errors import IntegrityError
from workbench.review.proof.deed import Deed, DeedKind, build_deed, parse_deed

_TEXTS = (
    "stage",
    "review",
    "policy_digest",
    "run",
    "author",
    "commit",
    "commit_author",
    "changes_digest",
    "notebook_digest",
    "executed_digest",
    "environment_digest",
    "follows",
)
_LISTS = ("producers", "traits", "dataset_versions")
_TABLES = ("params", "seeds")
_UNSAID = "production"
"""The stage that a request is for where it names none."""


@dataclass(frozen=True)
class Request:
    """A request as it is written down.

    Attributes:
        model: Name of the model.
        model_digest: Digest of the frozen model folder.
        requester: Who asked.
        at: UTC time.
        stage: Stage it was asked for.
        review: Id of the review.
        policy_digest: Policy it was requested under.
        run: MLflow run that made it.
        author: Who ran the training.
        commit: Git commit, with ``+dirty`` where files differed.
        commit_author: Who wrote that commit; empty without one.
        changes_digest: What differed from that commit, as a patch in the store; empty where nothing did.
        notebook_digest: The notebook's source.
        executed_digest: The notebook with its outputs; empty where it was not kept.
        environment_digest: Environment that the run recorded.
        follows: Review of the same model and stage that this one answers; empty for none.
        producers: Who else had a hand in the bytes: co-authors, who ran what it was resumed from, who imported it.
        traits: ``class:…``, ``path:…`` and ``tag:name=value`` that a policy's groups are asked by.
        dataset_versions: Versions of the data it was trained on.
        params: The run's parameters.
        seeds: State that each generator was seeded to.
    """

    model: str
    model_digest: str
    requester: str
    at: str
    stage: str
    review: str
    policy_digest: str
    run: str
    author: str
    commit: str = ""
    commit_author: str = ""
    changes_digest: str = ""
    notebook_digest: str = ""
    executed_digest: str = ""
    environment_digest: str = ""
    follows: str = ""
    producers: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    dataset_versions: tuple[str, ...] = ()
    params: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, str] = field(default_factory=dict)


def build_request(request: Request) -> bytes:
    """Return the canonical bytes."""
    facts: dict[str, object] = {name: getattr(request, name) for name in (*_TEXTS, *_TABLES)}
    facts |= {name: list(getattr(request, name)) for name in _LISTS}
    return build_deed(Deed(DeedKind.REQUEST, request.model, request.model_digest, request.requester, request.at, facts))


def parse_request(data: bytes) -> Request:
    """Read what :func:`build_request` wrote.

    Raises:
        IntegrityError: ``deed-malformed``.
    """
    deed = parse_deed(data, DeedKind.REQUEST)
    facts = deed.facts
    is_whole = set(facts) == {*_TEXTS, *_LISTS, *_TABLES}
    is_whole = is_whole and all(isinstance(facts[name], str) for name in _TEXTS)
    is_whole = is_whole and all(_is_texts(facts[name]) for name in _LISTS)
    is_whole = is_whole and all(isinstance(facts[n], dict) and _is_texts(list(facts[n].values())) for n in _TABLES)
    if not is_whole:
        raise IntegrityError("deed-malformed", "Not a request: its fields are not those of one", "request it again")
    lists = {name: tuple(facts[name]) for name in _LISTS}
    rest = {name: facts[name] for name in (*_TEXTS, *_TABLES)}
    return Request(model=deed.name, model_digest=deed.digest, requester=deed.principal, at=deed.at, **{**rest, **lists})


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def asked_as(what: str, stage: str) -> str:
    """Return what stands behind ``mlops review request``: without its stage it would be asked for to another one."""
    return what if stage == _UNSAID else f"{what} --to {stage}"
