"""Whether data is fit for use: declared checks, cleaning fitted on the training part, splits that do not leak.

In: a path inside the project, or the id of a dataset version. Out: reports (:mod:`workbench.contract.quality`), a
cleaned table, a split file. What people declare (``<path>.checks.toml``, a recipe) is plain TOML beside the data and in
Git. Called by :func:`workbench.data.versions.snapshot` and by execute, which refuse data that breaks its checks, and by
the doors. ``frames`` is the one file that reads tables here, ``schema`` the one that imports pandera.
"""
