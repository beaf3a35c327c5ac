"""A model folder (``workbench.contract.model``): ONNX bytes, the holdout it is judged on, a reference for drift.

In: a fitted estimator or an ONNX file with its rows. Out: a folder in the run's artifacts that the gate can freeze and
the runner can open without any of the author's code. Called from notebooks as ``workbench.save_model``.
"""
