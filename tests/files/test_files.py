from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from gscli import doctor, files
from gscli.errors import GscliError, InputError, WriteRefused
from gscli.files import folders, writing

ROOT = Path(__file__).parents[2]
as_root = hasattr(os, "geteuid") and os.geteuid() == 0


def put(path: Path, data: bytes = b"new", **options: bool) -> None:
    with writing.replacing(path, **{"overwrite": True, **options}) as stream:
        stream.write(data)


def test_a_file_takes_its_name_when_it_is_complete(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with writing.replacing(path, overwrite=True, sync=True) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, BrokenPipeError])
def test_whatever_interrupts_a_write_leaves_the_old_file_and_passes_on(tmp_path, error):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(error), writing.replacing(path, overwrite=True) as stream:  # noqa: PT012
        stream.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_interrupted_first_write_leaves_nothing(tmp_path):
    with pytest.raises(ValueError), writing.replacing(tmp_path / "out", overwrite=False):  # noqa: PT011
        raise ValueError
    assert os.listdir(tmp_path) == []


def test_existing_files_are_refused_unless_overwriting(tmp_path):
    path = tmp_path / "out"
    put(path, b"old", overwrite=False)
    with pytest.raises(WriteRefused, match="out: exists already; add overwrite=True"):
        put(path, overwrite=False)
    assert path.read_bytes() == b"old"
    put(path)
    assert path.read_bytes() == b"new"


def test_folders_are_never_replaced(tmp_path):
    with pytest.raises(WriteRefused, match="is a folder; name a file in it"):
        put(tmp_path)


def test_a_missing_folder_is_named(tmp_path, monkeypatch):
    with pytest.raises(GscliError, match=f"there is no folder {tmp_path}/a/b; make it first") as caught:
        put(tmp_path / "a" / "b" / "out")
    assert caught.value.exit_code == 1
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").touch()
    with pytest.raises(GscliError, match=r"plain/out: cannot be written \(Not a directory\)"):
        put(Path("plain/out"))
    (tmp_path / "link").symlink_to(tmp_path / "a" / "out")
    with pytest.raises(GscliError, match=f"link: cannot be written: there is no folder {tmp_path}/a; make"):
        writing.check_outputs([tmp_path / "link"], overwrite=False)


