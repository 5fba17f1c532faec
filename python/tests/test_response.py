"""`start_response`, `write` and the iterable of PEP 3333."""

import io
import os
import sys
import tempfile
import threading
from wsgiref.validate import validator

import pytest

from conftest import wait_until, wait_until_printed

from drupe import FileWrapper

TEXT = [('Content-Type', 'text/plain')]


class Closing:
    """An iterable that notes its end."""

    def __init__(self, blocks, fails=False):
        self.blocks = iter(blocks)
        self.fails = fails
        self.closed = threading.Event()
        self.number = 0

    def __iter__(self):
        return self

    def __next__(self):
        block = next(self.blocks)
        if isinstance(block, Exception):
            raise block
        return block() if callable(block) else block

    def close(self):
        self.number += 1
        self.closed.set()
        if self.fails:
            raise ValueError('close failed')


def giving(iterable, headers=TEXT, status='200 OK'):
    def application(environ, start_response):
        start_response(status, headers)
        return iterable() if callable(iterable) else iterable
    return application


@pytest.mark.parametrize(('blocks', 'content', 'framing'), [
    ([b'hello'], b'hello', 'Content-Length'),
    ((b'hello',), b'hello', 'Content-Length'),
    ([], b'', 'Content-Length'),
    ([b'a', b'', b'b'], b'ab', 'Transfer-Encoding'),
    ([b'', b'b'], b'b', 'Transfer-Encoding'),
])
def test_content_is_framed(serve, connect, blocks, content, framing):
    client = connect(serve(giving(blocks)))
    for _ in range(2):
        answer = client.get()
        assert answer.content == content
        assert answer.field(framing)


@pytest.mark.parametrize('status', ["410 Gone fishin'", '410 Parti \xe0 la p\xeache'])
def test_fields_and_reason_phrase_go_out_as_given(serve, connect, status):
    headers = {'Content-type': 'text/plain', 'X-Caf': 'caf\xe9'}.items()
    answer = connect(serve(giving([b'x'], headers, status))).get()
    assert answer.status == status
    assert answer.field('X-Caf') == 'caf\xe9'
    assert ('Content-Type', 'text/plain') in answer.fields


def test_date_and_server_are_added_once(serve, connect):
    answer = connect(serve(giving([b'x']))).get()
    assert [name for name, _ in answer.fields if name in ('Date', 'Server')] == ['Date', 'Server']
    server = serve(giving([b'x'], [*TEXT, ('Server', 'mine'), ('Date', 'Thu, 01 Jan 1970 00:00:00 GMT')]))
    answer = connect(server).get()
    assert answer.field('Server') == 'mine'


@pytest.mark.parametrize(('status', 'headers'), [
    ('OK', []),
    (200, []),
    ('200 OK\r\nX: y', []),
    ('200 OK', [('A', 'b\r\nC: d')]),
    ('200 OK', [('A: b', 'c')]),
    ('200 OK', [('A', 1)]),
    ('200 OK', [(b'A', 'b')]),
    ('200 OK', [('A', '\u20ac')]),
    ('200 \u20ac', []),
    ('200 OK', [('Transfer-Encoding', 'chunked')]),
    ('200 OK', [('Connection', 'upgrade')]),
    ('200 OK', ['A']),
    ('200 OK', None),
])
def test_wrong_head_is_an_error_of_the_application(serve, connect, capfd, status, headers):
    client = connect(serve(giving([b'x'], headers, status)))
    assert client.get().status.startswith('500')
    assert 'Traceback' in capfd.readouterr().err


def test_second_start_response_needs_exc_info(serve, connect, capfd):
    def twice(environ, start_response):
        start_response('200 OK', TEXT)
        start_response('201 Created', TEXT)
        return [b'x']

    def never(environ, start_response):
        return [b'x']

    for application in (twice, never):
        assert connect(serve(application)).get().status.startswith('500')
    assert 'RuntimeError: start_response was called a second time' in capfd.readouterr().err


