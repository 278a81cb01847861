"""The chart, rendered by a real Helm: the one on PATH, else the SDK of requirements-deploy.txt."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "helm"
NAME, NAMESPACE = "region-1", "auth"
HELM = shutil.which("helm")

Manifest = dict[str, Any]


class Refused(Exception):
    """Helm would not render these values."""


def render(values: dict[str, Any] | None = None, *, kubernetes: str = "1.35") -> list[Manifest]:
    """Render the chart as `helm install` would; every document there is, hooks included.

    Raises:
        Refused: The schema or a template does not take the values.
    """
    texts = _by_command(values or {}, kubernetes) if HELM else _by_sdk(values or {})
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def notes(values: dict[str, Any]) -> str:
    """Return what an installation prints."""
    return _rendered(values)["authsvc/templates/NOTES.txt"]


def lint() -> list[str]:
    """Return what Helm's linter finds, apart from a missing icon."""
    import helm_python

    report = helm_python.lint(CHART, {}, strict=True)
    return report["errors"] + [each["error"] for each in report["messages"] if "icon" not in each["error"]]


def _by_command(values: dict[str, Any], kubernetes: str) -> list[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values, file)
        file.flush()
        words = ["template", NAME, str(CHART), "--namespace", NAMESPACE, "--kube-version", kubernetes]
        done = subprocess.run(
            [HELM, *words, "--values", file.name], capture_output=True, text=True, check=False, timeout=60
        )
    if done.returncode:
        raise Refused(done.stderr)
    return [done.stdout]


def _by_sdk(values: dict[str, Any]) -> list[str]:
    return [text for path, text in _rendered(values).items() if path.endswith(".yaml")]


def _rendered(values: dict[str, Any]) -> dict[str, str]:
    import helm_python

    try:
        with helm_python.Chart.load(CHART) as chart:
            chart.validate_schema(chart.merge_values(values))
            return chart.render(values, name=NAME, namespace=NAMESPACE)
    except helm_python.HelmError as error:
        raise Refused(str(error)) from None


def of_kind(documents: list[Manifest], kind: str) -> list[Manifest]:
    """Return the documents of a kind."""
    return [document for document in documents if document["kind"] == kind]


def only(documents: list[Manifest], kind: str) -> Manifest:
    """Return the one document of a kind."""
    (found,) = of_kind(documents, kind)
    return found


def pods(documents: list[Manifest]) -> dict[str, Manifest]:
    """Return the pod specification of everything that makes pods, by kind."""
    found = {}
    for document in documents:
        if document["kind"] == "Pod":
            found["Pod"] = document["spec"]
        elif "template" in document.get("spec", {}):
            found[document["kind"]] = document["spec"]["template"]["spec"]
    return found
