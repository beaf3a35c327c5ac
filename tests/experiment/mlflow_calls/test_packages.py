"""A model's requirements come from the environment: no child process, and a loadable model."""

import pickle
import subprocess
import zipfile
from importlib.metadata import version

import mlflow
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import workbench
from workbench.experiment.mlflow_calls.packages import modules_named_in, requirements

X, Y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)


class Halving:
    """Something of one's own around an estimator."""

    def __init__(self, inner):
        self.inner = inner


def test_log_model_starts_no_process(project, monkeypatch):
    monkeypatch.chdir(project.root)
    started = []
    real = subprocess.Popen.__init__
    monkeypatch.setattr(
        subprocess.Popen, "__init__", lambda self, args, *a, **k: (started.append(args), real(self, args, *a, **k))[1]
    )
    with workbench.run() as run:
        mlflow.log_metric("before", 1)
        info = mlflow.sklearn.log_model(LogisticRegression().fit(X, Y), name="model", input_example=X[:2])
        mlflow.log_metric("after", 1)
    assert not [args for args in started if "_capture_modules" in str(args)]
    folder = mlflow.artifacts.download_artifacts(info.model_uri)
    with open(f"{folder}/requirements.txt") as stream:
        lines = stream.read().split()
    assert f"scikit-learn=={version('scikit-learn')}" in lines
    assert all("==" in line for line in lines)
    assert mlflow.pyfunc.load_model(info.model_uri).predict(X).shape == (10,)
    found = mlflow.get_run(run)
    assert {"before", "after"} <= set(found.data.metrics)
    assert [output.model_id for output in found.outputs.model_outputs] == [info.model_id]


def test_given_requirements_are_kept(project, monkeypatch):
    monkeypatch.chdir(project.root)
    with workbench.run():
        info = mlflow.sklearn.log_model(LogisticRegression().fit(X, Y), name="m", pip_requirements=["numpy>1"])
    with open(mlflow.artifacts.download_artifacts(info.model_uri) + "/requirements.txt") as stream:
        assert "numpy>1" in stream.read().split()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_a_pickle_names_is_required_and_the_pickle_is_not_loaded(tmp_path, protocol):
    class Bomb:
        def __reduce__(self):
            return (print, ("loaded",))

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([LogisticRegression().fit(X, Y), X], protocol=protocol))
    assert {"sklearn", "numpy"} <= modules_named_in(path)
    found = requirements(tmp_path, ["mlflow==3"])
    assert found == sorted(["mlflow==3", f"scikit-learn=={version('scikit-learn')}", f"numpy=={version('numpy')}"])
    assert requirements(tmp_path, ["scikit-learn>=1"])[-1] == "scikit-learn>=1"


def test_a_zip_of_pickles_and_a_broken_file(tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "weights.pt", "w") as archive:
        archive.writestr("weights/data.pkl", pickle.dumps(X))
    assert "numpy" in modules_named_in(tmp_path / "weights.pt")
    (tmp_path / "broken.pkl").write_bytes(b"\x80\x05not a pickle")
    assert modules_named_in(tmp_path / "broken.pkl") == set()
