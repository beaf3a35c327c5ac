"""A promoted model in MLflow's own server: its pages ask these routes for the version that an alias names."""

from __future__ import annotations

from tests.faults import scene as scenes
from tests.interop.test_mlflow import ask, mlflow_server
from workbench.review import checking
from workbench.serving import releases


def test_mlflow_shows_the_promoted_alias(tmp_path, monkeypatch):
    real = releases._name_in_registry
    monkeypatch.setattr(checking, "_ALWAYS", checking._ALWAYS)
    monkeypatch.setattr(releases, "_name_in_registry", real)
    scene = scenes.build_scene(tmp_path)
    releases._name_in_registry = real  # the scene leaves the registry out
    for step in scenes.STEPS.values():
        step(scene)
    with mlflow_server(scene.world.root / ".workbench" / "mlflow.db") as url:
        version = ask(url, "registered-models/alias?name=faults&alias=production")["model_version"]
        assert (version["name"], version["run_id"]) == ("faults", scene.run)
        shown = ask(url, "registered-models/get?name=faults")["registered_model"]
        assert [(item["alias"], item["version"]) for item in shown["aliases"]] == [("production", version["version"])]
        found = ask(url, "registered-models/search", None)["registered_models"]
        assert [item["name"] for item in found] == ["faults"]