def test_exc_info_replaces_a_head_that_was_not_sent(serve, connect):
    def application(environ, start_response):
        start_response('200 OK', [*TEXT, ('Content-Length', '99')])
        try:
            raise KeyError('x')
        except KeyError:
            start_response('503 Later', TEXT, sys.exc_info())
        return [b'sorry']

    answer = connect(serve(application)).get()
    assert (answer.status, answer.content) == ('503 Later', b'sorry')


def test_exc_info_is_raised_again_after_the_head(serve, connect, capfd):
    caught = []

    def application(environ, start_response):
        start_response('200 OK', TEXT)
        yield b'begun'
        try:
            raise KeyError('mine')
        except KeyError:
            try:
                start_response('500 Oops', TEXT, sys.exc_info())
            except KeyError as error:
                caught.append(error.__traceback__ is not None)
                raise

    client = connect(serve(application))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    with pytest.raises(Exception):
        client.answer()
    assert caught == [True]
    assert "KeyError: 'mine'" in capfd.readouterr().err


def test_start_response_may_come_with_the_first_block(serve, connect):
    def application(environ, start_response):
        start_response('202 Later', TEXT)
        yield b'x'

    answer = connect(serve(application)).get()
    assert (answer.status, answer.content) == ('202 Later', b'x')


def test_write_goes_out_before_the_return(serve, connect):
    is_read = threading.Event()

    def application(environ, start_response):
        write = start_response('200 OK', TEXT)
        write(b'first')
        assert is_read.wait(10)
        write(b'')
        write(b'second')
        return [b'third']

    client = connect(serve(application))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    client.head()
    assert client.file.readline() == b'5\r\n'
    assert client.file.read(7) == b'first\r\n'
    is_read.set()
    rest = b''
    while not rest.endswith(b'0\r\n\r\n'):
        rest += client.file.readline()
    assert b'second' in rest and b'third' in rest
    assert client.get().status == '200 OK'


def test_block_goes_out_before_the_next_is_made(serve, connect):
    is_read = threading.Event()

    def blocks():
        yield b'first'
        assert is_read.wait(10)
        yield b'second'

    client = connect(serve(giving(blocks)))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    client.head()
    assert (client.file.readline(), client.file.read(7)) == (b'5\r\n', b'first\r\n')
    is_read.set()
    assert client.file.readline() == b'6\r\n'


def exits(client):
    """Read until the end of the connection."""
    try:
        return client.file.read()
    except ConnectionError:
        return b''


@pytest.mark.parametrize(('blocks', 'declared', 'status', 'content'), [
    ([b'12345'], 5, '200', b'12345'),
    ([b'123', b'45'], 5, '200', b'12345'),
    ([b'123456'], 5, '500', None),
    ([b'123', b'456'], 5, '200', b'12345'),
    ([b'12345', b'6'], 5, '200', b'12345'),
    ([b'12345', b'', b'6'], 5, '200', b'12345'),
    ([b'123'], 5, None, None),
    ([b'123', b'4'], 5, None, None),
])
def test_declared_length_is_minded(serve, connect, capfd, blocks, declared, status, content):
    server = serve(giving(blocks, [*TEXT, ('Content-Length', str(declared))]))
    client = connect(server)
    if status is None:
        # Too short: the client must be able to see it.
        client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        sent = exits(client)
        assert sent == b'' or sent.startswith(b'HTTP/1.1 500') or not sent.endswith(b'12345')
        return
    answer = client.get()
    assert answer.status[:3] == status
    if content is not None:
        assert answer.content == content


def test_head_has_no_content_and_closes(serve, connect):
    iterable = Closing([b'123', b'45'])
    client = connect(serve(giving(iterable, [*TEXT, ('Content-Length', '5')])))
    answer = client.get(method='HEAD')
    assert (answer.field('Content-Length'), answer.content) == ('5', b'')
    assert iterable.closed.wait(10)


