from __future__ import annotations

import os
import signal
import threading

import pytest

from rawbench.training.stopping import stop_requests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_and_the_former_handlers_come_back(number):
    former = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    with stop_requests() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert {one: signal.getsignal(one) for one in former} == former


def test_a_second_ctrl_c_interrupts():
    with pytest.raises(KeyboardInterrupt), stop_requests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(5)
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(5)


def test_outside_the_main_thread_there_is_nothing_to_ask():
    found: list[bool] = []

    def body() -> None:
        with stop_requests() as stop:
            found.append(stop.is_set())

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [False]
