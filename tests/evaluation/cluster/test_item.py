"""A piece of work as it goes to another machine and comes home, without one; what is said where there is no Ray."""

import os
import pickle
import socket
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.evaluation.cluster import ray_pool
from gato_ros.evaluation.cluster.item import Item, Reply, run_item, write_files
from gato_ros.evaluation.cluster.sameness import Sameness, digest_of
from gato_ros.evaluation.collection import Collection, collect
from tests.evaluation.cluster.work import refuse, threads_and_tasks, write


def item(work, *arguments, reads=()):
    return Item(work, arguments, {}, os.getcwd(), Sameness.of(reads))


def done(one):
    """The item there and back, through bytes; its future here."""
    reply, future = pickle.loads(pickle.dumps(run_item(pickle.loads(pickle.dumps(one))))), Future()
    reply.settle(one, future)
    return future


def test_files_come_home_whole_and_leave_nothing(tmp_path):
    assert done(item(write, tmp_path / "out", ".failed/one", b"content")).result() == (7, True)
    assert (tmp_path / "out/.failed/one").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()] == ["one"]
    assert done(item(write, tmp_path / "out", ".failed/one", b"content")).result() == (7, True)


def test_an_error_is_the_same_as_it_was_there(tmp_path):
    future = done(item(refuse, "this"))
    with pytest.raises(SetupError, match="expected something else; got this; leave it") as caught:
        future.result()
    assert "in refuse" in str(caught.value.__cause__) and "work.py" in str(caught.value.__cause__)


def test_an_error_of_the_disk_at_home_is_the_items(tmp_path):
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(OSError):
        done(item(write, tmp_path / "out", "one", b"content")).result()


def test_files_stay_below_their_folder(tmp_path):
    with pytest.raises(SetupError, match="files below"):
        write_files(tmp_path / "out", {"../escaped": b"content"})
    assert not (tmp_path / "escaped").exists()


def test_other_weights_and_versions_are_refused(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/params").write_bytes(b"one")
    asked = item(write, tmp_path / "out", "one", b"", reads=[tmp_path / "weights", None, "a_shipped_name"])
    assert list(asked.sameness.digests) == [str(tmp_path / "weights")]
    run_item(asked)
    other = {str(tmp_path / "weights"): "0" * 64}
    for sameness, words in (
        (replace(asked.sameness, digests=other), "the same .*weights as .*; got another one"),
        (replace(asked.sameness, digests={"/no/such": "0"}), "got none"),
        (replace(asked.sameness, version="0.0.1"), "gato_ros 0.0.1 on .*install the same one"),
    ):
        with pytest.raises(SetupError, match=words):
            done(replace(asked, sameness=sameness)).result()
    assert not (tmp_path / "out").exists()


def test_a_digest_changes_with_names_and_contents(tmp_path):
    def of(name, content):
        for path in tmp_path.iterdir():
            path.unlink()
        (tmp_path / name).write_bytes(content)
        return digest_of(tmp_path)

    assert len({of("a", b"1"), of("b", b"1"), of("a", b"2")}) == 3 and of("a", b"1") == of("a", b"1")


def test_an_item_is_named_in_a_few_words(tmp_path):
    assert item(write, tmp_path, "one", b"x").named() == "write(one, b'x')"
    assert len(item(threads_and_tasks, "x" * 1000).named()) < 200 and Reply().error is None


def refused(tmp_path, address, words):
    with pytest.raises(SetupError, match=words):
        collect(Collection(tmp_path / "out", domain="tests/domains/toy_domain.py", episodes=1, ray=address))
    assert not (tmp_path / "out").exists()


def test_without_ray_it_says_how_to_install(tmp_path, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    monkeypatch.setattr(ray_pool, "find_spec", lambda name: None)
    refused(tmp_path, "auto", r"the package ray.*pip install gato_ros\[ray\]")


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: make test-ray")
def test_where_no_cluster_answers_one_line_comes_soon(tmp_path, monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)
    monkeypatch.setattr(ray_pool, "ANSWER_WITHIN_S", 12.0)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    for address in ("nonsense", "ray://127.0.0.1:10001", ":1", "host:x"):
        refused(tmp_path, address, "--ray auto or HOST:PORT")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # it takes the connection and says nothing
        port = silent.getsockname()[1]
        refused(tmp_path, f"127.0.0.1:{port}", "got no answer within 12 s; is the head up")
    refused(tmp_path, f"127.0.0.1:{port}", "Connection refused; is the head up")
    refused(tmp_path, "127.0.0.1:99999", "a Ray cluster at 127.0.0.1:99999")
    refused(tmp_path, "auto", "Could not find any running Ray instance.*is the head up")
