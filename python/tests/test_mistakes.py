"""Applications with mistakes, and the table of PEP 3333's rules that other servers break."""

import sys
import threading

import pytest

from test_process import Program

TEXT = [('Content-Type', 'text/plain')]
GET = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'


def sent_until_the_end(client):
    """Return the bytes up to the end of the connection."""
    try:
        return client.file.read()
    except ConnectionError:
        return b''


def good(environ, start_response):
    start_response('200 OK', TEXT)
    return [b'good']


def test_exception_in_the_middle_shows_in_the_framing(serve, connect, capfd):
    def chunked(environ, start_response):
        start_response('200 OK', TEXT)
        yield b'begun'
        raise LookupError('in the middle')

    def declared(environ, start_response):
        start_response('200 OK', [*TEXT, ('Content-Length', '10')])
        yield b'begun'
        raise LookupError('in the middle')

    for application in (chunked, declared):
        sent = sent_until_the_end(connect(serve(application)).send(GET))
        assert b'begun' in sent and not sent.endswith(b'0\r\n\r\n')
        assert b'secret' not in sent
    assert capfd.readouterr().err.count('LookupError: in the middle') == 2


@pytest.mark.parametrize('error', [GeneratorExit, StopIteration, MemoryError, RecursionError])
def test_every_exception_is_a_500(serve, connect, capfd, error):
    def failing(environ, start_response):
        raise error('odd')

    server = serve(failing)
    client = connect(server)
    assert [client.get().status[:3] for _ in range(2)] == ['500', '500']
    assert capfd.readouterr().err.count(f'{error.__name__}: odd') == 2
    assert server.ready


def test_exception_that_cannot_be_printed_is_a_500(serve, connect, capfd):
    class Odd(Exception):
        def __str__(self):
            raise ValueError('no text')

    def failing(environ, start_response):
        raise Odd

    assert connect(serve(failing)).get().status[:3] == '500'
    assert 'Odd' in capfd.readouterr().err


def test_errors_stream_that_fails_leaves_the_answer_a_500(serve, connect):
    class Closed:
        def write(self, text):
            raise ValueError('closed')

    def failing(environ, start_response):
        environ['wsgi.errors'] = Closed()
        raise LookupError('unseen')

    client = connect(serve(failing))
    assert [client.get().status[:3] for _ in range(2)] == ['500', '500']


@pytest.mark.parametrize('application', [None, 5, lambda: [], lambda environ: [], object()])
def test_object_that_is_no_application_is_a_500(serve, connect, capfd, application):
    client = connect(serve(application))
    assert [client.get().status[:3] for _ in range(2)] == ['500', '500']
    assert 'TypeError' in capfd.readouterr().err


@pytest.mark.parametrize('block', ['text', 5, None, bytearray(b'x'), memoryview(b'x'), [b'x']])
def test_block_other_than_bytes_is_a_500(serve, connect, capfd, block):
    def application(environ, start_response):
        start_response('200 OK', TEXT)
        return [block]

    assert connect(serve(application)).get().status[:3] == '500'
    assert type(block).__name__ in capfd.readouterr().err


def test_write_takes_bytes_only(serve, connect, capfd):
    def application(environ, start_response):
        write = start_response('200 OK', TEXT)
        with pytest.raises(TypeError):
            write('text')
        with pytest.raises(TypeError):
            write(None)
        write(b'good')
        return []

    assert connect(serve(application)).get().content == b'good'


def test_write_after_the_end_is_refused(serve, connect):
    writes, caught = [], []

    def application(environ, start_response):
        for write in writes:
            with pytest.raises(OSError) as error:
                write(b'late')
            caught.append(error.value)
        writes.append(start_response('200 OK', TEXT))
        writes[-1](b'first')
        return []

    client = connect(serve(application))
    assert [client.get().content for _ in range(2)] == [b'first'] * 2
    assert len(caught) == 1


def test_start_response_after_the_end_is_refused(serve, connect):
    kept, caught = [], []

    def application(environ, start_response):
        for late in kept:
            with pytest.raises(Exception) as error:
                late('404 Not Found', TEXT)
            caught.append(error.value)
        kept.append(start_response)
        return good(environ, start_response)

    client = connect(serve(application))
    assert [client.get().status for _ in range(2)] == ['200 OK'] * 2
    assert len(caught) == 1


def test_input_after_the_end_is_empty_or_fails(serve, connect):
    kept, results = [], []

    def application(environ, start_response):
        for file in kept:
            try:
                results.append(file.read())
            except OSError as error:
                results.append(error)
        kept.append(environ['wsgi.input'])
        return good(environ, start_response)

    client = connect(serve(application, body_buffer_size=0))
    answers = [client.get(method='POST', content=content).content for content in (b'first', b'second')]
    assert answers == [b'good'] * 2
    [result] = results
    assert b'second' != result


