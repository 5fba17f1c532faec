"""The answers that the server makes itself, in cheroot's words."""

import logging

import pytest

from drupe.wsgi import Server

HOST = b'\r\nHost: a\r\n\r\n'


def hello(environ, start_response):
    content = environ['wsgi.input'].read() or environ['PATH_INFO'].encode()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(content)))])
    return [content]


@pytest.mark.parametrize(('request_', 'status', 'text'), [
    (b'GET / HTTP/1.1\n\n', 400, 'HTTP requires CRLF terminators'),
    (b'GET /\r\n\r\n', 400, 'Malformed Request-Line'),
    (b'garbage\r\n\r\n', 400, 'Malformed Request-Line'),
    (b'GET / HTTPS/1.1' + HOST, 400, 'Malformed Request-Line: bad protocol'),
    (b'GET / HTTP/1' + HOST, 400, 'Malformed Request-Line: bad version'),
    (b'GET / HTTP/2.15' + HOST, 505, 'Cannot fulfill request'),
    (b'GeT / HTTP/1.1' + HOST, 400, 'Malformed method name'),
    (b'GET a HTTP/1.1' + HOST, 400, 'Invalid path in Request-URI'),
    (b'GET /a#b HTTP/1.1' + HOST, 400, 'Illegal #fragment in Request-URI.'),
    (b'GET /\xd0 HTTP/1.1' + HOST, 400, 'Malformed Request-URI'),
    (b'GET / HTTP/1.1\r\nre, 1' + HOST, 400, 'Illegal header line.'),
    (b'GET / HTTP/1.1\r\nContent-Length: x' + HOST, 400, 'Malformed Content-Length Header.'),
    (b'POST / HTTP/1.1\r\nContent-Length: 99' + HOST, 413, 'The entity sent with the request exceeds'),
    (b'GET / HTTP/1.1\r\nA: ' + b'x' * 2000 + HOST, 413, 'The headers sent with the request exceed'),
    (b'CONNECT a:80 HTTP/1.1' + HOST, 405, 'CONNECT is not supported'),
])
def test_refusal_has_the_text_of_cheroot(serve, connect, request_, status, text):
    client = connect(serve(hello, max_request_body_size=10, max_request_header_size=1000))
    answer = client.send(request_).answer()
    assert answer.status.startswith(str(status))
    assert answer.content.decode().startswith(text)
    assert answer.field('Content-Type').startswith('text/plain')


def test_framing_with_length_and_chunks_is_refused(serve, connect):
    head = b'POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked' + HOST
    answer = connect(serve(hello)).send(head).answer()
    assert answer.status.startswith('400')


def test_silent_client_is_answered_408(serve, connect):
    client = connect(serve(hello, timeout=0.3))
    assert client.answer().status == '408 Request Timeout'


def test_connect_is_passed_on_demand(serve, connect):
    server = serve(hello, accept_connect=True)
    client = connect(server)
    assert client.send(b'CONNECT a:80 HTTP/1.1' + HOST).answer().content == b'/a:80'
    assert client.socket.recv(1) == b''
    answer = connect(server).send(b'CONNECT /a HTTP/1.1' + HOST).answer()
    assert answer.status.startswith('400')
    assert answer.content == b'Invalid path in Request-URI: request-target must match authority-form.'
    server.accept_connect = False
    assert connect(server).send(b'CONNECT a:80 HTTP/1.1' + HOST).answer().status.startswith('405')


def test_content_longer_than_declared_is_explained(serve, connect, caplog):
    def application(environ, start_response):
        start_response('200 OK', [('Content-Length', '5'), ('X-Own', 'secret')])
        return [b'123456']
    client = connect(serve(application))
    with caplog.at_level(logging.ERROR, logger='drupe'):
        for method in ('GET', 'HEAD'):
            answer = client.get('/some', method=method)
            assert (answer.status, answer.field('X-Own')) == ('500 Internal Server Error', None)
            assert answer.field('Content-Length') == '76'
    assert client.get().content.startswith(b'The requested resource returned more bytes')


def test_keep_alive_of_an_old_client_has_capitals(serve, connect):
    client = connect(serve(hello))
    answer = client.send(b'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n').answer()
    assert (answer.field('Connection'), answer.field('Keep-Alive')) == ('Keep-Alive', 'timeout=10')


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit])
def test_interrupt_of_a_handler_gives_no_answer(connect, error):
    def application(environ, start_response):
        start_response('200 OK', [])
        raise error('as asked')

    class Noting(Server):
        def error_log(self, msg='', level=20, traceback=False):
            noted.append((level, msg))

    noted = []
    server = Noting(('127.0.0.1', 0), application)
    server.prepare()
    client = connect(server)
    port = client.socket.getsockname()[1]
    with pytest.raises(ConnectionError):
        client.get()
    with pytest.raises(error, match='as asked'):
        server.serve()
    assert noted[0] == (
        logging.DEBUG,
        f'Got a server shutdown request while handling a connection from 127.0.0.1:{port} (as asked)')
    assert [level for level, _ in noted] == [logging.DEBUG, logging.DEBUG, logging.INFO]


def test_error_log_drops_what_is_for_debugging(capfd):
    server = Server(('127.0.0.1', 0), hello)
    server.error_log('for debugging', level=logging.DEBUG)
    server.error_log('for everybody')
    assert capfd.readouterr().err == 'for everybody\n'
