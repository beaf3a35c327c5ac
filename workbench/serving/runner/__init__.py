"""The model runner: a small, fast server that answers with approved bytes only and swaps them in place.

In: one channel file, the content-addressed store and ``policy/reviewers``. Out: predictions over HTTP (MLflow
scoring protocol, Open Inference Protocol v2), figures, and the prediction log that the monitor reads. It is a
process of its own (``python -m workbench.serving.runner <project> <channel>``); nobody imports it but its own entry
point, ``releases`` (which opens a model once before it promotes it) and the tests.

Requests are answered on one thread in one go: a request reads the served model once, so its answer and its headers
can never come from two versions, and a swap is the assignment of one reference.
"""
