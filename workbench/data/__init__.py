"""Dataset versions: which bytes a result rests on. DVC is the record; plain ``dvc`` and Git read all of it.

In: paths inside a project. Out: :class:`~workbench.contract.data.DatasetVersion` and the journal's ``data.*`` events;
the files themselves change only in :func:`~workbench.data.versions.restore`, and never so that unsaved bytes are lost.
Called by experiment (what did a run read?), execute (bring the data back) and the doors. ``dvc`` is the
chamber of DVC's formats; its ``store`` and ``stages`` import dvc, which costs a second; snapshots, lists and restores
do without it.
"""
