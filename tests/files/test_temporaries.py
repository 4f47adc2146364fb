"""Outputs take their names only where they may, whatever happens while they are made."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import cli, formats
from gscli.cloud import GaussianCloud
from gscli.containers import npy
from gscli.errors import GscliError, WriteRefused
from gscli.files import folders, temporaries, writing

ROOT = Path(__file__).parents[2]
as_root = hasattr(os, "geteuid") and os.geteuid() == 0
needs_root = pytest.mark.skipif(not as_root, reason="root can give files away")


def put(path: Path, data: bytes = b"new", *, overwrite: bool = True) -> None:
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(data)


@pytest.fixture(params=[None, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS], ids=str)
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system with links, or one that refuses them: FAT does, and so do some over a network."""

    def refuse(source: Path, target: Path) -> None:
        raise OSError(request.param, os.strerror(request.param))

    if request.param is not None:
        monkeypatch.setattr(os, "link", refuse)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Path], object]], None]:
    """Has something done to an output's path at the last moment before the output takes it."""

    def plan(act: Callable[[Path], object]) -> None:
        for name in ("take_free_name", "take_free_place"):
            take = getattr(temporaries, name)

            def late(made: Path, target: Path, take: Callable[[Path, Path], None] = take) -> None:
                act(target)
                take(made, target)

            monkeypatch.setattr(temporaries, name, late)

    return plan


@pytest.mark.usefixtures("links")
def test_a_new_file_takes_a_free_name(tmp_path: Path) -> None:
    put(tmp_path / "out", overwrite=False)
    assert (tmp_path / "out").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").stat().st_nlink == 1


@pytest.mark.usefixtures("links")
def test_a_file_that_appears_while_one_is_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(WriteRefused, match="out: appeared while it was made; add overwrite=True to replace"):  # noqa: PT012, SIM117
        with writing.replacing(path, overwrite=False) as stream:
            stream.write(b"new")
            path.write_bytes(b"another's")
    assert path.read_bytes() == b"another's"
    assert os.listdir(tmp_path) == ["out"]
    put(path)
    assert path.read_bytes() == b"new"


@pytest.mark.usefixtures("links")
def test_one_of_several_runs_on_one_output_succeeds(tmp_path: Path) -> None:
    path, together, refused = tmp_path / "out", threading.Barrier(6), []

    def run(number: int) -> None:
        try:
            with writing.replacing(path, overwrite=False) as stream:
                stream.write(b"%d" % number)
                together.wait()
        except WriteRefused:
            refused.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert int(path.read_bytes()) not in refused
    assert os.listdir(tmp_path) == ["out"]


def test_a_name_that_was_held_is_free_again_if_the_file_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*names: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(GscliError, match="cannot be written"):
        put(tmp_path / "out", overwrite=False)
    assert os.listdir(tmp_path) == []


def test_a_link_that_was_made_twice_over_a_network_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def answer_late(source: Path, target: Path) -> None:
        link(source, target)
        raise FileExistsError

    monkeypatch.setattr(os, "link", answer_late)
    put(tmp_path / "out", overwrite=False)
    assert (tmp_path / "out").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("name", [form.name for form in formats.FORMATS if form.writer is not None])
def test_no_format_replaces_what_appears(
    name: str, scene: GaussianCloud, tmp_path: Path, meanwhile: Callable[..., None]
) -> None:
    form = formats.FORMATS.get(name)
    path = tmp_path / f"out{form.suffixes[0]}"
    held = path / "thesis.tex" if form.folder else path

    def write_thesis(target: Path) -> None:
        held.parent.mkdir(exist_ok=True)
        held.write_text("...")

    meanwhile(write_thesis)
    with pytest.raises(WriteRefused, match="appeared while it was made"):
        formats.write(f"{path}/" if form.folder else path, scene, allow_lossy=True)
    assert held.read_text() == "..."
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("before", [True, False], ids=["replaced", "new"])
def test_the_last_of_several_runs_that_may_replace_a_folder_does(
    scene: GaussianCloud, tmp_path: Path, meanwhile: Callable[..., None], before: bool
) -> None:
    others = [scene[:10], scene[:20]]
    for number, other in enumerate(others):
        formats.write(f"{tmp_path}/other{number}/", other, allow_lossy=True)
    if before:
        formats.write(f"{tmp_path}/out/", scene[:5], allow_lossy=True)
    waiting = iter([tmp_path / "other0", tmp_path / "other1"])

    def be_quicker(target: Path) -> None:
        if (other := next(waiting, None)) is not None:
            other.rename(target)

    meanwhile(be_quicker)
    formats.write(f"{tmp_path}/out/", scene[:30], allow_lossy=True, overwrite=True)
    assert len(formats.read(tmp_path / "out")) == 30
    assert os.listdir(tmp_path) == ["out"]


