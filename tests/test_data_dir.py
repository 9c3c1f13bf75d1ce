"""data_dir.py: laid out once, refused when others may read it, keys that only grow."""

import base64
import errno
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.data_dir import DataDir, DataDirError, KeyFile

KEY = base64.urlsafe_b64encode(bytes(32)).decode()


def laid_out(tmp_path: Path) -> DataDir:
    data = DataDir(tmp_path / "d", {})
    data.create(os.urandom)
    return data


def test_it_is_laid_out_with_narrow_modes(tmp_path: Path) -> None:
    data = laid_out(tmp_path)
    assert data.path.stat().st_mode & 0o777 == 0o700
    assert (data.secrets / "pepper").stat().st_mode & 0o777 == 0o600
    assert len(data.keys("pepper").keys["pepper-1"]) == 32
    data.check()


def test_laying_it_out_again_changes_nothing(tmp_path: Path) -> None:
    data = laid_out(tmp_path)
    before = data.keys("pepper").keys
    data.settings.write_text("# mine\n")
    assert data.create(os.urandom) is False
    assert data.keys("pepper").keys == before
    assert data.settings.read_text() == "# mine\n"


@pytest.mark.parametrize(("path", "mode"), [("secrets/pepper", 0o640), ("secrets", 0o755)])
def test_secrets_that_others_may_read_are_refused(tmp_path: Path, path: str, mode: int) -> None:
    data = laid_out(tmp_path)
    (data.path / path).chmod(mode)
    with pytest.raises(DataDirError, match="chmod -R go-rwx"):
        data.keys("pepper")


def test_an_added_key_is_current_and_the_old_one_stays(tmp_path: Path) -> None:
    data = laid_out(tmp_path)
    first = data.keys("sealing").keys["sealing-1"]
    assert data.add_key("sealing", os.urandom) == "sealing-2"
    found = data.keys("sealing")
    assert found.current == "sealing-2"
    assert found.keys["sealing-1"] == first
    assert (data.secrets / "sealing").stat().st_mode & 0o777 == 0o600


def test_the_environment_may_hold_the_keys(tmp_path: Path) -> None:
    data = DataDir(tmp_path, {"DOORWARD_SECRETS__PEPPER": f"a {KEY},b {KEY}"})
    assert data.keys("pepper").current == "b"


def test_a_folder_that_was_never_laid_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="doorward init --data"):
        DataDir(tmp_path / "none", {}).check()


def test_missing_and_broken_keys_tell_the_mend_and_no_secret(tmp_path: Path) -> None:
    data = laid_out(tmp_path)
    (data.secrets / "pepper").write_text("pepper-1 c2hvcnQ=\n")
    with pytest.raises(DataDirError, match="32 bytes") as caught:
        data.keys("pepper")
    assert "c2hvcnQ" not in str(caught.value)
    (data.secrets / "pepper").unlink()
    with pytest.raises(DataDirError, match="restore it from your backup"):
        data.keys("pepper")


def at_once(path: Path, *words: str, times: int = 8) -> list[dict[str, object]]:
    """What each of several processes answered that all began together."""
    command = [sys.executable, "-m", "doorward", *words, "--json", "--data", str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(times)]
    answers = []
    for each in running:
        out, err = each.communicate(timeout=60)
        assert each.returncode == 0, err
        answers.append(json.loads(out))
    return answers


def test_eight_that_lay_it_out_at_once_make_one_installation(tmp_path: Path) -> None:
    answers = at_once(tmp_path / "d", "init")
    assert sorted(answer["new"] is True for answer in answers) == [False] * 7 + [True]
    data = DataDir(tmp_path / "d", {})
    assert list(data.keys("pepper").keys) == ["pepper-1"]
    assert list(data.keys("sealing").keys) == ["sealing-1"]
    with sqlite3.connect(data.database) as db:
        assert db.execute("SELECT count(*) FROM signing_keys").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM journal WHERE kind = 'installed'").fetchone() == (1,)
    db.close()


def test_eight_that_rotate_at_once_add_eight_keys(tmp_path: Path) -> None:
    data = laid_out(tmp_path)
    ids = {str(answer["id"]) for answer in at_once(data.path, "rotate", "pepper")}
    assert ids == {f"pepper-{number}" for number in range(2, 10)}
    assert set(data.keys("pepper").keys) == {"pepper-1", *ids}
    assert sorted(path.name for path in data.secrets.iterdir()) == [".lock", "pepper", "sealing"]


def test_a_full_disk_is_one_sentence_and_the_keys_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = laid_out(tmp_path)
    before = data.keys("pepper")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DataDirError, match="No space left"):
            data.add_key("pepper", os.urandom)
    assert data.keys("pepper") == before
    assert not list(data.secrets.glob(".pepper*"))
    assert data.add_key("pepper", os.urandom) == "pepper-2"


def test_a_key_is_added_to_a_file_that_was_written_by_hand(tmp_path: Path) -> None:
    data = laid_out(tmp_path)
    (data.secrets / "pepper").write_text(f"mine {KEY}")
    assert data.add_key("pepper", os.urandom) == "pepper-1"
    assert list(data.keys("pepper").keys) == ["mine", "pepper-1"]


def test_no_key_is_shown_in_repr() -> None:
    assert repr(KeyFile.parse(f"a {KEY}", "here")) == "KeyFile(a)"


@given(st.text(max_size=120))
def test_any_key_text_is_read_or_refused(text: str) -> None:
    try:
        found = KeyFile.parse(text, "here")
    except DataDirError as reason:
        assert str(reason).startswith("here")
    else:
        assert all(len(key) == 32 for key in found.keys.values())


def test_the_authoritys_certificate_is_kept_whole_and_for_this_user_alone(tmp_path: Path) -> None:
    place = DataDir(tmp_path / "d", {})
    place.create(os.urandom)
    for text in ("one\n", "two\n", "two\n"):
        place.keep_ca(text)
        assert place.ca.read_text() == text
    assert [path.name for path in place.ca.parent.iterdir()] == ["ca.pem"]
    assert (place.ca.stat().st_mode & 0o777, place.ca.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    place.ca.unlink()
    place.ca.mkdir()
    with pytest.raises(DataDirError, match="kept in the store"):
        place.keep_ca("three\n")
