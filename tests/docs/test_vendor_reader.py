"""The reader that the how-to writes is found as an installed one is, and does what every reader must."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "vendor-reader.md"


def test_the_page_s_reader_passes_the_conformance_suite(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(python|toml)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (module, settings, tests) = (text for _, text in blocks)
    (tmp_path / "mediadask_tiny.py").write_text(module)
    (tmp_path / "test_tiny.py").write_text(tests)
    project = tomllib.loads(settings)["project"]
    (entry,) = project["entry-points"]["mediadask.readers"].items()
    # What `pip install` would leave, without asking the network for a build backend.
    installed = tmp_path / "mediadask_tiny-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[mediadask.readers]\n{} = {}\n".format(*entry))
    path = os.pathsep.join([str(tmp_path), str(PAGE.parents[2])])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            "test_tiny.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)
