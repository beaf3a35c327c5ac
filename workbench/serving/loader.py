"""``workbench.load("churn@production")``: the released model in Python, verified as the runner verifies it.

Statement, policy and the digest of every byte are looked at before a session is opened from those very bytes. A model
whose approvals end while it is held (an override after 24 hours) stops to answer then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import UsageError
from workbench.foundation.project import Project
from workbench.serving.channel import ChannelName
from workbench.serving.verification import read_channel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.serving.channel import ChannelFile
    from workbench.serving.runner.served import Served


class ReleasedModel:
    """A released model that was verified when it was opened.

    Attributes:
        channel: Channel it was loaded from.
        release: Its release.
        version: Version within the channel.
        model_digest: The bytes.
        features: Names of its inputs, in order.
    """

    def __init__(self, project: Project, channel: str, file: ChannelFile, served: Served) -> None:
        self.channel = channel
        self.release = served.release
        self.version = served.version
        self.model_digest = served.model_digest
        self.features = served.features
        self._project = project
        self._file = file
        self._served = served

    def predict(self, rows: Any) -> NDArray[Any]:
        """Return a class name, or a value, for each row.

        Args:
            rows: A frame with the model's columns, or numbers of shape (rows, features).

        Raises:
            UsageError: ``rows-malformed``, or the model cannot compute the rows.
            IntegrityError: Its approvals do not hold any more.
        """
        import numpy as np

        self._check_still_holds()
        matrix = self._matrix(rows)
        answer = self._served.engine.predict(matrix)
        classes = self._served.manifest.classes
        return np.array(classes)[answer.values.reshape(-1)] if classes else answer.values

    def predict_proba(self, rows: Any) -> NDArray[Any]:
        """Return the probability of each class for each row.

        Raises:
            UsageError: ``no-probabilities``: it predicts values.
        """
        self._check_still_holds()
        found = self._served.engine.predict(self._matrix(rows)).probabilities
        if found is None:
            said = f"{self.channel} predicts values, which have no probabilities"
            raise UsageError("no-probabilities", said, "model.predict(rows)")
        return found

    def _matrix(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        if hasattr(rows, "columns"):
            missing = [name for name in self.features if name not in rows.columns]
            if missing:
                raise UsageError("rows-malformed", f"The rows have no column '{missing[0]}'", "see model.features")
            rows = rows[list(self.features)]
        try:
            matrix = np.ascontiguousarray(rows, dtype=np.float32)
        except (ValueError, TypeError) as error:
            raise UsageError("rows-malformed", f"The rows are no numbers: {error}", "see model.features") from error
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            shape = "x".join(map(str, matrix.shape))
            raise UsageError("rows-malformed", f"{shape} is not (rows, {len(self.features)})", "see model.features")
        return matrix

    def _check_still_holds(self) -> None:
        """Verify again where an end has passed since; bytes in memory stay what they were."""
        if self._served.has_ended(datetime.now(UTC)):
            self._served = _opened(self._project, self._file, self.channel)


def load(channel: str, project: Project | Path | str | None = None) -> ReleasedModel:
    """Load what is released on a channel, verified: nothing is opened that was not approved.

    Args:
        channel: ``<model>@<stage>``, such as ``churn@production``.
        project: The project or a folder in it; by default the one that you stand in.

    Raises:
        UsageError: ``channel-malformed``.
        PendingError: ``release-none``.
        IntegrityError: Statement, policy or bytes do not verify; exit code 5.
    """
    name = str(ChannelName.parse(channel))
    opened = project if isinstance(project, Project) else Project.open(Path(project) if project else None)
    file = read_channel(opened, name)
    return ReleasedModel(opened, name, file, _opened(opened, file, name))


def _opened(project: Project, file: ChannelFile, channel: str) -> Served:
    from workbench.serving.runner.loading import load_served

    return load_served(project, file, channel)
