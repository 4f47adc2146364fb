"""OpenUSD by its schema: what is read of others' files, where prims put it, what is written and refused."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gscli
from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.containers.usd_process import MOST_LAYERS
from gscli.errors import EngineUnavailable, InputError, WriteRefused
from gscli.runtime import processes
from tests.formats import usds
from tests.formats.test_codecs import harmonics

pytest.importorskip("pxr")

SUFFIXES = ("usdz", "usdc", "usda", "usd")


def read(folder: Path, text: str, **options) -> GaussianCloud:
    (folder / "x.usda").write_text(text)
    return gscli.read(folder / "x.usda", **options)


def notes(cloud: GaussianCloud) -> str:
    return "\n".join(cloud.header.notes)


def test_a_file_by_the_schema_is_read_as_it_means(tmp_path):
    cloud = read(tmp_path, usds.scene(usds.splat()))
    assert cloud.xyz.tolist() == [[1, 0, 0], [0, 0, -1]]
    assert np.allclose(np.exp(cloud.columns(fields.SCALE).T), [[1, 0.5, 0.25], [1, 1, 1]])
    assert np.allclose(fields.sigmoid(cloud.rows["opacity"]), [0.5, 1])
    assert np.isfinite(cloud.rows["opacity"]).all()
    assert cloud.columns(fields.SH_DC).T.tolist() == [[1, 2, 3], [4, 5, 6]]
    rest = cloud.columns(fields.sh_rest(1)).T[0]  # y and z reversed: the first two of each channel
    assert np.allclose(rest, [-0.1, -0.4, 0.7, -0.2, -0.5, 0.8, -0.3, -0.6, 0.9])
    assert np.allclose(np.abs(cloud.columns(fields.ROTATION).T), [[0, 1, 0, 0], [2, 0, 0, 0]])
    assert cloud.header.axes == "rub"


def test_files_that_hold_the_axes_of_ply_are_read_as_they_are(tmp_path):
    cloud = read(tmp_path, usds.scene(usds.splat()), axes="rdf")
    assert cloud.xyz.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert np.allclose(cloud.columns(fields.ROTATION).T, [[1, 0, 0, 0], [0, 2, 0, 0]])


def test_prims_above_place_turn_and_scale_and_z_may_be_up(tmp_path):
    cloud = read(tmp_path, usds.scene(usds.splat(), up="Z", above=usds.MOVED))
    # Scaled (2, 0, 0), turned (0, 2, 0), moved (10, 22, 30); y up (10, 30, -22); y down (10, -30, 22).
    assert np.allclose(cloud.xyz, [[10, -30, 22], [10, -32, 20]])
    assert np.allclose(np.exp(cloud.rows["scale_0"]), 2)
    plain = read(tmp_path, usds.scene(usds.splat()), axes="rub")
    turn = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0.0]])  # of directions in the prim to those in the cloud
    local = np.random.default_rng(0).normal(size=(20, 3))
    local /= np.linalg.norm(local, axis=1, keepdims=True)

    def seen(scene, directions):
        return scene.columns(fields.sh_rest(1)).T[0].reshape(3, 3) @ harmonics(1, directions).T

    assert np.allclose(seen(cloud, local @ turn.T), seen(plain, local * [1, -1, -1]), atol=1e-6)


def test_halves_and_several_prims_become_one_scene(tmp_path):
    cloud = read(tmp_path, usds.scene(usds.splat(), usds.HALVES))
    assert cloud.xyz.tolist() == [[1, 0, 0], [0, 0, -1], [0.5, -1, -2]]
    assert fields.sh_degree(cloud.fields) == 1
    assert not cloud.columns(fields.sh_rest(1)).T[2].any()
    assert cloud.rows["f_dc_2"].tolist() == [3, 6, 9]


def test_what_is_left_out_is_named(tmp_path):
    hidden = usds.splat("Hidden", '        token visibility = "invisible"\n')
    proxy = usds.splat("Proxy", '        uniform token purpose = "proxy"\n')
    mesh = '\n    def Mesh "M"\n    {\n    }\n'
    points = '\n    def Points "P"\n    {\n        point3f[] points = [(1, 2, 3)]\n    }\n'
    more = "    metersPerUnit = 0.01\n"
    cloud = read(tmp_path, usds.scene(usds.splat(), hidden, proxy, mesh, points, more=more))
    assert len(cloud) == 2
    said = notes(cloud)
    for what in ("2 prims of hidden ParticleField3DGaussianSplat", "1 prim of Mesh", "1 prim of Points"):
        assert what in said
    assert "a unit is 0.01 m" in said


def test_what_moves_is_as_at_its_first_time(tmp_path):
    above = "\n    double3 xformOp:translate.timeSamples = {\n"
    above += "        1: (5, 0, 0),\n        9: (7, 0, 0),\n    }\n"
    above += '    uniform token[] xformOpOrder = ["xformOp:translate"]\n'
    cloud = read(tmp_path, usds.scene(usds.splat(), above=above))
    assert cloud.xyz[0].tolist() == [6, 0, 0]
    assert "as at its first time" in notes(cloud)


OTHER = '#usda 1.0\ndef Xform "P"\n{' + usds.splat("Inner") + "}\n"
REFERRING = """
    def "R" (
        {kind} = @{asset}@</P>
    )
    {{
    }}
