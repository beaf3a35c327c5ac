"""The MLflow store: write to it, read it, say which of its runs are dead.

In: a project and what a run logs. Out: rows (:mod:`~workbench.experiment.store.rows`) and the journal's ``run.*``
events. Called by the rooms' own verbs in ``experiment`` and by ``execute``. ``tracking`` is the only file that imports
mlflow; where the store is SQLite, reading goes straight to it.
"""
