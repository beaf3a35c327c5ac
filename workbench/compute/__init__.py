"""Where a job can run: targets, what each can do, and the job directory that all of them carry.

In: the name of a target and a job directory. Out: cards of targets, and jobs that were started, watched, cancelled and
brought back. An adapter is one class per file behind the :class:`~workbench.compute.targets.Target` protocol, found
through the entry-point group ``workbench.targets``; ``local`` and ``sandbox`` are always there. ``execute`` and the
doors call; this room knows nothing of notebooks, parameters or MLflow.
"""
