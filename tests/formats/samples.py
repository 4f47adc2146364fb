"""One small valid file of each format, made by code, for the tests that damage them."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np

from gscli import formats
from gscli.cloud import GaussianCloud
from tests.formats import e57s, gltfs


def make(folder: Path, cloud: GaussianCloud) -> dict[str, Path]:
    """Write every sample that the installed libraries allow; by a name that starts with the format's."""
    made = {}
    for form in formats.FORMATS:
        if form.writer is None or form.folder or (form.name == "usd" and form.missing):
            continue
        path = folder / f"{form.name}{form.suffixes[0]}"
        formats.write(path, cloud, allow_lossy=True)
        made[form.name] = path
    formats.write(folder / "las-packed.laz", cloud, allow_lossy=True)
    made["las-packed"] = folder / "las-packed.laz"
    made["ply-text"] = _text_ply(folder / "ply-text.ply", cloud)
    (folder / "ply-packed.ply").write_bytes(gzip.compress(made["ply"].read_bytes()))
    made["ply-packed"] = folder / "ply-packed.ply"
    made["pcd-text"] = _text_pcd(folder / "pcd-text.pcd", cloud)
    made["pcd-packed"] = packed_pcd(folder / "pcd-packed.pcd", cloud)
    for level in range(3):
        made[f"ksplat-{level}"] = ksplat(folder / f"ksplat-{level}.ksplat", cloud, level)
    made["sog-2"] = sog(folder / "sog-2.sog", cloud, 2)
    made["sog-1"] = sog(folder / "sog-1.sog", cloud, 1)
    made["spz-zstd"] = spz4(folder / "spz-zstd.spz", made["spz"])
    made["colmap-bin"] = colmap(folder / "colmap-bin.bin", cloud)
    made["colmap-text"] = colmap(folder / "colmap-text.txt", cloud)
    if not formats.FORMATS.get("e57").missing:
        made["e57"] = e57s.sample(folder / "e57.e57", cloud.xyz)
    return made | gltfs.make(folder, cloud)


def _text_ply(path: Path, cloud: GaussianCloud) -> Path:
    lines = ["ply", "format ascii 1.0", f"element vertex {len(cloud)}"]
    lines += [*(f"property float {n}" for n in cloud.fields), "end_header"]
    lines += [" ".join(str(v) for v in row) for row in cloud.rows.tolist()]
    path.write_text("\n".join(lines) + "\n")
    return path


def _text_pcd(path: Path, cloud: GaussianCloud) -> Path:
    width = len(cloud.fields)
    lines = ["# made for a test", "VERSION 0.7", f"FIELDS {' '.join(cloud.fields)}", f"SIZE {'4 ' * width}"]
    lines += [f"TYPE {'F ' * width}", f"COUNT {'1 ' * width}", f"WIDTH {len(cloud)}", "HEIGHT 1"]
    lines += [f"POINTS {len(cloud)}", "DATA ascii"]
    lines += [" ".join(str(v) for v in row) for row in cloud.rows.tolist()]
    path.write_text("\n".join(lines) + "\n")
    return path


def packed_pcd(path: Path, cloud: GaussianCloud) -> Path:
    """LZF of zeros and literals: every run of 32 equal bytes is one literal and one copy."""
    flat = b"".join(np.ascontiguousarray(cloud.rows[name]).tobytes() for name in cloud.fields)
    packed = bytearray()
    for start in range(0, len(flat), 32):
        run = flat[start : start + 32]
        if len(run) >= 12 and len(set(run)) == 1:
            packed += bytes([0, run[0], 7 << 5, len(run) - 1 - 9, 0])
        else:
            packed += bytes([len(run) - 1]) + run
    width = len(cloud.fields)
    lines = [
        "VERSION 0.7",
        f"FIELDS {' '.join(cloud.fields)}",
        f"SIZE {'4 ' * width}",
        f"TYPE {'F ' * width}",
    ]
    lines += [f"WIDTH {len(cloud)}", "HEIGHT 1", f"POINTS {len(cloud)}", "DATA binary_compressed\n"]
    path.write_bytes("\n".join(lines).encode() + struct.pack("<II", len(packed), len(flat)) + packed)
    return path