"""


@pytest.mark.parametrize("kind", ["references", "payload", "prepend references"])
@pytest.mark.parametrize("absolute", [False, True])
def test_other_files_are_not_opened_and_named(tmp_path, kind, absolute):
    (tmp_path / "other.usda").write_text(OTHER)
    asset = str(tmp_path / "other.usda") if absolute else "./other.usda"
    cloud = read(tmp_path, usds.scene(usds.splat(), REFERRING.format(kind=kind, asset=asset)))
    assert len(cloud) == 2
    assert f"what is in other files ({asset})" in notes(cloud)
    cloud = read(tmp_path, usds.scene(usds.splat(), more=f"    subLayers = [@{asset}@]\n"))
    assert len(cloud) == 2
    assert asset in notes(cloud)


def pack(path: Path, files: dict[str, str]) -> None:
    """A .usdz of files, the first of which is the scene."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            fill = -(archive.fp.tell() + 30 + len(name) + 4) % 64
            entry.extra = struct.pack("<HH", 0x1986, fill) + bytes(fill)
            archive.writestr(entry, text)


def test_references_within_a_package_are_followed(tmp_path):
    text = usds.scene(REFERRING.format(kind="references", asset="./other.usda"))
    pack(tmp_path / "x.usdz", {"main.usda": text, "other.usda": OTHER})
    assert len(gscli.read(tmp_path / "x.usdz")) == 2


def test_a_layer_of_a_package_opens_no_other_file(tmp_path):
    other = tmp_path / "other.usda"
    other.write_text(OTHER)
    text = usds.scene(REFERRING.format(kind="references", asset="./inner.usda"))
    inner = OTHER.replace("{", "{" + REFERRING.format(kind="references", asset=other), 1)
    inner = inner.replace("1.0", f"1.0\n(\n    subLayers = [@{other}@]\n)", 1)
    pack(tmp_path / "x.usdz", {"main.usda": text, "inner.usda": inner})
    cloud = gscli.read(tmp_path / "x.usdz")
    assert len(cloud) == 2
    assert str(other) in notes(cloud)


VARIANT = """
    def "V" (
        variants = { string v = "x" }
        prepend variantSets = "v"
    )
    {
        variantSet "v" = {
            "x" ( references = @ASSET@</P> ) {
                def "K" ( payload = @ASSET@</P> ) { }
            }
        }
    }
"""
EXPRESSION = '    expressionVariables = {\n        string X = "ASSET"\n    }\n'


@pytest.mark.parametrize("packed", [False, True])
def test_no_variant_and_no_expression_opens_another_file(tmp_path, packed):
    other = tmp_path / "other.usda"
    other.write_text(OTHER)
    chosen = usds.scene(usds.splat(), VARIANT.replace("ASSET", str(other)))
    by_name = usds.scene(
        usds.splat(),
        REFERRING.format(kind="references", asset='`"${X}"`'),
        more=EXPRESSION.replace("ASSET", str(other)),
    )
    for text, named in ((chosen, str(other)), (by_name, "${X}")):
        path = tmp_path / ("x.usdz" if packed else "x.usda")
        if packed:
            pack(path, {"main.usda": text})
        else:
            path.write_text(text)
        cloud = gscli.read(path)
        assert len(cloud) == 2
        assert named in notes(cloud)


def test_a_package_of_too_many_layers_opens_none_of_what_they_refer_to(tmp_path):
    (tmp_path / "other.usda").write_text(OTHER)
    layers = {f"l{i}.usda": f'#usda 1.0\ndef "R{i}"\n{{\n}}\n' for i in range(MOST_LAYERS)}
    far = REFERRING.format(kind="references", asset=tmp_path / "other.usda")
    layers[f"l{MOST_LAYERS - 1}.usda"] = usds.scene(far)
    subs = ", ".join(f"@./{name}@" for name in layers)
    pack(
        tmp_path / "x.usdz",
        {"main.usda": usds.scene(usds.splat(), more=f"    subLayers = [{subs}]\n")} | layers,
    )
    with pytest.raises(InputError, match="more than 1,000 layers"):
        gscli.read(tmp_path / "x.usdz")


