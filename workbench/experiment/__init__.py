"""Runs: what was tried, with what, and what came out. MLflow is the record; nothing here keeps a copy.

In: a project, and whatever a notebook, a script or a job logs. Out: run cards, details and comparisons
(``workbench.contract.run``), model folders (``workbench.contract.model``), and the journal's ``run.*`` events. Called
by compute, execute, review and monitor, and by the user's own code through ``workbench.run()``. ``tracking`` is the
only module that imports mlflow; ``runs`` reads a SQLite store without it, because a panel asks often and mlflow costs
seconds to import.
"""
