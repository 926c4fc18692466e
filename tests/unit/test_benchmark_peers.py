"""Peers of the benchmarks that cannot be had are named with the reason, and never fatal."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import contestants
from benchmarks.peers import DEFAULT_PEERS, PEERS, nginx
from benchmarks.peers.contract import Absent, Place
from benchmarks.peers.naive import Naive

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(nginx, "ALSO_LOOKED_IN", ())
    return Place(NOWHERE, tmp_path, "postgresql://nobody@127.0.0.1:1/none")


def test_a_machine_without_anything_has_no_peers_and_says_why(bare_machine: Place) -> None:
    said: list[str] = []
    with ExitStack() as ending:
        standing, skipped = contestants._started(DEFAULT_PEERS, bare_machine, ending, said.append)
    assert standing == []
    assert set(skipped) == set(DEFAULT_PEERS)
    assert skipped["nginx"] == "there is no nginx on the PATH"
    assert skipped["fastify"] == "there is no node and no npm on the PATH"
    assert skipped["naive"].startswith("the stack's PostgreSQL refused")
    assert len(said) == len(DEFAULT_PEERS)


def test_a_peer_that_fails_to_start_is_ended_and_left_out(bare_machine: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    class Broken(Naive):
        name = "broken"

        def start(self, place: Place) -> None:
            raise Absent("it will not")

        def stop(self) -> None:
            ended.append(self.name)

    monkeypatch.setitem(PEERS, "broken", Broken)
    with ExitStack() as ending:
        standing, skipped = contestants._started(("broken",), bare_machine, ending, lambda _: None)
    assert (standing, skipped, ended) == ([], {"broken": "it will not"}, ["broken"])
