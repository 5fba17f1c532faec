"""The environ of PEP 3333."""

import os
import sys

import pytest


def telling(*keys):
    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [repr([environ.get(key, '-') for key in keys]).encode()]
    return application


def test_environ_has_the_keys_of_the_pep_as_native_strings(serve, connect):
    seen = {}

    def application(environ, start_response):
        seen.update(environ)
        seen['type'] = type(environ)
        start_response('200 OK', [])
        return []

    server = serve(application, server_name='tea')
    connect(server).get('/caf%C3%A9/a%2Fb?x=%20', 'X-Two: 1', 'X-Two: 2', 'X_Two: forged', 'Cookie: a=b')
    assert seen['type'] is dict
    port = str(server.bind_addr[1])
    for key, value in {
        'REQUEST_METHOD': 'GET',
        'SCRIPT_NAME': '',
        'PATH_INFO': '/caf\xc3\xa9/a%2Fb',
        'QUERY_STRING': 'x=%20',
        'SERVER_NAME': 'localhost',
        'SERVER_PORT': port,
        'SERVER_PROTOCOL': 'HTTP/1.1',
        'REMOTE_ADDR': '127.0.0.1',
        'HTTP_HOST': 'localhost',
        'HTTP_X_TWO': '1, 2',
        'HTTP_COOKIE': 'a=b',
        'wsgi.version': (1, 0),
        'wsgi.url_scheme': 'http',
        'wsgi.multithread': True,
        'wsgi.multiprocess': False,
        'wsgi.run_once': False,
        'wsgi.input_terminated': True,
        'wsgi.errors': sys.stderr,
    }.items():
        assert seen[key] == value, key
    assert all(type(seen[key]) is str for key in seen if key.isupper() and key != 'type')
    assert 'HTTP_CONTENT_LENGTH' not in seen and 'CONTENT_LENGTH' not in seen
    assert not set(os.environ) & set(seen)


def test_environ_of_one_request_is_not_that_of_another(serve, connect):
    def application(environ, start_response):
        start_response('200 OK', [])
        found = environ.get('mine', 'none')
        environ['mine'] = environ['wsgi.version'] = 'kept'
        return [found.encode()]

    client = connect(serve(application))
    assert [client.get().content for _ in range(3)] == [b'none'] * 3


def test_field_value_is_latin_1(serve, connect):
    client = connect(serve(telling('HTTP_X')))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\nX: caf\xe9\r\n\r\n')
    assert eval(client.answer().content) == ['caf\xe9']


@pytest.mark.parametrize('resolves', [False, True])
def test_credentials_of_a_unix_peer_are_in_the_environ(serve, connect, tmp_path, resolves):
    keys = ('X_REMOTE_PID', 'X_REMOTE_UID', 'X_REMOTE_GID', 'REMOTE_ADDR', 'REMOTE_USER', 'X_REMOTE_USER')
    path = str(tmp_path / 'socket')
    server = serve(telling(*keys), path, peercreds_enabled=True, peercreds_resolve_enabled=resolves)
    pid, uid, gid, address, *names = eval(connect(server).get().content)
    assert (pid, uid, gid, address) == (str(os.getpid()), str(os.getuid()), str(os.getgid()), '')
    import pwd
    name = pwd.getpwuid(os.getuid()).pw_name
    assert names == ([name, name] if resolves else ['-', '-'])


def test_version_u_has_unicode_paths(serve, connect):
    server = serve(telling('PATH_INFO', 'wsgi.version'), wsgi_version=('u', 0))
    assert eval(connect(server).get('/caf%C3%A9').content) == ['/caf\xe9', ('u', 0)]
