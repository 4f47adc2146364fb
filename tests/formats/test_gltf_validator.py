"""What is written is glTF to the validator of Khronos, where node finds it: ``NODE_PATH`` says where."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

from gscli import formats
from gscli.in_memory import as_cloud

REPORT = """
const validator = require('gltf-validator'), fs = require('fs'), path = require('path');
const file = process.argv[1], beside = uri => path.join(path.dirname(file), decodeURIComponent(uri));
const options = {externalResourceFunction: async uri => new Uint8Array(fs.readFileSync(beside(uri)))};
validator.validateBytes(new Uint8Array(fs.readFileSync(file)), options).then(
  report => console.log(JSON.stringify(report)));
"""


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if (
        not found
        or subprocess.run([found, "-e", "require('gltf-validator')"], capture_output=True).returncode
    ):
        pytest.skip("node or gltf-validator is not installed")
    return found


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
@pytest.mark.parametrize("kind", ["splats", "points"])
def test_the_validator_has_nothing_against_it_but_that_it_knows_no_splats(
    node, suffix, kind, tmp_path, make_scene
):
    cloud = make_scene(200, 3, normals=False)
    if kind == "points":
        rows = np.zeros(200, [(n, "<f4") for n in "xyz"] + [(n, "u1") for n in ("red", "green", "blue")])
        for name in "xyz":
            rows[name] = cloud.rows[name]
        cloud = as_cloud(rows)
    path = tmp_path / f"a scene{suffix}"
    formats.write(path, cloud, allow_lossy=True)
    done = subprocess.run([node, "-e", REPORT, str(path)], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert said["info"]["totalVertexCount"] == 200
    left = [
        issue
        for issue in said["issues"]["messages"]
        if issue["code"] != "UNSUPPORTED_EXTENSION"
        and not (
            issue["code"] == "MESH_PRIMITIVE_INVALID_ATTRIBUTE"
            and "KHR_gaussian_splatting:" in issue["pointer"]
        )
    ]
    assert not left
