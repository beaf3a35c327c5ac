"""Real tables: a line's log as a Japanese factory writes it, and frames to import."""

import pytest

from tests.data.conftest import make_project
from workbench.foundation.project import Project

LOG = (
    "設備,A-1号機\r\n"
    "\r\n"
    "番号,日付,トルク,数量,判定\r\n"
    '001,令和6年4月1日,１２３．４,"1,234",良\r\n'
    "002,R6.4.2,45.6,12,不良\r\n"
    "003,昭和64年1月7日,,▲3,良\r\n"
    "004,2024年12月31日,0.5,-,\r\n"
)


@pytest.fixture
def project(tmp_path) -> Project:
    """A project without Git."""
    return make_project(tmp_path)


@pytest.fixture
def import_frame(project, tmp_path):
    """Import a pandas frame through a real CSV or Parquet file."""
    from workbench.data.tables.imports import import_table

    def run(frame, name="t", format="csv", **options):
        path = tmp_path / f"{name}.{format}"
        if format == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
        return import_table(project, str(path), name=name, **options)

    return run
