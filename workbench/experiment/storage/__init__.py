"""What takes space and is needed by nothing: shown first, freed when asked.

In: the journal, MLflow's store and what lies in the state folder. Out: ``StorageReport`` cards and one journal event.
``candidates`` decides per kind what is not needed, ``needed`` knows what reviews, releases and live runs rest on;
what cannot be decided is kept. Called by the verb ``gc``.
"""

from workbench.experiment.storage.collection import collect_garbage

__all__ = ["collect_garbage"]