@pytest.mark.parametrize('status', ['204 No Content', '304 Not Modified'])
def test_status_without_content_has_none(serve, connect, status):
    client = connect(serve(giving([b'x'], [], status)))
    for _ in range(2):
        answer = client.get()
        assert (answer.status, answer.field('Content-Length')) == (status, None)


@pytest.mark.parametrize('blocks', [
    [b'a', b'b'],
    [],
    [b'a'],
    [ValueError('first')],
    [b'a', ValueError('second')],
    ['text'],
    [b'a', 'text'],
    [None],
])
def test_iterable_is_closed_once(serve, connect, capfd, blocks):
    iterable = Closing(blocks)
    client = connect(serve(giving(iterable)))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    exits(client)
    assert iterable.closed.wait(10)
    assert iterable.number == 1


def test_iterable_is_closed_when_the_client_leaves(serve, connect):
    def endless():
        while True:
            yield b'x' * 65536

    iterable = Closing(endless())
    client = connect(serve(giving(iterable), timeout=1))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    client.head()
    client.close()
    assert iterable.closed.wait(20)


def test_failure_of_close_is_reported(serve, connect, capfd):
    client = connect(serve(giving(lambda: Closing([b'a', b'b'], fails=True))))
    assert client.get().content == b'ab'
    assert client.get().content == b'ab'
    wait_until_printed(capfd, 'ValueError: close failed')


class Late(Closing):
    """An iterable whose end waits until its content was read, by `close` and behind the last block."""

    def __init__(self, blocks):
        super().__init__(blocks)
        self.is_read = threading.Event()
        self.waits = []

    def __next__(self):
        try:
            return super().__next__()
        except StopIteration:
            self.waits.append(self.is_read.wait(5))
            raise

    def close(self):
        self.waits.append(self.is_read.wait(5))
        super().close()


class Counted(Late):
    def __len__(self):
        return 1


class LateClose(Late):
    """An iterable of which only `close` waits."""

    __next__ = Closing.__next__


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
@pytest.mark.parametrize(('late', 'headers'), [
    (lambda: LateClose([b'']), [('Content-Length', '0')]),
    (lambda: LateClose([b'', b'']), [('Content-Length', '0')]),
    (lambda: LateClose([]), [('Content-Length', '0')]),
    (lambda: LateClose([b'']), []),
    (lambda: Late([b'hello']), [('Content-Length', '5')]),
    (lambda: Late([b'', b'hello']), [('Content-Length', '5')]),
    (lambda: Late([b'hel', b'lo']), [('Content-Length', '5')]),
    (lambda: Late([b'x' * 100_000]), [('Content-Length', '100000')]),
    (lambda: Counted([b'hello']), []),
])
def test_content_does_not_wait_for_close(serve, connect, late, headers, method):
    iterable = late()
    client = connect(serve(giving(iterable, headers)))
    assert client.get(method=method).status == '200 OK'
    iterable.is_read.set()
    assert iterable.closed.wait(10)
    assert all(iterable.waits)
    assert iterable.number == 1


def test_end_of_chunked_content_does_not_wait_for_close(serve, connect):
    iterable = LateClose([b'hel', b'lo'])
    client = connect(serve(giving(iterable)))
    assert client.get().content == b'hello'
    iterable.is_read.set()
    assert iterable.closed.wait(10)
    assert iterable.waits == [True]


def test_file_does_not_wait_for_close(serve, connect, tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'hello')
    is_read, waits = threading.Event(), []

    def application(environ, start_response):
        start_response('200 OK', TEXT)
        wrapper = environ['wsgi.file_wrapper'](open(path, 'rb'))
        return wrapper if environ['PATH_INFO'] == '/plain' else Waiting(wrapper)

    class Waiting:
        def __init__(self, wrapper):
            self.wrapper = wrapper

        def __iter__(self):
            return iter(self.wrapper)

        def close(self):
            waits.append(is_read.wait(5))
            self.wrapper.close()

    client = connect(serve(application))
    assert client.get('/plain').content == b'hello'
    assert client.get().content == b'hello'
    is_read.set()
    wait_until(lambda: waits == [True])


