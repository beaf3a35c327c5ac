"""What we know of mlflow is true of the mlflow that is installed, and where it is not, mlflow works without us."""

import sys

import mlflow
import pytest

import workbench
from workbench.experiment.mlflow_calls import install, seam
from workbench.experiment.mlflow_calls.seam import SEAM, UnknownSeamError, check, parameters_of


@pytest.mark.parametrize("name", SEAM)
def test_the_installed_mlflow_has_what_we_replace(name):
    if "polars" in name:
        pytest.importorskip("polars")
    install.uninstall()
    assert parameters_of(name) == SEAM[name]


def test_another_shape_is_noticed(monkeypatch):
    monkeypatch.setitem(SEAM, "mlflow.tracking.fluent:gone", ("x",))
    with pytest.raises(UnknownSeamError, match="another gone"):
        check("mlflow.tracking.fluent:end_run", "mlflow.tracking.fluent:gone")
    monkeypatch.setitem(SEAM, "mlflow.tracking.fluent:end_run", ("status", "reason"))
    with pytest.raises(UnknownSeamError, match="another end_run"):
        check("mlflow.tracking.fluent:end_run")


def test_an_unknown_mlflow_is_left_alone_and_that_is_said(project, monkeypatch, capsys):
    install.uninstall()
    before = mlflow.log_metric, mlflow.start_run
    monkeypatch.setitem(seam.SEAM, "mlflow.tracking.fluent:log_metric", ("something", "else"))
    monkeypatch.chdir(project.root)
    with workbench.run() as run:
        assert (mlflow.log_metric, mlflow.start_run) == before
        mlflow.log_metric("plain", 1.0)
        assert mlflow.get_run(run).data.metrics["plain"] == 1.0
    assert "its calls work as without us" in capsys.readouterr().err


def test_everything_is_put_back(project, monkeypatch):
    install.uninstall()
    client = sys.modules["mlflow.tracking._tracking_service.client"].TrackingServiceClient
    before = {**vars(mlflow.tracking.fluent)}, {**vars(client)}, mlflow.log_metric, mlflow.models.infer_pip_requirements
    monkeypatch.chdir(project.root)
    with workbench.run():
        assert mlflow.log_metric is not before[2]
        assert mlflow.tracking.fluent.log_metric is mlflow.log_metric
    install.uninstall()
    after = {**vars(mlflow.tracking.fluent)}, {**vars(client)}, mlflow.log_metric, mlflow.models.infer_pip_requirements
    assert all(after[0][key] is before[0][key] for key in before[0] if callable(before[0][key]))
    assert all(after[1][key] is before[1][key] for key in before[1])
    assert after[2:] == before[2:]
