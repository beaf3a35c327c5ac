"""The checks: one file each, all with the same shape, found by name in :mod:`~workbench.review.checks.registry`.

In: a :class:`~workbench.review.checks.check.CheckInput`. Out: an
:class:`~workbench.review.checks.check.Outcome`, from which the registry makes the report and keeps the evidence. A
check that cannot reach a result says so by raising; whatever it raises becomes *unknown*, and unknown blocks. Checks
that open a model's bytes do so in :mod:`~workbench.review.sandbox.sandbox`.
"""