@pytest.mark.skipif(as_root, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(GscliError, match="permission denied; check the permissions of"):
        put(tmp_path / "out")


@pytest.mark.skipif(as_root, reason="root may read anything")
def test_a_file_without_permission_cannot_be_read(tmp_path):
    path = tmp_path / "in"
    path.touch(0o000)
    with pytest.raises(InputError, match="in: cannot be read; check its permissions"):
        files.require_readable(path)


def test_the_longest_names_can_be_written(tmp_path):
    name = "n" * os.pathconf(tmp_path, "PC_NAME_MAX")
    put(tmp_path / name)
    assert os.listdir(tmp_path) == [name]


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    put(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_permissions_of_a_replaced_file_are_kept_and_new_ones_follow_the_mask(tmp_path):
    path = tmp_path / "out"
    old = os.umask(0o027)
    try:
        put(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    put(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_an_open_reader_keeps_the_old_bytes(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        put(path)
        assert reader.read() == b"old"


def test_a_named_pipe_is_written_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    put(pipe, overwrite=False)
    reader.join()
    assert received == [b"new"]
    assert pipe.is_fifo()


def test_concurrent_writers_leave_one_whole_file(tmp_path):
    path = tmp_path / "out"
    parts = [bytes([65 + i]) * 3_000_000 for i in range(4)]
    threads = [threading.Thread(target=put, args=(path, part)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in parts
    assert os.listdir(tmp_path) == ["out"]


def python(script: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    imports = "import sys\nfrom gscli import files\nfrom gscli.files import writing\n"
    line = [sys.executable, "-c", imports + script]
    return subprocess.run(line, cwd=ROOT, **{"capture_output": True, **options})  # type: ignore[call-overload]


def test_a_dash_is_stdout():
    done = python("with writing.replacing('-', overwrite=False) as s: s.write(b'data')", check=True)
    assert done.stdout == b"data"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("path", ["-", "/dev/full"])
def test_a_full_device_is_one_line(path):
    script = f"""
try:
    with writing.replacing({path!r}, overwrite=True) as s: s.write(bytes(1 << 20))
except files.GscliError as error:
    print(error, file=sys.stderr)
"""
    with open("/dev/full", "wb", buffering=0) as full:
        done = python(script, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    name = "<stdout>" if path == "-" else path
    told = f"{name}: cannot be written (No space left on device); free some space"
    assert done.stderr.decode().splitlines() == [told]


def test_spooled_stdin_reads_again_and_again():
    script = """
with files.spooled_stdin() as path:
    first, second = path.open("rb"), path.open("rb")
    assert first.read(3) == b"abc"
    assert second.read() == path.read_bytes() == b"abcdef" * 500_000
    assert path.stat().st_size == 3_000_000
    print(path.resolve().exists())
"""
    done = python(script, input=b"abcdef" * 500_000, check=True)
    assert done.stdout == b"False\n"  # it has no name


def test_stdin_that_cannot_be_spooled_names_the_folder():
    script = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with files.spooled_stdin(): pass
except files.GscliError as error:
    print(error)
"""
    done = python(script, input=bytes(5000), check=True)
    assert b"cannot spool stdin to " in done.stdout
    assert b"point TMPDIR at a folder with room" in done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "absent: no such file; check the path"), ("a/b", "no such file"), ("\0", "null byte")],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, message):
    with pytest.raises(InputError, match=message) as caught:
        files.require_readable(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_files_and_folders_can_be_read(tmp_path):
    (tmp_path / "file").touch()
    files.require_readable(tmp_path)
    files.require_readable(tmp_path / "file")


@pytest.fixture
def folder_of_nobody():
    """A folder, asked about by somebody who is not root, to whom every folder is open."""
    folder = Path(tempfile.mkdtemp())
    if as_root:
        os.setreuid(65534, -1)
    yield folder
    if as_root:
        os.setreuid(0, -1)
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize("mode, refused", [(0o777, False), (0o555, True), (0o666, True)])
@pytest.mark.parametrize("name", ["out", "new/sub/out"])
def test_a_folder_that_may_not_be_written_to_is_refused_beforehand(folder_of_nobody, mode, refused, name):
    folder_of_nobody.chmod(mode)
    path = folder_of_nobody / name
    refusal = pytest.raises(
        GscliError, match=f"permission denied; check the permissions of {folder_of_nobody}"
    )
    with refusal if refused else nullcontext():
        writing.check_outputs([path], overwrite=False, will_be_made=[path.parent])
    assert list(folder_of_nobody.iterdir()) == []


def test_doctor_says_that_a_cache_open_to_others_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setenv("GSCLI_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o777)
    (cache,) = (finding for finding in doctor.examine() if finding.kind == "cache")
    assert (cache.works, cache.detail) == (False, f"{tmp_path} may be written to by other users")
    tmp_path.chmod(0o700)


def test_doctor_says_whether_the_cache_can_be_written(folder_of_nobody, monkeypatch):
    monkeypatch.setenv("GSCLI_CACHE_DIR", str(folder_of_nobody / "cache"))
    for mode, works in ((0o777, True), (0o555, False)):
        folder_of_nobody.chmod(mode)
        (cache,) = (finding for finding in doctor.examine() if finding.kind == "cache")
        assert cache.works == works


def test_a_full_disk_is_told_with_its_folder_and_what_was_free(tmp_path, monkeypatch):
    free = SimpleNamespace(free=12_340_000)
    monkeypatch.setattr("shutil.disk_usage", {tmp_path: free}.__getitem__)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(files.GscliError) as caught, writing.replacing(tmp_path / "x", overwrite=False):
        raise full
    assert str(caught.value) == (
        f"{tmp_path}/x: cannot be written (No space left on device); "
        f"free some space in {tmp_path}, where 12.3 MB did not suffice"
    )


def test_a_full_disk_is_told_by_the_name_of_the_folder_that_is_made(tmp_path, monkeypatch):
    """Not by that of the hidden one beside it, which is gone by then."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=12_340_000))
    levels = tmp_path / "levels"
    with (
        pytest.raises(files.GscliError) as caught,
        folders.replacing(levels, overwrite=False, refuse=lambda old, new: None) as new,
        writing.replacing(new / "1.ply", overwrite=False),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == (
        f"{levels}/1.ply: cannot be written (No space left on device); "
        f"free some space in {tmp_path}, where 12.3 MB did not suffice"
    )
    assert list(tmp_path.iterdir()) == []
