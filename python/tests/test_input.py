"""`wsgi.input`."""

import threading

import pytest

import drupe

CONTENT = b'one\ntwo\r\n\nlast'


def reading(read):
    def application(environ, start_response):
        result = repr(read(environ['wsgi.input'])).encode()
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [result]
    return application


CASES = [
    (lambda file: file.read(), CONTENT),
    (lambda file: file.read(-1), CONTENT),
    (lambda file: file.read(None), CONTENT),
    (lambda file: file.read(0), b''),
    (lambda file: file.read(5), CONTENT[:5]),
    (lambda file: file.read(1 << 60), CONTENT),
    (lambda file: [file.read(7), file.read(7), file.read(), file.read(1)], [CONTENT[:7], CONTENT[7:14], b'', b'']),
    (lambda file: file.readline(), b'one\n'),
    (lambda file: file.readline(2), b'on'),
    (lambda file: file.readline(-1), b'one\n'),
    (lambda file: [file.readline(4), file.readline(4)], [b'one\n', b'two\r']),
    (lambda file: file.readlines(), [b'one\n', b'two\r\n', b'\n', b'last']),
    (lambda file: file.readlines(5), [b'one\n', b'two\r\n']),
    (lambda file: file.readlines(0), [b'one\n', b'two\r\n', b'\n', b'last']),
    (list, [b'one\n', b'two\r\n', b'\n', b'last']),
    (lambda file: [next(file), file.read(3), file.readline()], [b'one\n', b'two', b'\r\n']),
]


@pytest.mark.parametrize('case', range(len(CASES)))
@pytest.mark.parametrize('framing', ['length', 'chunked', 'late'])
def test_input_reads_as_a_file_does(serve, connect, case, framing):
    read, expected = CASES[case]
    client = connect(serve(reading(read), body_buffer_size=0))
    if framing == 'length':
        assert eval(client.get(method='POST', content=CONTENT).content) == expected
        return
    client.send(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    sizes = [6, 5, 3] if framing == 'chunked' else [1] * len(CONTENT)
    rest = CONTENT
    for size in sizes:
        client.send(b'%x\r\n%s\r\n' % (size, rest[:size]))
        rest = rest[size:]
    assert rest == b''
    client.send(b'0\r\n\r\n')
    assert eval(client.answer().content) == expected


def test_input_without_content_is_empty(serve, connect):
    client = connect(serve(reading(lambda file: [file.read(), file.readline(), file.readlines(), list(file)])))
    assert eval(client.get().content) == [b'', b'', [], []]


def test_trailer_fields_are_lines(serve, connect):
    client = connect(serve(reading(lambda file: [file.read(), file.read_trailer_lines()])))
    client.send(b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
                b'1\r\nx\r\n0\r\nContent-Digest: y\r\n\r\n')
    assert eval(client.answer().content) == [b'x', [b'content-digest: y\r\n']]


def test_uncaught_failure_of_a_read_keeps_its_status(serve, connect, capfd):
    server = serve(reading(lambda file: file.read()), body_buffer_size=0, max_request_body_size=4, timeout=0.5)
    head = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    for content, status in [(b'5\r\n12345\r\n0\r\n\r\n', '413'), (b'zz\r\n', '400'), (b'4\r\n12', '408')]:
        assert connect(server).send(head + content).answer().status[:3] == status
    assert 'Traceback' not in capfd.readouterr().err


def test_caught_failure_of_a_read_is_named(serve, connect):
    names = []

    def application(environ, start_response):
        try:
            environ['wsgi.input'].read()
        except OSError as error:
            names.append((type(error).__name__, type(error).__mro__[1].__name__))
            start_response('418 Caught', [])
            return [b'caught']
        return None

    server = serve(application, body_buffer_size=0, max_request_body_size=4, timeout=0.5)
    head = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    for content in [b'5\r\n12345\r\n0\r\n\r\n', b'zz\r\n', b'4\r\n12']:
        connect(server).send(head + content).answer()
    assert names == [('MaxSizeExceeded', 'OSError'), ('MalformedContent', 'OSError'), ('ContentTimeout', 'TimeoutError')]
    assert drupe.MaxSizeExceeded.__name__ == 'MaxSizeExceeded'


@pytest.mark.parametrize(('answered', 'status'), [('422 Mine', '422 Mine'), ('200 OK', '413'), ('503 Later', '413')])
def test_answer_after_a_caught_failure_of_a_read_has_a_client_error(serve, connect, answered, status):
    def application(environ, start_response):
        try:
            environ['wsgi.input'].read()
        except drupe.MaxSizeExceeded:
            start_response(answered, [])
            return [b'caught']

    server = serve(application, body_buffer_size=0, max_request_body_size=4)
    request = b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n'
    assert connect(server).send(request).answer().status.startswith(status)


def test_other_threads_run_while_a_read_waits(serve, connect):
    begun, ticks = threading.Event(), []

    def read(file):
        begun.set()
        return file.read()

    client = connect(serve(reading(read), body_buffer_size=0))
    client.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1')
    assert begun.wait(10)
    # This thread has the interpreter although the worker waits for content.
    ticks.extend(range(1000))
    client.send(b'2')
    assert eval(client.answer().content) == b'12'
