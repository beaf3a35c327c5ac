"""A study beside the journal in PostgreSQL: the same search, also after its controller died."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.execute.test_sweep_controller import TRIALS, Killed, World, begin, control, told, world
from tests.experiment.store.test_postgresql import server
from workbench.compute.consent import trust_secrets
from workbench.execute.sweeps.study import open_database
from workbench.foundation.errors import StorageError, UnavailableError
from workbench.foundation.project import Project

__all__ = ["server", "world"]


def test_a_study_lies_where_the_journal_does_and_goes_on_after_a_death(world: World, server: str, tmp_path) -> None:
    root = tmp_path / "shared"
    root.mkdir()
    (root / "workbench.toml").write_text(f'[project]\nname = "p"\n[journal]\nurl = "{server}"\n')
    world.project = Project.open(root, actor="ada@example.org")
    trust_secrets(world.project, ("journal",))
    name = begin(world, "sw-shared")
    world.steps, world.fatal = itertools.count(), 13
    with pytest.raises(Killed):
        control(world, name)
    world.fatal = -1
    control(world, name)
    assert told(world.project, name) == list(range(TRIALS))
    assert not list((root / ".workbench").rglob("study.log"))
    engine = sa.create_engine(server)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT study_name FROM studies")).scalars().all() == [name]
        states = connection.execute(sa.text("SELECT state FROM trials")).scalars().all()
    engine.dispose()
    assert states == ["COMPLETE"] * TRIALS
    world.project.journal.close()


def test_a_database_that_does_not_answer_is_named(tmp_path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(UnavailableError) as caught:
        open_database(f"postgresql+psycopg://nobody@/none?host={tmp_path}")
    assert caught.value.code == "study-unavailable"


@pytest.mark.parametrize(("version", "mends"), [("v3.0.0.c", "optuna storage upgrade"), ("v99.0.0.a", "pip install")])
def test_tables_that_another_optuna_made_are_told_from_a_server_that_is_away(server: str, version, mends) -> None:
    open_database(server)
    engine = sa.create_engine(server)
    with engine.begin() as connection:
        ours = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    with pytest.raises(StorageError) as caught:
        open_database(server)
    assert (caught.value.code, caught.value.hint.startswith(mends)) == ("study-outdated", True)
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == version
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :ours"), {"ours": ours})
    engine.dispose()
    open_database(server)


def test_the_command_that_upgrades_a_study_is_optunas() -> None:
    command = [Path(sys.executable).with_name("optuna"), "storage", "upgrade", "--help"]
    assert b"--storage" in subprocess.run(command, check=True, capture_output=True).stdout