def test_failure_after_the_whole_content_leaves_the_answer(serve, connect, capfd):
    whole = [*TEXT, ('Content-Length', '1')]
    client = connect(serve(giving(lambda: Closing([b'a'], fails=True), whole)))
    for _ in range(2):
        answer = client.get()
        assert (answer.status, answer.content) == ('200 OK', b'a')
    wait_until_printed(capfd, 'ValueError: close failed')
    client = connect(serve(giving(lambda: Closing([b'a', ValueError('second')]), whole)))
    for _ in range(2):
        answer = client.get()
        assert (answer.status, answer.content) == ('200 OK', b'a')
    wait_until_printed(capfd, 'ValueError: second')


@pytest.mark.parametrize('answer', [None, 5, 'text', [b'a', 'text'], {'a': 1}])
def test_wrong_iterable_is_a_failure(serve, connect, capfd, answer):
    client = connect(serve(giving(answer)))
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    sent = exits(client)
    assert sent.startswith(b'HTTP/1.1 500') or not sent.endswith(b'0\r\n\r\n')
    assert 'TypeError' in capfd.readouterr().err


def test_exception_is_a_plain_500_and_its_traceback_in_wsgi_errors(serve, connect):
    errors = io.StringIO()

    def base(environ, start_response):
        environ['wsgi.errors'].write('noted\n')
        raise LookupError('secret')

    stderr, sys.stderr = sys.stderr, errors
    try:
        answer = connect(serve(base)).get()
    finally:
        sys.stderr = stderr
    assert answer.status == '500 Internal Server Error'
    assert b'secret' not in answer.content
    assert 'noted\n' in errors.getvalue()
    assert 'in base\n' in errors.getvalue() and 'LookupError: secret' in errors.getvalue()


def test_file_wrapper_sends_files_from_their_position(serve, connect, tmp_path):
    path = tmp_path / 'file'
    content = os.urandom(300000)
    path.write_bytes(content)
    opened = []

    def application(environ, start_response):
        file = open(path, 'rb')
        opened.append(file)
        file.read(10)
        start_response('200 OK', [*TEXT, ('Content-Length', '200000')])
        return environ['wsgi.file_wrapper'](file, 4096)

    client = connect(serve(application))
    assert client.get().content == content[10:200010]
    assert client.get(method='HEAD').field('Content-Length') == '200000'
    assert client.get().content == content[10:200010]
    # A file is closed after its content is sent.
    wait_until(lambda: all(file.closed for file in opened))


@pytest.mark.parametrize('kind', ['bytes', 'gzip', 'temporary', 'decoding', 'unbuffered', 'pipe'])
def test_file_wrapper_takes_every_object_with_read(serve, connect, tmp_path, kind):
    import gzip
    content = b'0123456789' * 5000

    class Decoding:
        def __init__(self, file):
            self.file = file

        def read(self, size):
            return bytes(ord('0') + ord('9') - byte for byte in self.file.read(size))

        def close(self):
            self.file.close()

    def made():
        if kind == 'bytes':
            return io.BytesIO(content)
        if kind == 'gzip':
            path = tmp_path / 'file.gz'
            path.write_bytes(gzip.compress(content))
            return gzip.open(path)
        if kind == 'temporary':
            file = tempfile.NamedTemporaryFile()
            file.write(content)
            file.seek(0)
            return file
        if kind == 'decoding':
            path = tmp_path / 'file'
            path.write_bytes(content[::-1])
            return Decoding(open(path, 'rb'))
        if kind == 'unbuffered':
            path = tmp_path / 'file'
            path.write_bytes(content)
            return open(path, 'rb', buffering=0)
        reader, writer = os.pipe()
        threading.Thread(target=lambda: (os.write(writer, content), os.close(writer))).start()
        return open(reader, 'rb')

    def application(environ, start_response):
        start_response('200 OK', TEXT)
        return environ['wsgi.file_wrapper'](made())

    assert connect(serve(application)).get().content == content


