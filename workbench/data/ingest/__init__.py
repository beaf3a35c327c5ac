"""Watched folders: files that a machine or a colleague leaves somewhere become dataset versions, whole or not at all.

In: a declaration (``data/<name>.watch.toml``) and a folder. Out: one dataset version per ingest, the record ``watch``
(which bytes were taken) and the event ``data.ingested``. Called by the verbs ``watches``, ``watch add`` and ``ingest``
and, where a Jupyter server runs, by it. A file whose columns are others than before stops the ingest and asks.
"""
