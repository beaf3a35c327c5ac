"""MLflow's own calls, made in a process that we capture: the same words, through our log and into our store.

In: a project, and two functions that take a run over and give it back. Out: nothing; from then on ``mlflow.start_run``
in this process makes runs of the project, ``mlflow.log_metric`` costs microseconds, a dataset is named by its whole
content and ``log_model`` asks no child process for requirements. Called by ``session``, once.

mlflow is not imported for it: the patches wait until somebody imports it. Each stands on a seam that :mod:`seam`
describes; where mlflow has another shape there, that patch is left out, mlflow works as it always does, and one line
says so. Nothing here raises into the user's code, and :func:`~workbench.experiment.mlflow_calls.install.uninstall`
takes everything back.
"""
