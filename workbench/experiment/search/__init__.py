"""Finding runs: a small query language, and the two ways of answering it.

In: a line such as ``metrics.f1 > 0.9 AND NOT params.depth = 3``. Out: a frozen expression
(:mod:`~workbench.experiment.search.expression`), which is compiled to SQL where the store is a database and evaluated
row by row where it is not. Both mean the same; a property test holds them to it. Called by ``runs`` and the readers in
``store``. Nothing here imports mlflow or pandas.
"""
