"""Threads, descriptors and objects stay as many as they are, whatever an application does."""

import gc
import logging
import os
import sys
import tempfile
import threading

import pytest


def of_a_list(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'block']


def of_a_generator(environ, start_response):
    start_response('200 OK', [('Content-Length', '10')])
    yield b'block'
    yield b'block'


def by_write(environ, start_response):
    write = start_response('200 OK', [('Content-Length', '10')])
    write(b'block')
    write(b'block')
    return []


def of_a_file(environ, start_response):
    file = tempfile.TemporaryFile()
    file.write(b'block')
    file.seek(0)
    start_response('200 OK', [('Content-Length', '5')])
    return environ['wsgi.file_wrapper'](file)


def by_reading(environ, start_response):
    lines = list(environ['wsgi.input'])
    start_response('200 OK', [('Content-Length', '5')])
    return lines


def failing(environ, start_response):
    raise ValueError('on purpose')


def failing_in_an_iteration(environ, start_response):
    start_response('200 OK', [])
    raise ValueError('on purpose')
    yield b'never'


def failing_by_a_restart(environ, start_response):
    try:
        raise ValueError('on purpose')
    except ValueError:
        start_response('503 Not Now', [('Content-Length', '5')], sys.exc_info())
    return [b'block']


def misusing(environ, start_response):
    start_response('200 OK', [('A', 'b\nc')])
    return []


APPLICATIONS = [
    of_a_list, of_a_generator, by_write, of_a_file, by_reading, failing, failing_in_an_iteration,
    failing_by_a_restart, misusing,
]


class Discarded:
    """A `sys.stderr` for tracebacks."""

    def write(self, text):
        pass

    def flush(self):
        pass


def counts():
    gc.collect()
    return {
        'objects': len(gc.get_objects()),
        'references': getattr(sys, 'gettotalrefcount', int)(),
        'descriptors': len(os.listdir('/proc/self/fd')),
        'threads': threading.active_count(),
        'threads of the system': len(os.listdir('/proc/self/task')),
    }


@pytest.mark.parametrize('application', APPLICATIONS)
def test_nothing_is_left_of_a_request(serve, connect, monkeypatch, application):
    monkeypatch.setattr(sys, 'stderr', Discarded())
    # pytest keeps records.
    monkeypatch.setattr(logging.getLogger('drupe'), 'disabled', True)
    client = connect(serve(application, numthreads=2))

    def ask():
        for _ in range(REQUESTS):
            client.get('/', method='POST', content=b'block')

    ask()
    ask()
    before = counts()
    ask()
    after = counts()
    grown = {name: after[name] - before[name] for name in before}
    # A few caches of the interpreter may grow; a leak is one for each request.
    assert all(more < REQUESTS // 4 for more in grown.values()), grown
    assert grown['descriptors'] <= 0 and grown['threads of the system'] <= 0, grown


REQUESTS = 200
