"""Runs carried from one store to another in one file, as over an air gap.

In: run ids or a query, or a file. Out: a zip with a manifest of digests, or runs in this project's store, and journal
events. ``archive`` writes and safely reads the file, ``history`` turns a run of MLflow into JSON and back. Called by
the verbs ``runs export`` and ``runs import``.
"""

from workbench.experiment.transfer.carrying import export_runs, import_runs

__all__ = ["export_runs", "import_runs"]
