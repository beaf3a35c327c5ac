"""The MLflow store: write to it, read it, say which of its runs are dead.

In: a project and what a run logs. Out: rows (:mod:`~workbench.experiment.store.rows`) and the journal's ``run.*``
events. Called by the rooms' own verbs in ``experiment`` and by ``execute``. ``tracking`` writes runs, ``creation``
makes the store, ``models`` has models and the registry; where the store is SQLite, all but the last do without mlflow,
which ``client`` and ``models`` import.
"""
