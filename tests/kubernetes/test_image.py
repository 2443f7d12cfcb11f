"""The image of ``clusters/Containerfile``, built and run by what this machine has.

It is built on the image that ``MEDIADASK_TEST_BASE`` names, else on a Debian that is made here, as root. The
dependencies' layer is kept between runs, so that only the first takes minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE, BASE = "localhost/mediadask-test:1", "localhost/mediadask-test-base:1"
CODE_BYTES = 10_000_000


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Linux with Python."""
    if not shutil.which("buildah"):
        pytest.skip("NO IMAGE BUILDER: apt-get install buildah")
    if "MEDIADASK_TEST_BASE" in os.environ:
        return os.environ["MEDIADASK_TEST_BASE"]
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        return BASE
    if os.getuid() != 0 or not shutil.which("debootstrap"):
        pytest.skip(
            "NO BASE IMAGE: name one in MEDIADASK_TEST_BASE, or be root and apt-get install debootstrap"
        )
    folder = tmp_path_factory.mktemp("base")
    packages = "python3,python3-venv,ca-certificates"
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    container = buildah("from", "scratch")
    buildah("add", "-q", container, str(folder), "/")
    buildah("commit", "-q", "--rm", container, BASE)
    return BASE


@pytest.fixture(scope="module")
def image(base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    # As this machine reaches its package index.
    trusted = os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt")
    settings = tmp_path_factory.mktemp("pip") / "pip.conf"
    settings.write_text(f"[global]\ncert = {trusted}\n")
    mounts = [
        f"--volume={Path(trusted).parent}:{Path(trusted).parent}:ro",
        f"--volume={settings}:/etc/pip.conf:ro",
    ]
    file = ROOT / "clusters" / "Containerfile"
    how = ["--isolation=chroot", "--layers", *mounts, f"--build-arg=BASE={base}", f"--file={file}"]
    buildah("build", *how, f"--tag={IMAGE}", str(ROOT))
    return IMAGE


def test_it_runs_without_root_and_has_this_version(image: str) -> None:
    container = buildah("from", image)
    run = ("run", "--isolation=chroot", container)
    asks = (
        "import mediadask, kr8s, psycopg; from importlib.metadata import version as v; print(v('mediadask'))"
    )
    try:
        assert buildah(*run, "id", "-u") == "1000"
        assert buildah(*run, "python", "-c", asks) == version("mediadask")
        assert "dask" in buildah(*run, "dumb-init", "--", "dask", "--version")
    finally:
        buildah("rm", container)
    config = json.loads(buildah("inspect", "--type=image", image))["OCIv1"]["config"]
    assert config["User"] == "1000:1000"
    assert config["Entrypoint"] == ["dumb-init", "--", "with-kernels"]


def test_kernels_are_compiled_already(image: str) -> None:
    container = buildah("from", image)
    program = ROOT / "clusters" / "compile_kernels.py"
    mounted = f"--volume={program}:/compile_kernels.py:ro"
    count = 'find "$NUMBA_CACHE_DIR" -name "*.nbc" | wc -l'
    steps = f"{count}; python /compile_kernels.py 2>&1; {count}"
    try:
        told = buildah("run", "--isolation=chroot", mounted, container, "with-kernels", "sh", "-c", steps)
    finally:
        buildah("rm", container)
    before, after = told.split()
    assert int(before) == int(after) > 5


def test_a_change_of_code_is_a_few_megabytes(image: str, tmp_path: Path) -> None:
    buildah("push", "-q", image, f"docker-archive:{tmp_path / 'image.tar'}")
    with tarfile.open(tmp_path / "image.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        _, dependencies, code = json.load(manifest)[0]["Layers"]
        assert archive.getmember(code).size < CODE_BYTES < archive.getmember(dependencies).size
