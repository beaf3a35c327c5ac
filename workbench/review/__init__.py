"""Where a model is let through: the bytes are frozen, checked, and decided on with signatures.

In: a run that logged a model (``experiment``), ``policy/gate.toml`` and ``policy/reviewers``. Out: a
:class:`~workbench.contract.review.ReviewCard`, and a :class:`~workbench.review.proof.grant.Grant`: everything that
somebody who opens the model needs to verify, without asking us, that these very bytes were approved. Doors call
``reviews`` and ``people``; ``serving`` calls ``reviews.release_grant``; the model runner calls
``proof.verification.verify_grant`` before it opens a byte, which is why ``proof`` imports the foundation, the contract
and the policy's rules, and nothing else.
"""