def ksplat(path: Path, cloud: GaussianCloud, level: int, capacity: int = 16) -> Path:
    """SH degree 1 in two sections, the last bucket of each partly filled, as the viewer lays them out."""
    floats, harmonics = ("<f4", "<f2", "<f2")[level], ("<f4", "<f2", "u1")[level]
    record = np.dtype(
        [
            ("xyz", "<f4" if level == 0 else "<u2", 3),
            ("scale", floats, 3),
            ("rot", floats, 4),
            ("rgba", "u1", 4),
            ("sh", harmonics, 9),
        ]
    )
    block, steps = 5.0, 32767
    head = bytearray(4096)
    halves = np.array_split(np.arange(len(cloud)), 2)
    struct.pack_into("<BBxxIIIIH", head, 0, 0, 1, 2, 2, len(cloud), len(cloud), level)
    struct.pack_into("<ff", head, 36, -4.0, 4.0)
    sections, bodies = [], []
    for rows in halves:
        part = cloud.take(rows)
        # Rows are put into buckets in order; centres are where each bucket's first point is.
        starts = np.arange(0, len(rows), capacity)
        centres = part.xyz[starts]
        bucket = np.arange(len(rows)) // capacity
        full, left = divmod(len(rows), capacity)
        stored = np.zeros(len(rows), record)
        if level:
            offset = (part.xyz - centres[bucket]) / (block / 2 / steps) + steps
            stored["xyz"] = np.clip(np.rint(offset), 0, 65535)
        else:
            stored["xyz"] = part.xyz
        stored["scale"] = np.exp(part.columns(("scale_0", "scale_1", "scale_2")).T)
        stored["rot"] = part.columns(("rot_0", "rot_1", "rot_2", "rot_3")).T
        stored["rgba"] = np.arange(len(rows) * 4).reshape(-1, 4) % 256
        rest = part.columns([f"f_rest_{i}" for i in range(9)]).T
        stored["sh"] = np.rint((rest + 4) / 8 * 255) if level == 2 else rest
        section = bytearray(1024)
        buckets = (len(starts), 12) if level else (0, 0)
        struct.pack_into("<IIII", section, 0, len(rows), len(rows), capacity, buckets[0])
        partial = 1 if left and level else 0
        values = (block, buckets[1], steps, full if level else 0, partial, 1)
        struct.pack_into("<fHxxIxxxxIIH", section, 16, *values)
        sizes = np.array([left] * partial, "<u4").tobytes()
        sections.append(bytes(section))
        bodies.append(sizes + (centres.astype("<f4").tobytes() if level else b"") + stored.tobytes())
    path.write_bytes(bytes(head) + b"".join(sections) + b"".join(bodies))
    return path


def webp(pixels: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "WEBP", lossless=True, exact=True)
    return out.getvalue()