def test_code_after_the_last_block_runs(serve, connect):
    ended = []

    def blocks(count):
        for _ in range(count):
            yield b'12345'
        ended.append(count)

    class Wrapped:
        def __init__(self, blocks):
            self.blocks = blocks

        def __iter__(self):
            return self.blocks

        def close(self):
            ended.append('closed')

    def application(environ, start_response):
        count = int(environ['QUERY_STRING'])
        start_response('200 OK', [*TEXT, ('Content-Length', str(5 * count))])
        return Wrapped(blocks(count)) if environ['PATH_INFO'] == '/wrapped' else blocks(count)

    client = connect(serve(application))
    for path in ('/', '/wrapped'):
        for count in (1, 2):
            ended.clear()
            assert client.get(f'{path}?{count}').content == b'12345' * count
            assert client.get('/other?0').content == b''
            assert ended[:2] == ([count, 0] if path == '/' else [count, 'closed'])


def test_block_goes_out_before_code_after_the_last_block_runs(serve, connect):
    is_read = threading.Event()

    def application(environ, start_response):
        start_response('200 OK', [*TEXT, ('Content-Length', '5')])
        yield b'12345'
        assert is_read.wait(10)

    client = connect(serve(application))
    assert client.get().content == b'12345'
    is_read.set()
    assert client.get().content == b'12345'


@pytest.mark.parametrize('headers', [
    [('Content-Length', '-1')],
    [('Content-Length', '4'), ('Content-Length', '5')],
    [('Content-Length', 'four')],
    [('Content-Length', '4, 4')],
])
def test_malformed_length_is_a_500(serve, connect, headers):
    def application(environ, start_response):
        start_response('200 OK', [*TEXT, *headers])
        return [b'good']

    client = connect(serve(application))
    assert client.get().status[:3] == '500'


@pytest.mark.parametrize('name', [
    'Connection', 'Keep-Alive', 'Proxy-Authenticate', 'Proxy-Authorization', 'TE', 'Trailer', 'Transfer-Encoding',
    'Upgrade',
])
def test_field_of_the_connection_is_refused_in_start_response(serve, connect, name):
    def application(environ, start_response):
        with pytest.raises(ValueError, match=f'(?i){name}'):
            start_response('200 OK', [(name, 'x')])
        return good(environ, start_response)

    assert connect(serve(application)).get().content == b'good'


@pytest.mark.parametrize('value', ['a\rb', 'a\nb', 'a\r\n b', 'a\0b', '\u20ac', '\ud800'])
def test_value_that_would_break_the_head_is_refused_in_start_response(serve, connect, value):
    def application(environ, start_response):
        for status, fields in [('200 OK', [('X', value)]), ('200 ' + value, []), ('200 OK', [(value, 'x')])]:
            with pytest.raises(ValueError):
                start_response(status, fields)
        return good(environ, start_response)

    assert connect(serve(application)).get().content == b'good'


@pytest.mark.parametrize('exc_info', [(), (None,), (None, None, None), (ValueError, 'text', None), 'text', []])
def test_wrong_exc_info_is_an_exception_of_the_application(serve, connect, exc_info, capfd):
    def application(environ, start_response):
        start_response('200 OK', TEXT)
        yield b'begun'
        with pytest.raises(Exception) as error:
            start_response('500 Late', TEXT, exc_info)
        seen.append(error.value)
        yield b', ended'

    seen = []
    assert connect(serve(application)).get().content == b'begun, ended'
    assert len(seen) == 1 and not isinstance(seen[0], SystemError)


def test_start_response_takes_lists_and_names_as_other_servers_do(serve, connect):
    def application(environ, start_response):
        start_response('200 OK', [['X', 'first']])
        try:
            raise LookupError
        except LookupError:
            start_response(status='503 Later', headers=[['X', 'second']], exc_info=sys.exc_info())
        return [b'x']

    answer = connect(serve(application)).get()
    assert (answer.status, answer.field('X')) == ('503 Later', 'second')


@pytest.mark.parametrize('field', ['AB', ['A'], ['A', 'b', 'c'], ('A',), {'A': 1, 'b': 2}, None, 5])
def test_field_that_is_no_pair_is_refused(serve, connect, field):
    def application(environ, start_response):
        with pytest.raises((TypeError, ValueError)):
            start_response('200 OK', [field])
        return good(environ, start_response)

    assert connect(serve(application)).get().content == b'good'


@pytest.mark.parametrize('arguments', [(), ('200 OK',), ('200 OK', [], None, None)])
def test_wrong_number_of_arguments_is_a_type_error(serve, connect, arguments):
    def application(environ, start_response):
        with pytest.raises(TypeError):
            start_response(*arguments)
        return good(environ, start_response)

    assert connect(serve(application)).get().content == b'good'


def test_field_of_a_client_with_underscore_does_not_pass_for_another(serve, connect):
    def application(environ, start_response):
        start_response('200 OK', TEXT)
        return [environ.get('HTTP_X_B', 'none').encode()]

    client = connect(serve(application))
    assert client.get('/', 'X_B: forged').content == b'none'
    assert client.get('/', 'X_B: forged', 'X-B: real').content == b'real'