def test_file_wrapper_can_be_iterated_by_middleware(serve, connect):
    def application(environ, start_response):
        start_response('200 OK', TEXT)
        return (block.upper() for block in environ['wsgi.file_wrapper'](io.BytesIO(b'abcdef'), 4))

    assert connect(serve(application)).get().content == b'ABCDEF'
    assert list(FileWrapper(io.BytesIO(b'abcde'), 2)) == [b'ab', b'cd', b'e']


@pytest.mark.parametrize('is_plain', [True, False])
def test_middleware_seeks_in_the_file(serve, connect, tmp_path, is_plain):
    path = tmp_path / 'file'
    content = os.urandom(500_000)
    path.write_bytes(content)
    reads = []

    class Counting(io.FileIO):
        def read(self, size=-1):
            reads.append(size)
            return super().read(size)

    def application(environ, start_response):
        wrapper = environ['wsgi.file_wrapper']((open if is_plain else Counting)(path, 'rb'), 1000)
        assert wrapper.seekable() and wrapper.seek(-500, os.SEEK_END) == wrapper.tell() == 499_500
        assert wrapper.seek(499_000) == 499_000
        start_response('200 OK', TEXT)
        return wrapper

    assert connect(serve(application)).get().content == content[499_000:]
    assert len(reads) == (0 if is_plain else 2)


def test_range_of_werkzeug_skips_the_content_before_it(serve, connect):
    wsgi = pytest.importorskip('werkzeug.wsgi')
    responses = pytest.importorskip('werkzeug.wrappers')
    reads = []

    class Counting(io.BytesIO):
        def read(self, size=-1):
            reads.append(size)
            return super().read(size)

    def application(environ, start_response):
        file = wsgi.wrap_file(environ, Counting(bytes(500_000) + b'hello'), 1000)
        response = responses.Response(file, direct_passthrough=True)
        response.make_conditional(environ, accept_ranges=True, complete_length=500_005)
        return response(environ, start_response)

    answer = connect(serve(application)).get('/', 'Range: bytes=500000-500004')
    assert (answer.status[:3], answer.content) == ('206', b'hello')
    assert len(reads) < 5


def test_file_without_seek_is_not_seekable():
    class Bare:
        def read(self, size):
            return b''

    class Seeking(Bare):
        def seek(self, offset, whence=0):
            return offset

    assert not FileWrapper(Bare()).seekable() and FileWrapper(Seeking()).seekable()
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, 'rb') as pipe:
        assert not FileWrapper(pipe).seekable()
        with pytest.raises(OSError):
            FileWrapper(pipe).tell()


def test_validator_of_wsgiref_finds_nothing(serve, connect, capfd):
    def application(environ, start_response):
        length = environ.get('CONTENT_LENGTH', '')
        content = environ['wsgi.input'].read(int(length)) if length else b'none'
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [content]

    client = connect(serve(validator(application)))
    assert client.get('/?a=b').content == b'none'
    assert client.get(method='POST', content=b'sent').content == b'sent'
    assert client.get(method='HEAD').status == '200 OK'
    assert 'Error' not in capfd.readouterr().err


def test_large_block_is_sent_without_a_copy_and_released(serve, connect):
    block = b'x' * 20_000_000
    before = sys.getrefcount(block)

    def application(environ, start_response):
        start_response('200 OK', [])
        return [block if environ['PATH_INFO'] == '/' else b'small']

    address = serve(application)
    client = connect(address).send(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    other = connect(address)
    # The worker is done with the request, and the rest of the block waits for the client.
    wait_until(lambda: other.get('/small').content == b'small' and sys.getrefcount(block) == before + 1)
    assert client.answer().content == block
    wait_until(lambda: other.get('/small').content == b'small' and sys.getrefcount(block) == before)
