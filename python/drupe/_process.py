"""The parts of the package that a process has once: the log thread, and the end.

The interpreter must not end while a worker thread can still enter it, so the exit waits for the
workers, as it does for every thread that is no daemon.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
import traceback
import weakref

from . import _drupe

_engines: 'weakref.WeakSet[_drupe.Engine]' = weakref.WeakSet()
_log_thread = None
_is_ending = False
_lock = threading.Lock()


def register(engine):
    """Stop `engine` at the exit of the interpreter, and start the log thread.

    `RuntimeError` if gevent or eventlet has replaced threads: a native wait would stop all greenlets.
    """
    global _log_thread
    monkey = sys.modules.get('gevent.monkey')
    if monkey is not None and monkey.is_module_patched('threading'):
        raise RuntimeError(
            'gevent has patched the module threading, and drupe needs native threads; '
            'call gevent.monkey.patch_all(thread=False)')
    patcher = sys.modules.get('eventlet.patcher')
    if patcher is not None and patcher.is_monkey_patched('thread'):
        raise RuntimeError(
            'eventlet has patched the module thread, and drupe needs native threads; '
            'call eventlet.monkey_patch(thread=False)')
    with _lock:
        _engines.add(engine)
        if _log_thread is None and not _is_ending:
            _log_thread = threading.Thread(target=_log, name='drupe-log', daemon=True)
            _log_thread.start()


def _log():
    while not _is_ending:
        log_waiting_records(5)
    log_waiting_records(0)


def log_waiting_records(seconds):
    """Pass records of the server to `logging`; wait for the first for at most `seconds`."""
    for level, name, text in _drupe.next_records(seconds):
        try:
            logging.getLogger(name).log(level, '%s', text)
        except Exception:
            # A handler or filter of the program has failed. Later records must not be lost.
            with contextlib.suppress(Exception):
                traceback.print_exc()


@atexit.register
def _end():
    global _is_ending
    try:
        for engine in list(_engines):
            engine.stop()
        for engine in list(_engines):
            while not engine.wait_for_workers(0.1):
                pass
    except BaseException as error:
        # A worker that enters an interpreter at its end aborts the process.
        _print('drupe: interrupted while handlers run; the process ends at once')
        _exit(130 if isinstance(error, KeyboardInterrupt) else _code_of(error))
    _is_ending = True
    # A forked child has no such thread, and perhaps a lock whose holder is gone.
    if _log_thread is not None:
        _drupe.wake_records()
        _log_thread.join()


def end_child(error):
    """End a forked child that leaves a handler; `error` is the exception that it raises, or `None`.

    The connection is that of the parent, so there is nothing that the child could answer.
    """
    if error is None:
        _print('drupe: a forked child returned from a handler; only the parent answers')
    _exit(1 if error is None else _code_of(error))


def _code_of(error):
    """Return the exit code for `error`, and print it unless it is a `SystemExit` with a code."""
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return error.code or 0
    _print(''.join(traceback.format_exception(error)).rstrip('\n'))
    return 1


def _print(text):
    """Write `text` to `sys.stderr`, if possible. The process must end in any case."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f'{text}\n')


def _exit(code):
    """End the process at once, without the end of the interpreter."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code & 0xff)


def _after_fork():
    global _log_thread, _lock
    _drupe.note_fork()
    # The child has neither the threads of the parent nor the holder of the lock.
    _log_thread = None
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
