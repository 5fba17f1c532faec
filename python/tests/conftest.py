"""Servers and a plain client for the tests."""

import contextlib
import signal
import socket
import subprocess
import threading
import time

import pytest

from drupe.wsgi import Server

# A process in the background of a shell ignores SIGINT, and so would the programs that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(holds):
    """Wait for 20 seconds at most until `holds()` is true."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_printed(capfd, text):
    """Wait until standard error has `text`, which may come in pieces and behind the answer."""
    printed = ''

    def is_there():
        nonlocal printed
        printed += capfd.readouterr().err
        return text in printed

    wait_until(is_there)


class Answer:
    """A response: version, status, fields as (name, value), content."""

    def __init__(self, head, content):
        lines = head.decode('latin-1').split('\r\n')
        self.version, self.status = lines[0].split(' ', 1)
        self.fields = [tuple(line.split(': ', 1)) for line in lines[1:]]
        self.content = content

    def field(self, name):
        """Return the value of the first field called `name`; `None` without one."""
        values = [value for other, value in self.fields if other.lower() == name.lower()]
        return values[0] if values else None


class Client:
    """A connection that sends bytes and reads responses."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self.file = self.socket.makefile('rb')

    def send(self, data):
        self.socket.sendall(data)
        return self

    def get(self, path='/', *fields, method='GET', content=b''):
        head = [f'{method} {path} HTTP/1.1', 'Host: localhost', *fields]
        if content:
            head.append(f'Content-Length: {len(content)}')
        return self.send('\r\n'.join([*head, '', '']).encode('latin-1') + content).answer(method)

    def head(self):
        lines = []
        while (line := self.file.readline()) not in (b'\r\n', b''):
            lines.append(line.rstrip(b'\r\n'))
        if not lines:
            raise ConnectionError('no response')
        return b'\r\n'.join(lines)

    def answer(self, method='GET'):
        answer = Answer(self.head(), b'')
        if method == 'HEAD' or answer.status[:3] in ('204', '304'):
            return answer
        if answer.field('Transfer-Encoding') == 'chunked':
            while (size := int(self.file.readline(), 16)):
                answer.content += self.file.read(size)
                self.file.readline()
            self.file.readline()
        elif (length := answer.field('Content-Length')) is not None:
            answer.content = self.file.read(int(length))
        else:
            answer.content = self.file.read()
        return answer

    def close(self):
        self.file.close()
        self.socket.close()


@contextlib.contextmanager
def running(application, bind_addr=('127.0.0.1', 0), server_class=Server, **arguments):
    """Serve `application` on a thread until the end of the block."""
    attributes = {
        name: arguments.pop(name) for name in list(arguments) if hasattr(server_class, name)}
    server = server_class(bind_addr, application, **arguments)
    for name, value in attributes.items():
        setattr(server, name, value)
    server.prepare()
    thread = threading.Thread(target=_serve, args=(server,))
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def _serve(server):
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        server.serve()


@pytest.fixture
def serve():
    """Serve an application for the time of a test; returns the server."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(running(*args, **kwargs))


@pytest.fixture
def connect():
    """Connect to a server."""
    with contextlib.ExitStack() as stack:
        def connected(server):
            return stack.enter_context(contextlib.closing(Client(server.bind_addr)))
        yield connected


@pytest.fixture(scope='session')
def certificate(tmp_path_factory):
    """The files of a certificate of localhost and of its key, made by openssl."""
    place = tmp_path_factory.mktemp('tls')
    names = str(place / 'certificate.pem'), str(place / 'key.pem')
    make_certificate(*names)
    return names


def make_certificate(certificate, key):
    """Make a certificate of localhost, signed by its own key."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
         '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost',
         '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        check=True, capture_output=True)
