"""``mlflow.data.from_pandas`` and its like: named by the whole content, described without a loop over each value."""

from __future__ import annotations

import warnings
from typing import Any

from workbench.experiment.capture.quiet import quietly
from workbench.experiment.datasets.digest import columns_of, digest_of, digest_of_columns
from workbench.experiment.mlflow_calls.seam import Patches

_SAMPLE_ROWS = 100


def name_pandas(module: Any, patches: Patches) -> None:
    """Replace digest and schema in ``mlflow.data.pandas_dataset``."""
    original, original_schema = module.compute_pandas_digest, module._infer_schema

    def compute_pandas_digest(df: Any) -> str:
        return _digest_or(original, df)

    def _infer_schema(data: Any) -> Any:
        schema = None
        with quietly("the schema of a dataset"):
            schema = _schema_of(original_schema, data)
        return _quiet(original_schema, data) if schema is None else schema

    patches.replace((module,), "compute_pandas_digest", compute_pandas_digest)
    patches.replace((module,), "_infer_schema", _infer_schema)


def name_numpy(module: Any, patches: Patches) -> None:
    """Replace the digest in ``mlflow.data.numpy_dataset``."""
    original = module.compute_numpy_digest

    def compute_numpy_digest(features: Any, targets: Any = None) -> str:
        return _digest_or(original, features, *([] if targets is None else [targets]))

    patches.replace((module,), "compute_numpy_digest", compute_numpy_digest)


def name_polars(module: Any, patches: Patches) -> None:
    """Replace the digest in ``mlflow.data.polars_dataset``."""
    original = module.hash_polars_df

    def hash_polars_df(df: Any) -> str:
        return _digest_or(original, df)

    patches.replace((module,), "hash_polars_df", hash_polars_df)


def _digest_or(original: Any, *parts: Any) -> str:
    """Return our digest of the parts, or MLflow's where a column holds what we cannot read."""
    digest = ""
    with quietly("the whole content of a dataset"):
        digest = digest_of(parts[0]) if len(parts) == 1 else digest_of_columns(c for p in parts for c in columns_of(p))
    return digest or str(original(*parts))


def _schema_of(original: Any, data: Any) -> Any:
    """Ask MLflow for the types, of a hundred rows, and pandas whether a value is missing, of all."""
    import pandas as pd
    from mlflow.types.schema import ColSpec, Schema

    if not isinstance(data, pd.DataFrame) or len(data) <= _SAMPLE_ROWS:
        return None
    schema = _quiet(original, data.head(_SAMPLE_ROWS))
    missing = data.isna().any()
    columns = [
        ColSpec(type=spec.type, name=spec.name, required=not missing.iloc[place])
        for place, spec in enumerate(schema.inputs)
    ]
    return Schema(columns)


def _quiet(original: Any, data: Any) -> Any:
    """Infer without its hint that integers cannot be missing, which is about models; this is what was measured."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return original(data)