BOMBS = {
    "deep": 'def Xform "A"\n{\n' * 100_000 + "}\n" * 100_000,
    "lists": 'def Xform "A"\n{\n    float[] a = ' + "[" * 1_000_000 + "]" * 1_000_000 + "\n}\n",
    "dictionaries": 'def Xform "A" (\n    customData = {\n'
    + "dictionary d = {\n" * 100_000
    + "}\n" * 100_001
    + ")\n{\n}\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_makes_much_of_little_is_one_line(tmp_path, name):
    with pytest.raises(InputError, match="asks for more memory or time than a scene of its size") as caught:
        read(tmp_path, "#usda 1.0\n" + BOMBS[name])
    assert "\n" not in str(caught.value)


def test_a_fault_is_told_by_its_line_and_not_by_where_it_was_read(tmp_path):
    with pytest.raises(InputError, match=r"x.usda: cannot be read as USD \(line \d+:\d+: ") as caught:
        read(
            tmp_path, usds.scene(usds.splat()).replace("point3f[] positions = [", "point3f[] positions = [[[")
        )
    assert "gscli-usd" not in str(caught.value)


def test_references_in_a_circle_end(tmp_path):
    circle = '    def "A" (\n        references = </World/B>\n    )\n    {\n    }\n'
    circle += '    def "B" (\n        references = </World/A>\n    )\n    {\n    }\n'
    assert len(read(tmp_path, usds.scene(usds.splat("S"), "\n" + circle))) == 2


@pytest.mark.parametrize(
    "old, new, match",
    [
        ("(1, 0, 0), (0, 0, 1)", "(1, 0, 0)", "Coefficients of shape .8, 3. for 1 positions"),
        ("Degree = 1", "Degree = 7", "harmonics of degree 7, and 0 to 4"),
        ("Degree = 1", "Degree = 2", "sphericalHarmonicsCoefficients of shape .8, 3. for 2"),
        ("float[] opacities = [0.5, 1]", "", "has no opacities, which"),
        ("[0.5, 1]", "[0.5, 2]", "opacities beyond 0 to 1"),
        ("(1, 0.5, 0.25)", "(1, -0.5, 0.25)", "scales below zero.*as PLY has them"),
        ("ParticleField3DGaussianSplat", "Mesh", "no splats and no points: 1 Mesh"),
        ('Y"', 'X"', "USD|up axis"),
        ("point3f[] positions = [", "point3f[] positions = [[[", "cannot be read as USD"),
        ("float[] opacities = [0.5, 1]", 'string[] opacities = ["a", "b"]', "has no opacities"),
    ],
)
def test_a_wrong_file_is_refused_by_what_is_wrong(tmp_path, old, new, match):
    text = usds.scene(usds.splat())
    assert old in text
    with pytest.raises(InputError, match=match) as caught:
        read(tmp_path, text.replace(old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_encoding_holds_the_same_and_is_the_same_twice(tmp_path, make_scene, suffix):
    scene = make_scene(50, 3, normals=False)
    for name in "ab":
        gscli.write(tmp_path / f"{name}.{suffix}", scene, allow_lossy=True)
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    assert whole == (tmp_path / f"b.{suffix}").read_bytes()
    cloud = gscli.read(tmp_path / f"a.{suffix}")
    for names in (fields.POSITION, fields.SH_DC, fields.sh_rest(3)):
        assert np.array_equal(cloud.columns(names), scene.columns(names))
    (tmp_path / "renamed").write_bytes(whole)
    assert formats.identify(tmp_path / "renamed").name == "usd"
    assert np.array_equal(gscli.read(tmp_path / "renamed").rows, cloud.rows)


def test_what_is_written_is_of_the_schema(tmp_path, make_scene):
    from pxr import Usd, UsdGeom

    gscli.write(tmp_path / "x.usdz", make_scene(20, 2, normals=False), allow_lossy=True)
    stage = Usd.Stage.Open(str(tmp_path / "x.usdz"))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    prim = stage.GetPrimAtPath("/Scene/Splats")
    schema = prim.GetPrimDefinition()
    authored = {a.GetName(): a for a in prim.GetAuthoredAttributes()}
    for name, attribute in authored.items():
        wanted = schema.GetAttributeDefinition(name)
        assert wanted, name
        assert (attribute.GetTypeName(), attribute.GetVariability()) == (
            wanted.GetTypeName(),
            wanted.GetVariability(),
        )
    assert len(authored["radiance:sphericalHarmonicsCoefficients"].Get()) == 20 * 9
    with zipfile.ZipFile(tmp_path / "x.usdz") as archive:
        (entry,) = archive.infolist()
    head = (tmp_path / "x.usdz").read_bytes()[entry.header_offset :][:30]
    assert (entry.header_offset + 30 + sum(struct.unpack_from("<HH", head, 26))) % 64 == 0
    assert entry.compress_type == zipfile.ZIP_STORED


def test_points_keep_all_that_points_have(tmp_path):
    rng = np.random.default_rng(0)
    kinds = [*((n, "<f4") for n in (*fields.POSITION, *fields.NORMAL)), ("red", "u1"), ("green", "u1")]
    kinds += [
        ("blue", "u1"),
        ("alpha", "u1"),
        ("widths", "<f4"),
        ("ids", "<i8"),
        ("label", "<u2"),
        ("t", "<f8"),
    ]
    rows = np.zeros(256, kinds)
    for name, kind in kinds:
        rows[name] = rng.normal(size=256) if "f" in kind else rng.permutation(256)
    length = np.sqrt(sum(rows[name].astype(float) ** 2 for name in fields.NORMAL))
    for name in fields.NORMAL:
        rows[name] /= length
    cloud = GaussianCloud(rows)
    gscli.write(tmp_path / "x.usdc", cloud)
    found = gscli.read(tmp_path / "x.usdc")
    assert set(found.fields) == set(cloud.fields)
    for name in cloud.fields:
        assert found.rows.dtype[name] == rows.dtype[name], name
        assert np.array_equal(found.rows[name], rows[name]), name


def test_a_damaged_file_is_one_line(tmp_path, make_scene):
    gscli.write(tmp_path / "x.usdc", make_scene(50, 0, normals=False), allow_lossy=True)
    whole = (tmp_path / "x.usdc").read_bytes()
    huge = bytearray(whole)
    huge[16:24] = b"\xff" * 7 + b"\x7f"  # where the table of contents is
    for data in (whole[: len(whole) // 2], whole[:-1], bytes(huge), b"PXR-USDC"):
        (tmp_path / "y.usdc").write_bytes(data)
        with pytest.raises(InputError) as caught:
            gscli.read(tmp_path / "y.usdc")
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(f"{tmp_path / 'y.usdc'}: ")


def test_without_usd_core_a_line_says_how_to_get_it(tmp_path, make_scene, monkeypatch):
    monkeypatch.setattr("gscli.formats._format.find_spec", lambda name: None if name == "pxr" else name)
    (tmp_path / "x.usda").write_text(usds.scene(usds.splat()))
    for act in (
        lambda: gscli.read(tmp_path / "x.usda"),
        lambda: gscli.write(tmp_path / "y.usdz", make_scene(3, 0), allow_lossy=True),
    ):
        with pytest.raises(EngineUnavailable, match=re.escape("pip install usd-core")):
            act()


def test_names_that_are_no_identifiers_are_named_as_lost(tmp_path, make_scene):
    plain = make_scene(3, 0, normals=False).rows
    rows = np.zeros(3, [*plain.dtype.descr, ("a b", "<f4")])
    with pytest.raises(WriteRefused, match="a b"):
        gscli.write(tmp_path / "x.usdz", GaussianCloud(rows))


def test_a_process_that_ends_well_and_tells_nothing_has_read_nothing(tmp_path, monkeypatch):
    (tmp_path / "x.usda").write_text(usds.scene(usds.splat()))
    monkeypatch.setattr(processes, "run", lambda *_: 0)
    with pytest.raises(InputError, match=r"x\.usda: has damaged USD data"):
        gscli.read(tmp_path / "x.usda")


@pytest.mark.parametrize("kind", ["f4", "i4"])
def test_primvars_stay_as_they_are_whatever_they_are_called(tmp_path, kind):
    columns = {name: np.arange(2 + i, 6 + i).astype(kind) for i, name in enumerate(fields.NORMAL)}
    cloud = GaussianCloud.from_columns({axis: np.arange(4, dtype="f4") for axis in "xyz"}, **columns)
    gscli.write(tmp_path / "x.usdc", cloud)
    found = gscli.read(tmp_path / "x.usdc")
    for name in cloud.fields:
        assert np.array_equal(found[name], cloud[name]), name
