"""Whose names a proof rests on: names that people gave themselves, or names that stand under keys others know.

Who asked, who trained and who wrote a commit are names that anybody can choose (``WORKBENCH_ACTOR``, Git). Under an
invented one a reviewer could train a model and approve it under their own. So a stage may ask for ``names = "signed"``:

- who asks signs the request, with a key of ``policy/reviewers``;
- they are who ran the training, so a name of somebody else cannot be lent to a run behind their back;
- everybody else who had a hand in it has a key there: whoever signs the request vouches that it was they.

Only lines in force bind a name to a key. Lines that are gone or wait still say who is who and so keep people out; they
cannot let a name in.

Imported by the model runner: standard library, foundation and contract only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workbench.foundation.errors import DeniedError
from workbench.foundation.identity import AllowedSigners
from workbench.review.proof.deed import DeedKind, verify_deed
from workbench.review.proof.grant import Grant, read_request
from workbench.review.proof.persons import Person, person_of, signer_of
from workbench.review.proof.request import asked_as, parse_request


def check_names(grant: Grant, allowed: AllowedSigners) -> Person:
    """Refuse a grant whose names are only claimed; return who signed its request.

    Raises:
        DeniedError: ``request-unsigned``, ``name-unlisted``, ``request-not-own`` or what the signature lacks.
        IntegrityError: Request and signature do not belong together, or not to the grant.
    """
    read_request(grant)
    return check_request(grant.request, grant.request_signature, allowed)


def check_request(text: str, signature: str, allowed: AllowedSigners) -> Person:
    """Refuse a request whose names are only claimed; return who signed it, and raise what :func:`check_names` does."""
    request = parse_request(text.encode("utf-8", "surrogatepass")) if text else None
    if request is None or not signature:
        again = asked_as(f"{request.run}/{request.model}", request.stage) if request else "<model>"
        raise DeniedError(
            "request-unsigned",
            "Names have to be signed for here, and nobody signed the request",
            f"with a key of policy/reviewers: mlops review request {again}",
        )
    verify_deed(text, signature, allowed, DeedKind.REQUEST)
    signer = signer_of(allowed, request.requester, signature)
    names = (request.requester, request.commit_author, *request.producers)
    check_hands(signer, allowed, request.author, names, request.run)
    return signer


def check_hands(signer: Person, allowed: AllowedSigners, author: str, names: Iterable[str], run: str) -> None:
    """Refuse a request for which somebody signs whose work it is not, or on which somebody worked whom no key names.

    Args:
        signer: Who signs the request.
        allowed: ``policy/reviewers``.
        author: Who ran the training.
        names: Everybody who had a hand in it; an empty one is nobody.
        run: The run.

    Raises:
        DeniedError: ``name-unlisted`` or ``request-not-own``.
    """
    listed = replace(allowed, entries=allowed.unrevoked, others=())
    people = {name: person_of(listed, name=name) for name in (author, *names) if name}
    unlisted = [name for name, person in people.items() if not person.keys and not signer.is_same(person)]
    if unlisted:
        raise DeniedError(
            "name-unlisted",
            f"{unlisted[0]} had a hand in it, and no key in policy/reviewers says who that is",
            f"an owner adds it, then request it again: mlops reviewers add {unlisted[0]} <id_….pub> --only request",
        )
    if not signer.is_same(people[author]):
        raise DeniedError(
            "request-not-own",
            f"{author} ran the training, and did not sign the request for it",
            f"ask {author} to: mlops review request {run}",
        )
