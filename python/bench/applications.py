"""The applications that `figures.py` has the servers run."""

import gc
import sys
import time

import flask

flask_hello = flask.Flask(__name__)


@flask_hello.get('/')
def hello():
    return 'hello\n'


def bare(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '6')])
    return [b'hello\n']


def busy(environ, start_response):
    """Hold the interpreter for ten seconds under /spin; answer at once elsewhere."""
    if environ['PATH_INFO'] == '/spin':
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pass
    return bare(environ, start_response)


def mixed(environ, start_response):
    """Answer in the way that the path names."""
    way = environ['PATH_INFO']
    fields = [('Content-Type', 'text/plain'), ('Content-Length', '6')]
    if way == '/generator':
        start_response('200 OK', fields)
        return (block for block in (b'hel', b'lo\n'))
    if way == '/write':
        start_response('200 OK', fields)(b'hello\n')
        return []
    if way == '/file':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return environ['wsgi.file_wrapper'](open(__file__, 'rb'))
    if way == '/exception':
        raise ValueError('on purpose')
    if way == '/counts':
        body = object_counts()
        start_response('200 OK', [('Content-Length', str(len(body)))])
        return [body]
    start_response('200 OK', fields)
    return [b'hello\n']


def object_counts():
    """The objects of this process as text, and in a debug build the references."""
    gc.collect()
    return f'objects {len(gc.get_objects())}, references {getattr(sys, "gettotalrefcount", int)()}'.encode()