def test_a_command_that_was_forestalled_exits_with_4(
    scene_file: Path, meanwhile: Callable[..., None]
) -> None:
    out = scene_file.with_name("out.ply")
    meanwhile(lambda target: target.write_text("another's"))
    done = CliRunner().invoke(cli.main, ["resample", str(scene_file), str(out), "--no-cache"])
    assert done.exit_code == 4
    assert out.read_text() == "another's"


@pytest.mark.parametrize("mode", [0o640, 0o4755, 0o2755, 0o6711, 0o1604])
def test_permissions_are_kept_but_none_to_run_as_another(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    path.touch()
    path.chmod(mode)
    put(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode & 0o777


@needs_root
@pytest.mark.parametrize("mode", [0o600, 0o6750])
def test_the_owner_of_a_replaced_file_keeps_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    path.touch()
    os.chown(path, 65534, 65533)
    path.chmod(mode)
    put(path)
    about = path.stat()
    assert (about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)) == (65534, 65533, mode & 0o777)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL])  # the latter of a user unknown in a container
def test_a_file_that_may_not_be_given_away_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*arguments: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fchown", refuse)
    path = tmp_path / "out"
    path.touch(0o640)
    put(path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_nobody_else_may_look_into_a_secret_file_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch(0o600)
    with writing.replacing(path, overwrite=True):
        (temporary,) = tmp_path.glob(f".out.*{temporaries.SUFFIX}")
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600


@pytest.fixture
def folder(tmp_path: Path, scene: GaussianCloud) -> Path:
    """A scene folder with a grid and its numbers."""
    path = tmp_path / "room"
    formats.write(f"{path}/", scene, allow_lossy=True)
    np.savez(
        path / "lang_feat_grid_svd_r8.npz", indices=np.zeros(len(scene), "i8"), compressed=np.ones((1, 8))
    )
    (path / "grid_meta_data.json").write_text("{}")
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_scene_folder_is_replaced_whole(folder: Path, make_scene: Callable[..., GaussianCloud]) -> None:
    formats.write(f"{folder}/", make_scene(7), overwrite=True, allow_lossy=True)
    assert sorted(os.listdir(folder)) == [
        "color.npy",
        "coord.npy",
        "normal.npy",
        "opacity.npy",
        "quat.npy",
        "scale.npy",
    ]
    assert os.listdir(folder.parent) == ["room"]


@pytest.mark.parametrize(
    "name",
    [".git/HEAD", "images/0.png", "notes.txt", "weights.npz", "coord.npy.bak", "grid/coord.npy", ".env"],
)
def test_a_scene_folder_is_not_replaced_if_it_holds_anything_else(
    folder: Path, name: str, make_scene: Callable[..., GaussianCloud]
) -> None:
    stranger = folder / name
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("precious")
    before = everything(folder)
    what = f"which would be deleted: {name.split('/')[0]}; move that away"
    with pytest.raises(WriteRefused, match=what):
        formats.write(f"{folder}/", make_scene(7), overwrite=True, allow_lossy=True)
    assert everything(folder) == before
    assert os.listdir(folder.parent) == ["room"]


def test_a_command_refuses_to_delete_what_is_no_scene_before_it_begins(
    folder: Path, scene_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".git").mkdir()
    arguments = ["convert", str(scene_file), f"{folder}/", "--overwrite", "--allow-lossy"]
    monkeypatch.setattr(formats.Source, "read", None)
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 4
    assert done.stderr.strip().endswith(
        "room/: holds more than a scene's arrays and grids, which would be deleted: .git; "
        "move that away, or write to another folder"
    )


def test_files_that_a_scene_folder_passes_on_may_be_written_again_but_not_when_they_changed(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "notes.txt").write_text("kept")
    cloud, copy = formats.read(folder), tmp_path / "copy"
    formats.write(f"{copy}/", cloud)
    for target in (copy, folder):
        formats.write(f"{target}/", cloud, overwrite=True)
    assert (copy / "notes.txt").read_text() == (folder / "notes.txt").read_text() == "kept"
    (copy / "notes.txt").write_text("amended")
    with pytest.raises(WriteRefused, match=r"notes\.txt"):
        formats.write(f"{copy}/", formats.read(folder), overwrite=True)
    assert (copy / "notes.txt").read_text() == "amended"


@pytest.mark.parametrize("name", [".git", "notes.txt"])
def test_what_comes_into_a_scene_folder_while_it_is_replaced_stays_there(
    folder: Path, name: str, make_scene: Callable[..., GaussianCloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = npy.write

    def late(*arguments: Any) -> None:
        (folder / name).write_text("precious")
        write(*arguments)

    monkeypatch.setattr(npy, "write", late)
    before = everything(folder)
    with pytest.raises(WriteRefused, match="room/: holds more than"):
        formats.write(f"{folder}/", make_scene(7), overwrite=True, allow_lossy=True)
    assert everything(folder) == before | {name: b"precious"}
    assert os.listdir(folder.parent) == ["room"]


def test_what_another_folder_has_taken_the_place_of_is_kept_beside_it(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "diary.txt").write_text("precious")

    def refuse(old: Path, new: Path | None) -> None:
        if new is not None:
            room.mkdir()
            (room / "coord.npy").write_text("another's")
            raise WriteRefused("holds a diary")

    refused = pytest.raises(WriteRefused, match=rf"what was there before is {tmp_path}/\.room\.\w+\.old$")
    with refused, folders.replacing(room, overwrite=True, refuse=refuse):
        pass
    kept, held = sorted(os.listdir(tmp_path))
    assert (tmp_path / kept / "diary.txt").read_text() == "precious"
    assert (tmp_path / held / "coord.npy").read_text() == "another's"


def test_a_scene_folder_that_is_replaced_passes_on_its_permissions(
    folder: Path, make_scene: Callable[..., GaussianCloud]
) -> None:
    folder.chmod(0o750)
    (folder / "coord.npy").chmod(0o640)
    formats.write(f"{folder}/", make_scene(7), overwrite=True, allow_lossy=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert stat.S_IMODE((folder / "coord.npy").stat().st_mode) == 0o640


def test_one_of_two_runs_on_one_scene_folder_succeeds(
    tmp_path: Path, make_scene: Callable[..., GaussianCloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    together, done = threading.Barrier(2), []
    take = temporaries.take_free_place

    def meet(new: Path, target: Path) -> None:
        together.wait()
        take(new, target)

    monkeypatch.setattr(temporaries, "take_free_place", meet)

    def run(points: int) -> None:
        try:
            formats.write(f"{tmp_path}/room/", make_scene(points), allow_lossy=True)
            done.append(points)
        except WriteRefused:
            done.append(-points)

    threads = [threading.Thread(target=run, args=(points,)) for points in (7, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (points for points in done if points > 0)
    assert len(done) == 2
    assert len(formats.read(tmp_path / "room")) == winner
    assert os.listdir(tmp_path) == ["room"]


HOLDING = """
import os, sys
from pathlib import Path
from typing import Any
from gscli.files import folders, temporaries, writing
def wait():
    print(flush=True)
    sys.stdin.read()
if sys.argv[2] == "file":
    with writing.replacing(sys.argv[1], overwrite=True) as stream:
        stream.write(bytes(1 << 21))
        wait()
elif sys.argv[2] == "folder":
    with folders.replacing(sys.argv[1], overwrite=True, refuse=lambda *_: None) as folder:
        (folder / "coord.npy").write_bytes(b"half")
        wait()
else:
    temporaries.take_free_place = lambda *_: wait()
    with folders.replacing(sys.argv[1], overwrite=True, refuse=lambda *_: None) as folder:
        (folder / "coord.npy").write_bytes(b"half")
"""


@contextmanager
def writer(path: Path, what: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the middle of writing a file or a folder, or between its last two moves."""
    line = [sys.executable, "-c", HOLDING, str(path), what]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def leftovers(folder: Path) -> list[Path]:
    return sorted(folder.glob(f".*{temporaries.SUFFIX}"))


@pytest.mark.parametrize("name", ["out.ply", "n" * 200])
def test_what_a_killed_run_left_goes_with_the_next_run_on_that_output(tmp_path: Path, name: str) -> None:
    with writer(tmp_path / name, "file"), writer(tmp_path / "other", "file"):
        assert len(leftovers(tmp_path)) == 2
    put(tmp_path / name)
    (other,) = leftovers(tmp_path)
    assert other.name.startswith(".other.")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_being_written_stays(tmp_path: Path, what: str) -> None:
    with writer(tmp_path / "out", what) as process:
        before = leftovers(tmp_path)
        assert temporaries.sweep(tmp_path, ["out"]) == 0
        assert leftovers(tmp_path) == before != []
        process.communicate()
        assert process.returncode == 0
    assert (tmp_path / "out").exists()
    assert leftovers(tmp_path) == []


def test_threads_of_one_process_do_not_sweep_each_other(tmp_path: Path) -> None:
    with writing.replacing(tmp_path / "out", overwrite=True) as stream:
        put(tmp_path / "out", b"first")
        stream.write(b"second")
    assert (tmp_path / "out").read_bytes() == b"second"


def test_a_half_written_folder_goes_with_the_next_run(folder: Path, scene: GaussianCloud) -> None:
    with writer(folder, "folder"):
        assert leftovers(folder.parent)
    formats.write(f"{folder}/", scene, overwrite=True, allow_lossy=True)
    assert os.listdir(folder.parent) == ["room"]


def test_a_folder_is_back_after_a_kill_between_the_last_two_moves(folder: Path, scene: GaussianCloud) -> None:
    before = everything(folder)
    with writer(folder, "moves"):
        assert not folder.exists()
    with pytest.raises(WriteRefused, match="room/: exists already"):
        formats.write(f"{folder}/", scene, allow_lossy=True)
    assert everything(folder) == before
    assert os.listdir(folder.parent) == ["room"]


def test_a_command_sweeps_what_a_killed_one_left(scene_file: Path) -> None:
    for name in ("half.ply", "half.json", "rows.npy"):
        (scene_file.parent / f".{name}.0123abcd{temporaries.SUFFIX}").write_bytes(b"half")
    arguments = [
        "resample",
        "scene.ply",
        "half.ply",
        "--report",
        "half.json",
        "--index",
        "rows.npy",
        "--no-cache",
    ]
    done = subprocess.run([sys.executable, "-m", "gscli", *arguments], cwd=scene_file.parent, check=False)
    assert done.returncode == 0
    assert leftovers(scene_file.parent) == []


@pytest.mark.parametrize("age, left", [(0.0, 1), (2 * temporaries.DAY, 0)])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_without_locks_what_has_not_changed_for_a_day_counts_as_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, left: int, what: str
) -> None:
    def refuse(*arguments: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with writer(tmp_path / "out", what):
        (path,) = leftovers(tmp_path)
    then = time.time() - age
    os.utime(path / "lock" if what == "folder" else path, (then, then))
    monkeypatch.setattr(fcntl, "flock", refuse)
    temporaries.sweep(tmp_path, ["out"])
    assert len(leftovers(tmp_path)) == left
    put(tmp_path / "another")
    assert (tmp_path / "another").read_bytes() == b"new"


def test_what_is_swept_before_it_is_held_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, swept = temporaries._lock, []

    def late(number: int) -> bool | None:
        if not swept:
            swept.append(number)
            swept.append(temporaries.sweep(tmp_path, ["out", "room"]))
        return lock(number)

    monkeypatch.setattr(temporaries, "_lock", late)
    put(tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"new"
    assert swept.pop() == 1
    swept.clear()
    with folders.replacing(tmp_path / "room", overwrite=False, refuse=lambda *_: None) as new:
        (new / "coord.npy").touch()
    assert swept.pop() == 1
    assert sorted(os.listdir(tmp_path)) == ["out", "room"]


def test_nothing_else_is_swept(tmp_path: Path) -> None:
    kept = [".out.0123abcd.txt", f".out.notahexa{temporaries.SUFFIX}", f"out.0123abcd{temporaries.SUFFIX}"]
    kept += [f".out.b.0123abcd{temporaries.SUFFIX}"]
    for name in kept:
        (tmp_path / name).touch()
    fifo, link = (f".out.{n:08x}{temporaries.SUFFIX}" for n in (1, 2))
    os.mkfifo(tmp_path / fifo)
    (tmp_path / link).symlink_to(kept[0])
    put(tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, fifo, link, "out"])


def test_scratch_folders_of_killed_processes_go_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporaries.folder("gscli-laz") as held:
        (held / "points.las").touch()
        (left,) = leftovers(tmp_path)
        assert stat.S_IMODE(left.stat().st_mode) == 0o700
        dead = left.with_name(left.name.replace(left.name[-18:-10], "0123abcd"))
        shutil.copytree(left, dead)
        with temporaries.folder("gscli-laz"):
            assert (held / "points.las").exists()
            assert not dead.exists()
    assert os.listdir(tmp_path) == []
