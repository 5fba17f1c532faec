"""The surface of cheroot's server."""

import contextlib
import gc
import inspect
import logging
import os
import pathlib
import socket
import sys
import threading
import weakref

import pytest

from conftest import wait_until

from drupe import wsgi
from drupe.wsgi import PathInfoDispatcher, Server


def hello(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'hello']


def test_arguments_are_those_of_cheroot():
    parameters = inspect.signature(Server).parameters.values()
    assert [(p.name, p.default) for p in parameters][2:] == [
        ('numthreads', 10), ('server_name', None), ('max', -1), ('request_queue_size', 5),
        ('timeout', 10), ('shutdown_timeout', 5), ('accepted_queue_size', -1),
        ('accepted_queue_timeout', 10), ('peercreds_enabled', False),
        ('peercreds_resolve_enabled', False), ('reuse_port', False)]
    assert wsgi.WSGIServer is Server and wsgi.WSGIPathInfoDispatcher is PathInfoDispatcher


def test_server_reports_its_state(serve, connect):
    server = serve(hello, numthreads=3)
    host, port = server.bind_addr
    assert (host, server.ready, str(server)) == ('127.0.0.1', True, f'drupe.wsgi.Server({server.bind_addr!r})')
    assert port > 0 and server.socket.getsockname() == (host, port)
    wait_until(lambda: server.requests.idle == 3)
    assert (server.requests.min, server.requests.max, server.requests.qsize) == (3, 3, 0)
    assert len(server.requests._threads) == server.stats['Threads'](server.stats) == 3
    connect(server).get()
    wait_until(lambda: server.stats['Requests'](server.stats) == 1)
    assert logging.statistics[f'drupe HTTPServer {id(server)}'] is server.stats
    assert server.runtime() > 0
    server.stop()
    assert (server.ready, server.socket, server.requests.idle) == (False, None, 0)
    assert server.runtime() > 0


def test_start_returns_after_a_stop():
    server = Server(('127.0.0.1', 0), hello)
    thread = threading.Thread(target=server.start)
    thread.start()
    wait_until(lambda: server.ready)
    server.stop()
    thread.join(10)
    assert not thread.is_alive()
    server.stop()


def test_ready_server_knows_its_port():
    for _ in range(20):
        server = Server(('127.0.0.1', 0), hello, numthreads=1)
        thread = threading.Thread(target=server.start)
        thread.start()
        while not server.ready:
            pass
        assert server.bind_addr[1] > 0 and server.socket.getsockname() == server.bind_addr
        server.stop()
        thread.join(10)


def test_stopped_server_starts_again_at_its_port(serve, connect):
    server = serve(hello)
    address = server.bind_addr
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        connect(server)
    server.prepare()
    assert server.bind_addr == address
    assert connect(server).get().content == b'hello'


@pytest.mark.parametrize(('asked', 'settings', 'length'), [
    (5, {}, 1024), (2000, {}, 2000), (5, {'socket_queue_size': 7}, 7)])
def test_backlog_takes_a_burst_of_connections(asked, settings, length):
    server = Server(('127.0.0.1', 0), hello, request_queue_size=asked)
    server.settings = settings
    server.prepare()
    for number in os.listdir('/proc/self/fd'):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(number))) as listener:
            if listener.getsockname() != server.bind_addr:
                continue
            if listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                # `tcpi_sacked`, which is the backlog of a listening socket.
                info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
                most = int(pathlib.Path('/proc/sys/net/core/somaxconn').read_text())
                assert int.from_bytes(info[28:32], sys.byteorder) == min(length, most)
                return
    raise AssertionError('no listening socket')


def test_serve_ends_with_a_stop_that_a_start_follows_at_once(monkeypatch):
    # A watching thread that wakes late finds a server that runs again.
    may_go = threading.Event()
    monkeypatch.setattr(wsgi, '_watch', lambda this, engine, over: may_go.wait(20) and over.set())
    server = Server(('127.0.0.1', 0), hello)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    server.stop()
    server.prepare()
    thread.join(5)
    is_over, is_ready = not thread.is_alive(), server.ready
    may_go.set()
    server.stop()
    assert is_over and is_ready


