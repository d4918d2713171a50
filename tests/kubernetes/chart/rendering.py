"""The chart as Helm renders it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.generate_chart_readme import CHART

Object = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """The objects of a release named ``test`` in the namespace ``here``."""

    objects: tuple[Object, ...]

    def every(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    def one(self, kind: str, name: str) -> Object:
        found = [one for one in self.every(kind) if one["metadata"]["name"] == name]
        assert len(found) == 1, [one["metadata"]["name"] for one in self.every(kind)]
        return found[0]

    def pod(self, component: str) -> Object:
        """The template of a component's pods."""
        return self.one("Deployment", f"test-flyball-{component}")["spec"]["template"]

    def pods(self) -> list[Object]:
        """The description of every pod that is made, the one of ``helm test`` among them."""
        templates = [one["spec"]["template"]["spec"] for one in self.every("Deployment")]
        return templates + [one["spec"] for one in self.every("Pod")]


@dataclass(frozen=True)
class Helm:
    """Helm, as a program."""

    program: Path

    def render(self, values: Object, directory: Path) -> Rendered:
        done = self.run(values, directory, "template", "test", "--namespace", "here")
        assert done.returncode == 0, done.stderr
        return Rendered(tuple(one for one in yaml.safe_load_all(done.stdout) if one))

    def run(self, values: Object, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
        given = directory / "values.yaml"
        given.write_text(yaml.safe_dump(values))
        command = [self.program, *words, str(CHART), "--values", str(given)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Helm for something that needs no chart."""
        return subprocess.run([self.program, *words], capture_output=True, text=True, check=False)
