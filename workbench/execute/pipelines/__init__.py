"""Pipelines: notebooks as stages of ``dvc.yaml``, so that ``dvc repro`` and we do the same.

In: a notebook with declared inputs and outputs. Out: stages (``workbench.contract.pipeline``), a job and a run for each
stage that was carried out, and the events ``pipeline.added``, ``pipeline.started`` and ``pipeline.ended``. DVC decides
what is stale and shares cached results; a stage's command is ``mlops run``, nothing more.
"""