def test_second_start_is_refused(serve):
    server = serve(hello)
    with pytest.raises(RuntimeError, match='runs already'):
        server.prepare()


def test_busy_port_is_an_os_error(serve):
    server = serve(hello)
    other = Server(server.bind_addr, hello)
    with pytest.raises(OSError) as caught:
        other.start()
    assert caught.value.errno == 98 and str(server.bind_addr[1]) in str(caught.value)
    assert not other.ready
    other.stop()


@pytest.mark.parametrize('has_file', [False, True])
def test_unknown_host_is_an_os_error(tmp_path, has_file):
    server = Server(('no-such-host.invalid', 0), hello)
    if has_file:
        server.bind_addr = '127.0.0.1', 8080
        server.settings_file = tmp_path / 'server.toml'
        server.settings_file.write_text('[server]\nsocket_host = "no-such-host.invalid"\n')
    with pytest.raises(OSError, match='no-such-host.invalid'):
        server.prepare()


@pytest.mark.parametrize(('arguments', 'error', 'name'), [
    ({'timeout': None}, ValueError, 'timeout'),
    ({'timeout': 0}, ValueError, 'timeout'),
    ({'shutdown_timeout': -1}, ValueError, 'shutdown_timeout'),
    ({'protocol': 'HTTP/2'}, ValueError, 'protocol_version'),
    ({'wsgi_version': (2, 0)}, ValueError, 'wsgi_version'),
    ({'settings': {'no_such': '1'}}, ValueError, 'no_such'),
    ({'max_request_header_size': -1}, ValueError, 'max_request_header_size'),
])
def test_unusable_value_is_refused_by_name(arguments, error, name):
    server = Server(('127.0.0.1', 0), hello)
    for attribute, value in arguments.items():
        setattr(server, attribute, value)
    with pytest.raises(error, match=name):
        server.prepare()
    assert not server.ready


@pytest.mark.parametrize('address', [('', 80), (None, 80)])
def test_empty_host_is_refused(address):
    with pytest.raises(ValueError, match='0.0.0.0'):
        Server(address, hello)


@pytest.mark.parametrize(('least', 'most', 'error'), [
    (-1, -1, ValueError), (5, 3, ValueError), (1, 0, ValueError), ('1', -1, TypeError)])
def test_wrong_numbers_of_threads_are_refused(least, most, error):
    with pytest.raises(error):
        Server(('127.0.0.1', 0), hello, least, max=most)


@pytest.mark.parametrize('name', ['ConnectionClass', 'gateway', 'bind', 'process_conn'])
def test_internals_of_cheroot_are_refused_by_name(name):
    server = Server(('127.0.0.1', 0), hello)
    with pytest.raises(AttributeError, match=f'drupe cannot honour {name}: '):
        setattr(server, name, None)
    with pytest.raises(AttributeError, match=f'drupe has no {name}: '):
        getattr(server, name)


def test_attributes_take_effect_while_the_server_runs(serve, connect):
    def sized(environ, start_response):
        environ['wsgi.input'].read()
        return hello(environ, start_response)

    server = serve(sized)
    client = connect(server)
    assert client.get(method='POST', content=b'x' * 100).status == '200 OK'
    server.max_request_body_size = 10
    assert client.get(method='POST', content=b'x' * 100).status[:3] == '413'
    server.timeout = 0.2
    silent = connect(server)
    silent.send(b'GET / HT')
    assert silent.answer().status[:3] == '408'
    with pytest.raises(ValueError, match='timeout'):
        server.timeout = None
    assert server.timeout == 0.2
    server.wsgi_app = lambda environ, start_response: [start_response('201 New', []), b'new'][1:]
    assert connect(server).get().status == '201 New'
    server.protocol = 'HTTP/1.0'
    assert connect(server).get().version == 'HTTP/1.0'


