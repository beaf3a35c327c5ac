"""Jobs: a notebook with parameters that runs on a target, is recorded in MLflow and outlives whoever asked for it.

In: a notebook, parameters, the name of a target. Out: job cards, their numbered events and an executed notebook.
``jobs`` holds the verbs, ``travelling`` what is copied into job directories, ``supervise`` looks after a job on this
machine, ``follow`` after those elsewhere, and ``reconcile`` writes the end of a job whose supervisor could not. Doors,
``review`` and ``monitor`` call; imports of mlflow and papermill happen in the detached processes, never in the caller.
"""
