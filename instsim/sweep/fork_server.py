"""A process that has loaded what workers need, and that they are copies of: they start at once, and it loads while this process plans."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing import forkserver, resource_tracker

from instsim.threads import ONE_THREAD

__all__ = ["START_METHOD", "start_fork_server"]

START_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""How workers are started. A copy of this very process is out of the question: it has threads."""

_LOADED = ["distributed", "instsim.sweep.keeper", "instsim.session.swapping", "instsim.swap.runner", "instsim.isa.thumb", "tflite"]


def start_fork_server() -> None:
    """Start the process that workers are copies of, if it does not run yet; it ends with this one."""
    if START_METHOD != "forkserver":
        return
    multiprocessing.get_context(START_METHOD).set_forkserver_preload(_LOADED)
    # This would start the other one as well, and unblock the signal.
    resource_tracker.ensure_running()
    # Ctrl-C on a terminal reaches all processes, and is for this one, which ends the others: they are started with it blocked.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    own = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in own.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