@pytest.mark.parametrize(('file', 'given', 'settings', 'bound'), [
    # The address of the program is taken whole.
    ('socket_host = "127.0.0.2"\nsocket_port = 1', ('127.0.0.1', 0), {}, ('127.0.0.1', None)),
    ('listen = ["127.0.0.2:0"]', ('127.0.0.1', 0), {}, ('127.0.0.1', None)),
    ('socket_file = "{path}.file"', ('127.0.0.1', 0), {}, ('127.0.0.1', None)),
    ('listen = ["127.0.0.2:0"]', '{path}', {}, '{path}'),
    ('socket_host = "127.0.0.2"', '{path}', {}, '{path}'),
    ('listen = ["127.0.0.2:0"]', ('127.0.0.1', 0), {'listen': '127.0.0.4:0'}, ('127.0.0.4', None)),
    ('listen = ["127.0.0.2:0"]', ('127.0.0.1', 0), {'socket_host': '127.0.0.4'}, ('127.0.0.4', None)),
    # The default is not an address of the program.
    ('listen = ["127.0.0.2:0"]', ('127.0.0.1', 8080), {}, ('127.0.0.2', None)),
    ('socket_host = "127.0.0.2"\nsocket_port = 0', ('127.0.0.1', 8080), {}, ('127.0.0.2', None)),
    ('socket_host = "127.0.0.2"', ('127.0.0.1', 8080), {'socket_port': 0}, ('127.0.0.2', None)),
])
def test_address_of_the_program_overrides_that_of_a_settings_file(tmp_path, file, given, settings, bound):
    def in_place(value):
        return value.format(path=tmp_path / 'socket') if isinstance(value, str) else value

    (tmp_path / 'server.toml').write_text('[server]\n' + in_place(file))
    server = Server(in_place(given), hello)
    server.settings, server.settings_file = settings, tmp_path / 'server.toml'
    server.prepare()
    try:
        [address] = server.socket.addresses
        # `None` is any port.
        assert address == (bound[0], bound[1] or address[1]) if isinstance(bound, tuple) else address == in_place(bound)
    finally:
        server.stop()


def test_edited_address_of_a_settings_file_applies_at_the_next_start(tmp_path):
    server = Server(('127.0.0.1', 8080), hello)
    server.settings_file = tmp_path / 'server.toml'
    for host in ('127.0.0.2', '127.0.0.3'):
        server.settings_file.write_text(f'[server]\nsocket_host = "{host}"\nsocket_port = 0\n')
        server.prepare()
        assert server.bind_addr[0] == host
        previous = server.bind_addr[1]
        server.stop()
    server.settings_file.write_text('[server]\nlisten = ["127.0.0.2:0"]\n')
    server.prepare()
    assert (server.bind_addr[0], server.bind_addr[1] != previous) == ('127.0.0.2', True)
    server.stop()


def test_change_in_a_running_server_reads_no_file_again(serve, connect, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'server.toml').write_text('[server]\nsocket_timeout = 30\nmax_request_body_size = 20\n')
    server = Server(('127.0.0.1', 0), hello)
    server.settings_file = 'server.toml'
    server.prepare()
    try:
        (tmp_path / 'server.toml').unlink()
        # The file still holds where an attribute has its default.
        for size, status in [(10, '413'), (0, '413'), (200, '200')]:
            server.max_request_body_size = size
            assert connect(server).get(method='POST', content=b'x' * 100).status[:3] == status
        server.timeout = 0.2
        assert connect(server).send(b'GET / HT').answer().status[:3] == '408'
        server.settings = {'max_request_body_size': '50'}
        assert connect(server).get(method='POST', content=b'x' * 100).status[:3] == '413'
        server.settings = {}
        assert connect(server).get(method='POST', content=b'x' * 100).status[:3] == '200'
    finally:
        server.stop()