def sog(path: Path, cloud: GaussianCloud, version: int) -> Path:
    """SH degree 1; every splat has its own palette entry."""
    n = len(cloud)
    side = int(np.ceil(np.sqrt(n)))

    def picture(values: np.ndarray) -> bytes:
        out = np.zeros((side * side, 4), np.uint8)
        out[:n] = values
        return webp(out.reshape(side, side, 4))

    log = np.sign(cloud.xyz) * np.log1p(np.abs(cloud.xyz.astype(np.float64)))
    low, high = log.min(axis=0), log.max(axis=0)
    steps = np.rint((log - low) / (high - low) * 65535).astype(np.int64)
    opaque = np.full((n, 1), 255)
    book = np.linspace(-8, 8, 256)
    q = cloud.columns(("rot_0", "rot_1", "rot_2", "rot_3")).T
    q = q / np.linalg.norm(q, axis=1, keepdims=True)
    largest = np.abs(q).argmax(axis=1)
    q = q * np.sign(q[np.arange(n), largest])[:, None]
    others = q[np.arange(4)[None] != largest[:, None]].reshape(n, 3)

    def nearest(names: list[str]) -> np.ndarray:
        return np.abs(cloud.columns(names).T[:, :, None] - book).argmin(axis=2)

    alpha = np.rint(255 / (1 + np.exp(-cloud.rows["opacity"].astype(np.float64)))).reshape(n, 1)
    if version == 1:
        alpha = np.rint((cloud.rows["opacity"].reshape(n, 1) + 8) / 16 * 255)
    palette = np.zeros((-(-n // 64), 64 * 3, 4), np.uint8)
    entries = nearest([f"f_rest_{i}" for i in range(9)]).reshape(n, 3, 3).transpose(0, 2, 1)
    for i in range(n):
        palette[i // 64, (i % 64) * 3 : (i % 64) * 3 + 3, :3] = entries[i]
    palette[..., 3] = 255
    labels = np.arange(n)
    members = {
        "means_l.webp": picture(np.hstack([steps & 255, opaque])),
        "means_u.webp": picture(np.hstack([steps >> 8, opaque])),
        "quats.webp": picture(
            np.hstack([np.rint((others * np.sqrt(2) + 1) * 127.5), 252 + largest[:, None]])
        ),
        "scales.webp": picture(np.hstack([nearest(["scale_0", "scale_1", "scale_2"]), opaque])),
        "sh0.webp": picture(np.hstack([nearest(["f_dc_0", "f_dc_1", "f_dc_2"]), alpha])),
        "shN_centroids.webp": webp(palette),
        "shN_labels.webp": picture(np.stack([labels & 255, labels >> 8, 0 * labels, 0 * labels + 255], 1)),
    }
    means = {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]}
    rest = {"files": ["shN_centroids.webp", "shN_labels.webp"]}
    if version == 2:
        meta = {
            "version": 2,
            "count": n,
            "means": means,
            "scales": {"codebook": book.tolist(), "files": ["scales.webp"]},
            "quats": {"files": ["quats.webp"]},
            "sh0": {"codebook": book.tolist(), "files": ["sh0.webp"]},
            "shN": {"count": n, "bands": 1, "codebook": book.tolist(), **rest},
        }
    else:
        meta = {
            "means": {"shape": [n, 3], **means},
            "scales": {"mins": [-8] * 3, "maxs": [8] * 3, "files": ["scales.webp"]},
            "quats": {"files": ["quats.webp"]},
            "sh0": {"mins": [-8] * 4, "maxs": [8] * 4, "files": ["sh0.webp"]},
            "shN": {"mins": -8, "maxs": 8, **rest},
        }
    members["meta.json"] = json.dumps(meta).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def colmap(path: Path, cloud: GaussianCloud) -> Path:
    """Points as COLMAP stores them, numbered with gaps, seen by none to four pictures each."""
    points = [
        (7 + 3 * row, *map(float, xyz), row % 256, 0, 255, row / 8, [(row, row + 1)] * (row % 5))
        for row, xyz in enumerate(cloud.xyz)
    ]
    if path.suffix == ".bin":
        records = [
            struct.pack("<Q3d3BdQ", *point[:-1], len(point[-1]))
            + b"".join(struct.pack("<ii", *pair) for pair in point[-1])
            for point in points
        ]
        path.write_bytes(struct.pack("<Q", len(points)) + b"".join(records))
        return path
    lines = [
        "# 3D point list with one line of data per point:",
        "#   POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)",
        f"# Number of points: {len(points)}, mean track length: 2",
    ]
    for *values, seen in points:
        lines.append(" ".join(map(str, [*values, *(number for pair in seen for number in pair)])))
    path.write_text("\n".join(lines) + "\n")
    return path


def spz4(path: Path, version3: Path) -> Path:
    """Version 4 of a version 3 file: the same streams, each a zstd frame."""
    import zstandard

    body = gzip.decompress(version3.read_bytes())
    _, _, count, degree, bits, flags, _ = struct.unpack_from("<4sIIBBBB", body)
    at, frames, entries = 16, b"", b""
    widths = [w for w in (9, 1, 3, 3, 4, 3 * ((degree + 1) ** 2 - 1)) if w]
    for width in widths:
        frame = zstandard.compress(body[at : at + count * width])
        entries += struct.pack("<QQ", len(frame), count * width)
        frames += frame
        at += count * width
    head = struct.pack("<4sIIBBBBI12x", b"NGSP", 4, count, degree, bits, flags, len(widths), 32)
    path.write_bytes(head + entries + frames)
    return path


def make_all(folder: Path, cloud: GaussianCloud) -> dict[str, Path]:
    """A small file of each format and of each of its variants."""
    made = make(folder, cloud) | checkpoints(folder)
    made["streamed_sog"] = streamed_sog(folder / "streamed", made["sog-2"])
    np.savez_compressed(folder / "npz-packed.npz", xyz=cloud.xyz, label=np.arange(len(cloud)))
    made["npz-packed"] = folder / "npz-packed.npz"
    made["zip"] = zipped(folder / "zip.zip", {"README.md": b"# A scene", "a/b.ply": made["ply"]})
    made["zip-stored"] = zipped(folder / "stored.zip", {"a.splat": made["splat"]}, zipfile.ZIP_STORED)
    return made


def zipped(path: Path, members: dict[str, bytes | Path], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of some bytes and of what some files hold, by the names of its members."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, body in members.items():
            archive.writestr(name, body.read_bytes() if isinstance(body, Path) else body)
    return path


def streamed_sog(folder: Path, level: Path) -> Path:
    """One level, a SOG beside its lod-meta.json, of which three leaves name some rows."""
    folder.mkdir()
    (folder / "0.sog").write_bytes(level.read_bytes())
    box = {"min": [0, 0, 0], "max": [1, 1, 1]}
    leaves = [
        {"bound": box, "lods": {"0": {"file": 0, "offset": first, "count": count}}}
        for first, count in ((0, 20), (25, 10), (40, 20))
    ]
    tree = {"bound": box, "children": [leaves[0], {"bound": box, "children": leaves[1:]}]}
    meta = {"lodLevels": 1, "environment": None, "filenames": ["0.sog"], "tree": tree}
    (folder / "lod-meta.json").write_text(json.dumps(meta))
    return folder / "lod-meta.json"


def checkpoints(folder: Path) -> dict[str, Path]:
    from tests.formats import trainers

    legacy = {"_use_new_zipfile_serialization": False}
    return {
        "checkpoint-zip": trainers.save(folder / "zip.pth", trainers.graphdeco(degree=1)),
        "checkpoint-legacy": trainers.save(folder / "legacy.pth", trainers.graphdeco(degree=1), **legacy),
        "checkpoint-r2": trainers.save(folder / "r2.pth", (trainers.r2_capture(), 1)),
        "checkpoint-lightning": trainers.save_lightning(folder / "epoch=300-step=30000.ckpt"),
        "pickle": trainers.save_pickle(folder / "point_cloud.pickle", trainers.r2_pickle()),
        "pickle-text": trainers.save_pickle(folder / "text.pickle", trainers.r2_pickle(), 0),
    }
