"""The project as a whole is looked at with everything in it that a watched model leaves behind."""

from tests.monitor.conftest import furnished, furnished_once, make_project, project

__all__ = ["furnished", "furnished_once", "make_project", "project"]