def test_attribute_of_the_next_start_waits_for_that_start(serve):
    server = serve(hello, numthreads=2)
    wait_until(lambda: len(server.requests._threads) == 2)
    server.numthreads = 4
    server.request_queue_size = 'unusable'
    server.timeout = 5
    assert len(server.requests._threads) == 2
    server.stop()
    server.request_queue_size = 5
    server.prepare()
    wait_until(lambda: len(server.requests._threads) == 4)


def test_stop_waits_for_a_running_handler(serve, connect):
    begun, may_go = threading.Event(), threading.Event()

    def slow(environ, start_response):
        begun.set()
        assert may_go.wait(10)
        return hello(environ, start_response)

    server = serve(slow)
    client = connect(server)
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert begun.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    wait_until(lambda: not server.ready)
    may_go.set()
    assert client.answer().content == b'hello'
    stopping.join(10)
    assert not stopping.is_alive()


def test_stop_ends_the_wait_for_a_handler_at_the_shutdown_timeout(serve, connect):
    begun, may_go = threading.Event(), threading.Event()

    def stuck(environ, start_response):
        begun.set()
        may_go.wait(20)
        return hello(environ, start_response)

    server = serve(stuck, shutdown_timeout=0)
    client = connect(server)
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert begun.wait(10)
    server.stop()
    assert not may_go.is_set()
    may_go.set()


def test_handler_stops_its_server(serve, connect):
    def stopping(environ, start_response):
        server.stop()
        return hello(environ, start_response)

    server = serve(stopping)
    assert connect(server).get().content == b'hello'
    assert not server.ready


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit])
def test_interrupt_of_a_handler_stops_the_server(connect, capfd, error):
    def interrupted(environ, start_response):
        raise error('in the handler')

    server = Server(('127.0.0.1', 0), interrupted)
    server.prepare()
    client = connect(server)
    client.send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    with pytest.raises(error, match='in the handler'):
        server.serve()
    assert not server.ready and isinstance(server.interrupt, error)


class Unwritable(Server):
    def error_log(self, msg='', level=20, traceback=False):
        raise OSError('no space left')


@pytest.mark.parametrize('error', [KeyboardInterrupt, SystemExit])
def test_interrupt_stops_a_server_whose_log_fails(connect, error):
    def interrupted(environ, start_response):
        raise error('in the handler')

    server = Unwritable(('127.0.0.1', 0), interrupted)
    server.prepare()
    connect(server).send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    wait_until(lambda: not server.ready)
    with pytest.raises(error, match='in the handler'):
        server.serve()
    server.prepare()
    with pytest.raises(OSError, match='no space'):
        server.interrupt = error()
    assert not server.ready


def test_interrupt_from_outside_is_raised_by_serve(serve):
    server = Server(('127.0.0.1', 0), hello)
    server.prepare()
    server.interrupt = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        server.serve()


def test_dropped_server_stops(connect):
    server = Server(('127.0.0.1', 0), hello)
    server.prepare()
    client = connect(server)
    address, alive = server.bind_addr, weakref.ref(server)
    assert client.get().content == b'hello'
    del server
    gc.collect()
    assert alive() is None
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(address)


def test_server_in_a_cycle_with_its_application_is_collected():
    class Site:
        def __call__(self, environ, start_response):
            return hello(environ, start_response)

    site = Site()
    site.server = Server(('127.0.0.1', 0), site)
    site.server.prepare()
    site.server.stop()
    alive = weakref.ref(site)
    del site
    wait_until(lambda: gc.collect() is not None and alive() is None)


def test_thread_keeps_its_locals_and_its_name(serve, connect):
    local, names = threading.local(), set()

    def counting(environ, start_response):
        names.add(threading.current_thread().name)
        local.number = getattr(local, 'number', 0) + 1
        start_response('200 OK', [])
        return [str(local.number).encode()]

    client = connect(serve(counting, numthreads=1))
    assert [client.get().content for _ in range(3)] == [b'1', b'2', b'3']
    assert len(names) == 1 and names.pop().startswith('drupe-')