def test_contradictory_framing_of_a_request_is_refused(serve, connect):
    client = connect(serve(good))
    client.send(b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
    assert client.answer().status[:3] == '400'
    assert client.file.read() == b''


def test_head_has_no_content_from_write_and_from_files(serve, connect, tmp_path):
    (tmp_path / 'file').write_bytes(b'of a file')

    def application(environ, start_response):
        write = start_response('200 OK', TEXT)
        if environ['PATH_INFO'] == '/write':
            write(b'written')
            return []
        return environ['wsgi.file_wrapper'](open(tmp_path / 'file', 'rb'))

    client = connect(serve(application))
    for path in ('/write', '/file', '/write'):
        # Content would stand before the next status line.
        assert client.get(path, method='HEAD').status == '200 OK'
    assert client.get('/file').content == b'of a file'


def test_server_is_dropped_without_a_stop_while_a_handler_runs(connect):
    from drupe.wsgi import Server
    begun, may_go = threading.Event(), threading.Event()

    def slow(environ, start_response):
        begun.set()
        assert may_go.wait(10)
        return good(environ, start_response)

    server = Server(('127.0.0.1', 0), slow, shutdown_timeout=10)
    server.prepare()
    client = connect(server).send(GET)
    assert begun.wait(10)
    threading.Timer(0.2, may_go.set).start()
    del server
    assert client.answer().content == b'good'


def test_server_is_stopped_by_many_threads(serve):
    server = serve(good)
    threads = [threading.Thread(target=server.stop) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads) and not server.ready


def test_server_is_started_by_many_threads_once():
    from drupe.wsgi import Server
    server, refused = Server(('127.0.0.1', 0), good), []

    def prepare():
        try:
            server.prepare()
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=prepare) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert refused == ['the server runs already'] * 19
    server.stop()


def test_server_that_never_started_can_be_stopped_and_waited_for():
    from drupe.wsgi import Server
    server = Server(('127.0.0.1', 0), good)
    server.stop()
    server.serve()
    server.stop()
    assert not server.ready


def test_interrupt_lets_a_running_handler_finish():
    program = Program('''
        def application(environ, start_response):
            print('begun', flush=True)
            time.sleep(0.5)
            start_response('200 OK', [('Content-Type', 'text/plain')])
            return [b'finished']
        server = Server(('127.0.0.1', 0), application, shutdown_timeout=10)
        def told():
            while not server.ready:
                time.sleep(0.01)
            print(server.bind_addr[1], flush=True)
        threading.Thread(target=told).start()
        try:
            server.safe_start()
        except KeyboardInterrupt:
            print('interrupted', flush=True)
    ''')
    client = program.client().send(GET)
    assert program.process.stdout.readline() == 'begun\n'
    program.interrupt()
    assert client.answer().content == b'finished'
    assert program.process.stdout.readline() == 'interrupted\n'
    assert program.end()[0] == 0


@pytest.mark.parametrize(('end', 'code'), [
    ('return "of the child"', 1), ('sys.exit(3)', 3), ('sys.exit()', 0), ('raise KeyError("of the child")', 1)])
@pytest.mark.parametrize('keyword', ['return [', 'yield ('])
def test_child_that_leaves_a_handler_sends_nothing(end, code, keyword):
    program = Program(f'''
        def content():
            child = os.fork()
            if child == 0:
                {end}
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            begun.set()
            return str(code)
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/plain')])
            {keyword}content().encode(){']' if '[' in keyword else ')'}
        server.wsgi_app = application
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(10)
        time.sleep(0.1)
    ''')
    client = program.client()
    assert client.get().content == str(code).encode()
    assert client.file.read() == b''
    ended, errors = program.end()
    assert ended == 0 and ('of the child' in errors or 'forked child' in errors) == (code == 1)


def test_child_that_returns_from_close_sends_nothing():
    program = Program('''
        class Forking(list):
            def close(self):
                child = os.fork()
                if child:
                    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        def application(environ, start_response):
            start_response('200 OK', [])
            return Forking([b'one', b'two'])
        server.wsgi_app = application
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(1)
    ''')
    client = program.client()
    for _ in range(2):
        assert client.get().content == b'onetwo'
        assert program.process.stdout.readline() == '1\n'
    ended, errors = program.end()
    assert ended == 0 and 'forked child' in errors


def test_handler_runs_programs_and_processes():
    program = Program('''
        import multiprocessing, subprocess
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/plain')])
            told = subprocess.run([sys.executable, '-c', 'print(5)'], capture_output=True).stdout.strip()
            context = multiprocessing.get_context('fork')
            queue = context.SimpleQueue()
            child = context.Process(target=queue.put, args=(b'of a process',))
            child.start()
            answer = queue.get()
            child.join()
            begun.set()
            return [told + b' ' + answer]
        server.wsgi_app = application
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(20)
        time.sleep(0.1)
    ''')
    assert program.client().get().content == b'5 of a process'
    assert program.end()[0] == 0
