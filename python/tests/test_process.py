"""Signals, forks and the end of the interpreter: each in a process of its own."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from conftest import Client

BEGIN = '''
import os, signal, sys, threading, time
from drupe.wsgi import Server
begun = threading.Event()

def application(environ, start_response):
    path = environ['PATH_INFO']
    begun.set()
    if path == '/sleep':
        time.sleep(1)
    if path == '/forever':
        while True:
            time.sleep(0.1)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [path.encode()]

server = Server(('127.0.0.1', 0), application, shutdown_timeout=0.2)
'''


class Program:
    """A Python program with a server, which prints its port."""

    begun = []

    def __init__(self, code):
        text = BEGIN + textwrap.dedent(code)
        self.process = subprocess.Popen(
            [sys.executable, '-c', text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.begun.append(self.process)

    def port(self):
        return int(self.process.stdout.readline())

    def client(self):
        return Client(('127.0.0.1', self.port()))

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Return the exit code, and the text on stderr."""
        try:
            _, errors = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, errors


@pytest.fixture(autouse=True)
def leave_nothing():
    """End the programs of a test that has failed."""
    yield
    while Program.begun:
        Program.begun.pop().kill()


PRINT = "print(server.bind_addr[1], flush=True)\n"


def test_interrupt_ends_start_at_once():
    program = Program('''
        def told():
            while not server.ready:
                time.sleep(0.01)
            print(server.bind_addr[1], flush=True)
        threading.Thread(target=told).start()
        try:
            server.start()
        except KeyboardInterrupt:
            print('interrupted', server.ready, flush=True)
            server.stop()
            print('stopped', server.ready, flush=True)
    ''')
    program.port()
    begun = time.monotonic()
    program.interrupt()
    assert program.process.stdout.readline() == 'interrupted True\n'
    # A wait that is deaf to signals would last until the stop, which comes only afterwards.
    assert program.process.stdout.readline() == 'stopped False\n'
    assert program.end() == (0, '')
    assert time.monotonic() - begun < 15


def test_safe_start_stops_on_an_interrupt():
    program = Program('''
        def told():
            while not server.ready:
                time.sleep(0.01)
            print(server.bind_addr[1], flush=True)
        threading.Thread(target=told).start()
        try:
            server.safe_start()
        except KeyboardInterrupt:
            assert not server.ready
            print('clean', flush=True)
    ''')
    program.port()
    program.interrupt()
    code, errors = program.end()
    assert code == 0, errors


def test_interrupt_that_another_thread_takes_ends_start():
    program = Program('''
        def interrupted():
            while not server.ready:
                time.sleep(0.01)
            time.sleep(0.3)
            # No wait of the main thread is interrupted, as by a signal just before that wait.
            signal.raise_signal(signal.SIGINT)
        threading.Thread(target=interrupted).start()
        try:
            server.start()
        except KeyboardInterrupt:
            print('interrupted', flush=True)
    ''')
    code, errors = program.end()
    assert code == 0, errors