@pytest.mark.parametrize('kind', ['trace', 'profile'])
def test_hook_of_threading_sees_the_application(serve, connect, kind):
    seen = set()

    def hook(frame, event, argument):
        seen.add(frame.f_code.co_name)

    previous = getattr(threading, f'get{kind}')()
    getattr(threading, f'set{kind}')(hook)
    try:
        client = connect(serve(hello))
        assert client.get().content == b'hello'
    finally:
        getattr(threading, f'set{kind}')(previous)
    assert 'hello' in seen


def test_ended_thread_leaves_the_list_of_threads():
    before = set(threading.enumerate())

    def workers():
        return set(threading.enumerate()) - before

    for _ in range(3):
        server = Server(('127.0.0.1', 0), hello, numthreads=20)
        server.prepare()
        wait_until(lambda: len(workers()) >= 20)
        server.stop()
        wait_until(lambda: not workers())


def test_recursion_has_the_stack_of_a_python_thread(serve, connect):
    def deep(environ, start_response):
        sys.setrecursionlimit(20000)
        try:
            depth = nested(8000)
        finally:
            sys.setrecursionlimit(1000)
        start_response('200 OK', [])
        return [str(depth).encode()]

    def nested(depth):
        return 0 if depth == 0 else 1 + max([nested(depth - 1)])

    assert connect(serve(deep)).get().content == b'8000'


def test_spinning_handler_leaves_refusals_to_the_server(serve, connect):
    is_over = threading.Event()

    def spinning(environ, start_response):
        while not is_over.is_set():
            pass
        return hello(environ, start_response)

    server = serve(spinning, numthreads=2)
    clients = [connect(server).send(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n') for _ in range(2)]
    assert connect(server).send(b'malformed\r\n\r\n').answer().status[:3] == '400'
    is_over.set()
    assert [client.answer().content for client in clients] == [b'hello'] * 2


def test_raising_filter_loses_one_record_only(serve, connect, caplog, capfd):
    def fail(record):
        if '/first' in record.getMessage():
            raise LookupError('of a filter')
        return True

    def application(environ, start_response):
        raise ValueError

    logger = logging.getLogger('drupe')
    logger.addFilter(fail)
    try:
        client = connect(serve(application))
        client.get('/first')
        client.get('/second')
        wait_until(lambda: any('/second' in record.getMessage() for record in caplog.records))
    finally:
        logger.removeFilter(fail)
    assert 'LookupError: of a filter' in capfd.readouterr().err


def test_records_of_the_server_reach_logging(serve, connect, caplog, capfd):
    def failing(environ, start_response):
        raise LookupError('seen')

    with caplog.at_level('INFO', logger='drupe'):
        server = serve(failing)
        connect(server).get('/lost')
        wait_until(lambda: any('/lost' in record.getMessage() for record in caplog.records))
    [record] = [record for record in caplog.records if '/lost' in record.getMessage()]
    assert (record.levelname, record.name) == ('ERROR', 'drupe')
    assert any('serving on' in record.getMessage() for record in caplog.records)


def test_path_dispatcher_takes_the_longest_prefix(serve, connect):
    def telling(environ, start_response):
        start_response('200 OK', [])
        return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

    def named(name):
        def application(environ, start_response):
            return [name, *telling(environ, start_response)]
        return application

    apps = {'/': named(b'root '), '/tea': named(b'tea '), '/tea/pot/': named(b'pot ')}
    for given in (apps, list(apps.items())):
        client = connect(serve(PathInfoDispatcher(given)))
        for path, told in [
            ('/', b'root |/'), ('/teapot', b'root |/teapot'), ('/tea', b'tea /tea|'),
            ('/tea/x', b'tea /tea|/x'), ('/tea/pot/a', b'pot /tea/pot|/a'),
        ]:
            assert client.get(path).content == told
    client = connect(serve(PathInfoDispatcher([('/tea', hello)])))
    assert client.get('/teapot').status == '404 Not Found'
