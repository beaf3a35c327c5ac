"""The experiment room's projects and processes, for the store's own tests."""

from tests.experiment.conftest import fresh_session, project, python, store

__all__ = ["fresh_session", "project", "python", "store"]