@pytest.mark.parametrize('path', ['/sleep', '/quick'])
def test_interpreter_ends_with_a_running_handler(path):
    program = Program('server.prepare()\n' + PRINT + 'begun.wait(10)\n')
    client = program.client()
    client.send(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
    code, errors = program.end()
    assert (code, 'FATAL' in errors, 'panicked' in errors) == (0, False, False), errors


def test_second_interrupt_ends_a_process_with_a_stuck_handler():
    program = Program('server.prepare()\n' + PRINT + 'begun.wait(10)\nprint("ending", flush=True)\n')
    client = program.client()
    client.send(b'GET /forever HTTP/1.1\r\nHost: a\r\n\r\n')
    assert program.process.stdout.readline() == 'ending\n'
    time.sleep(0.5)
    program.interrupt()
    code, errors = program.end()
    assert code == 130 and 'handlers run' in errors


def test_interpreter_ends_with_a_server_that_was_never_stopped():
    program = Program('server.prepare()\n' + PRINT)
    program.port()
    assert program.end() == (0, '')


def test_forked_child_leaves_the_server_to_its_parent():
    program = Program('''
        server.prepare()
        child = os.fork()
        if child == 0:
            assert not server.ready
            server.stop()
            del server
            sys.exit(7)
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) == 7, status
        print(server.bind_addr[1], flush=True)
        begun.wait(10)
        time.sleep(0.1)
        server.stop()
    ''')
    client = program.client()
    assert client.get('/after').content == b'/after'
    code, errors = program.end()
    assert code == 0, errors
    assert 'panicked' not in errors


def test_forked_child_cannot_run_the_server_of_its_parent():
    program = Program('''
        server.prepare()
        child = os.fork()
        if child == 0:
            for run in (server.serve, server.prepare, server.start):
                try:
                    run()
                except RuntimeError as error:
                    assert 'parent' in str(error), error
                else:
                    os._exit(5)
            os._exit(7)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        server.stop()
        sys.exit(code)
    ''')
    assert program.end()[0] == 7


def test_children_share_a_port():
    program = Program('''
        server.reuse_port = True
        server.prepare()
        address = server.bind_addr
        ready, is_ready = os.pipe()
        if os.fork() == 0:
            own = Server(address, application, reuse_port=True)
            own.prepare()
            os.write(is_ready, b'x')
            begun.wait(10)
            time.sleep(0.1)
            sys.exit(0)
        server.stop()
        os.read(ready, 1)
        print(address[1], flush=True)
        os.wait()
    ''')
    assert program.client().get('/child').content == b'/child'
    assert program.end()[0] == 0


def test_handler_forks():
    program = Program('''
        def application(environ, start_response):
            child = os.fork()
            if child == 0:
                os._exit(5)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            start_response('200 OK', [])
            begun.set()
            return [str(status).encode()]
        server.wsgi_app = application
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(10)
        time.sleep(0.1)
    ''')
    assert program.client().get().content == b'5'
    assert program.end()[0] == 0


def test_child_serves_with_a_server_of_its_own():
    program = Program('''
        server.prepare()
        if os.fork() == 0:
            own = Server(('127.0.0.1', 0), application)
            own.prepare()
            print(own.bind_addr[1], flush=True)
            begun.wait(10)
            time.sleep(0.1)
            sys.exit(0)
        os.wait()
    ''')
    assert program.client().get('/child').content == b'/child'
    assert program.end()[0] == 0


def test_interrupt_of_a_stop_cuts_running_requests():
    program = Program('''
        server.shutdown_timeout = 60
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(10)
        print('stopping', flush=True)
        try:
            server.stop()
        except KeyboardInterrupt:
            print('interrupted', server.ready, flush=True)
        os._exit(3)
    ''')
    client = program.client()
    client.send(b'GET /forever HTTP/1.1\r\nHost: a\r\n\r\n')
    assert program.process.stdout.readline() == 'stopping\n'
    time.sleep(0.5)
    program.interrupt()
    assert program.process.stdout.readline() == 'interrupted False\n'
    assert client.file.read() == b''
    assert program.end()[0] == 3


@pytest.mark.parametrize(('action', 'code', 'text'), [
    ('sys.exit(0)', 0, 'handlers run'),
    ('sys.exit(7)', 7, 'handlers run'),
    ('sys.exit("why")', 1, 'why'),
    ('raise LookupError("of a signal")', 1, 'of a signal'),
])
def test_second_signal_ends_a_process_with_a_stuck_handler(action, code, text):
    program = Program(f'''
        def act(*_):
            {action}
        signal.signal(signal.SIGTERM, act)
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(10)
        print('ending', flush=True)
    ''')
    client = program.client()
    client.send(b'GET /forever HTTP/1.1\r\nHost: a\r\n\r\n')
    assert program.process.stdout.readline() == 'ending\n'
    time.sleep(0.5)
    program.process.send_signal(signal.SIGTERM)
    ended, errors = program.end()
    assert ended == code and text in errors


def check_patched_threads(patch, printed):
    """Run `patch` in another interpreter, and expect a server there to print `printed`."""
    code = f'''{patch}
from drupe.wsgi import Server
server = Server(('127.0.0.1', 0), lambda environ, start_response: [])
try:
    server.prepare()
except RuntimeError as error:
    print(error)
else:
    server.stop()
    print('served')
'''
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=30)
    assert printed in result.stdout and result.returncode == 0, result.stderr


@pytest.mark.parametrize(('arguments', 'printed'), [
    ('', 'gevent has patched the module threading'), ('thread=False', 'served')])
def test_threads_of_gevent_are_refused_by_name(arguments, printed):
    pytest.importorskip('gevent')
    check_patched_threads(f'import gevent.monkey; gevent.monkey.patch_all({arguments})', printed)


@pytest.mark.parametrize(('patched', 'printed'), [
    ('"thread"', 'eventlet has patched the module thread'), ('"socket"', 'served')])
def test_threads_of_eventlet_are_refused_by_name(patched, printed):
    check_patched_threads(f'''
import sys, types
patcher = types.ModuleType('eventlet.patcher')
patcher.is_monkey_patched = lambda module: module == {patched}
sys.modules['eventlet.patcher'] = patcher
''', printed)


CLOSED = {
    'None': 'sys.stderr = None',
    'full': 'sys.stderr = open("/dev/full", "w", buffering=1)',
    'closed': 'sys.stderr = open(os.devnull, "w"); sys.stderr.close()',
}


@pytest.mark.parametrize('close', CLOSED.values(), ids=CLOSED.keys())
@pytest.mark.parametrize(('end', 'code'), [('return b""', 1), ('raise KeyError("of the child")', 1)])
def test_child_that_leaves_a_handler_ends_without_stderr(close, end, code):
    program = Program(f'''
        {close}
        def content():
            child = os.fork()
            if child == 0:
                {end}
            return str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode()
        def application(environ, start_response):
            start_response('200 OK', [('Content-Type', 'text/plain')])
            return [content()]
        server.wsgi_app = application
        server.prepare()
        print(server.bind_addr[1], flush=True)
        time.sleep(1)
    ''')
    assert program.client().get().content == str(code).encode()
    assert program.end()[0] == 0


@pytest.mark.parametrize('close', CLOSED.values(), ids=CLOSED.keys())
@pytest.mark.parametrize(('action', 'code'), [('sys.exit(7)', 7), ('raise LookupError', 1)])
def test_second_signal_ends_a_process_without_stderr(close, action, code):
    program = Program(f'''
        def act(*_):
            {action}
        signal.signal(signal.SIGTERM, act)
        server.prepare()
        print(server.bind_addr[1], flush=True)
        begun.wait(10)
        {close}
        print('ending', flush=True)
    ''')
    program.client().send(b'GET /forever HTTP/1.1\r\nHost: a\r\n\r\n')
    assert program.process.stdout.readline() == 'ending\n'
    time.sleep(0.5)
    program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == code


def test_child_without_a_log_thread_does_not_wake_the_log():
    program = Program('''
        from drupe import _drupe
        server.prepare()
        # In place of a lock whose holder the child does not have.
        _drupe.wake_records = lambda: os._exit(9)
        child = os.fork()
        if child == 0:
            sys.exit(7)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    ''')
    assert program.end()[0] == 7
