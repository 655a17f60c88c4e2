"""Fixtures of the tests of vendorsim's Jumio. One program serves a file's tests; each begins with a reset."""

import pytest
from jumio_sim import JumioSim, Receiver


@pytest.fixture(scope="module")
def process():
    sim = JumioSim()
    yield sim
    assert sim.stop() == 0


@pytest.fixture
def sim(process):
    process.control("reset")
    return process


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()
