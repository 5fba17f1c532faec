"""A server for WSGI applications, with the surface of ``cheroot.wsgi``.

::

    from drupe.wsgi import Server

    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'hello']

    Server(('127.0.0.1', 8080), application).start()
"""

import contextlib
import logging
import os
import sys
import threading
import traceback as traceback_
import weakref

from . import _drupe, _process, _settings
from ._dispatcher import PathInfoDispatcher
from ._statistics import make_stats
from ._threads import Threads

__all__ = ['PathInfoDispatcher', 'Server', 'WSGIPathInfoDispatcher', 'WSGIServer']


class Server:
    """A WSGI server on drupe's engine.

    The arguments are those of ``cheroot.wsgi.Server``, and so are the attributes. Attributes can be
    changed while the server runs; those of sockets, threads and TLS take effect at the next start.
    """

    version = 'drupe/' + _drupe.__version__
    wsgi_version = (1, 0)
    protocol = 'HTTP/1.1'
    #: The ``Server`` field and ``SERVER_SOFTWARE``; `None`: the version.
    software = None
    nodelay = True
    ssl_adapter = None
    #: The most connections idle between two requests; `None`: no limit of its own.
    keep_alive_conn_limit = None
    #: The idle timeout between two requests in seconds; `None`: as `timeout`.
    keep_alive_timeout = None
    #: The most bytes of a request head; 0: no limit but 1 GiB.
    max_request_header_size = 512000
    #: The most bytes of the content of a request; 0: no limit.
    max_request_body_size = 0
    #: The bytes of content received before the application is called.
    body_buffer_size = 65536
    #: CONNECT is passed to the application, instead of 405.
    accept_connect = False
    #: Without an effect: drupe keeps an exact deadline for each connection.
    expiration_interval = 0.5
    #: A TOML file of drupe's own settings. Attributes that differ from their defaults override it.
    settings_file = None

    def __init__(
        self,
        bind_addr,
        wsgi_app,
        numthreads=10,
        server_name=None,
        max=-1,
        request_queue_size=5,
        timeout=10,
        shutdown_timeout=5,
        accepted_queue_size=-1,
        accepted_queue_timeout=10,
        peercreds_enabled=False,
        peercreds_resolve_enabled=False,
        reuse_port=False,
    ):
        self._engine = None
        self._interrupt = None
        self._failure = None
        self._over = None
        self._process = None
        self._watcher = None
        self._started = None
        self._run_time = 0.0
        self._lock = threading.Lock()
        self.socket = None
        #: drupe's own settings by name, such as ``{'minimum_rate': '-1'}``; they override all others.
        self.settings = {}
        self.bind_addr = bind_addr
        self.wsgi_app = wsgi_app
        self.requests = Threads(self, numthreads or 1, max)
        self.server_name = server_name or self.version
        self.request_queue_size = request_queue_size
        self.timeout = timeout
        self.shutdown_timeout = shutdown_timeout
        self.accepted_queue_size = accepted_queue_size
        self.accepted_queue_timeout = accepted_queue_timeout
        self.peercreds_enabled = peercreds_enabled
        self.peercreds_resolve_enabled = peercreds_resolve_enabled and peercreds_enabled
        self.reuse_port = reuse_port
        self.clear_stats()

    def __setattr__(self, name, value):
        if name in _settings.REFUSED:
            raise AttributeError(f'drupe cannot honour {name}: {_settings.REFUSED[name]}')
        if name not in _settings.LIVE or not self.ready:
            return super().__setattr__(name, value)
        previous = getattr(self, name)
        super().__setattr__(name, value)
        try:
            self._reload()
        except Exception:
            super().__setattr__(name, previous)
            raise

    def __getattr__(self, name):
        if name in _settings.REFUSED:
            raise AttributeError(f'drupe has no {name}: {_settings.REFUSED[name]}')
        raise AttributeError(f'{type(self).__name__!r} object has no attribute {name!r}')

    def __del__(self):
        # The watching thread holds the engine until the engine has stopped.
        engine = self.__dict__.get('_engine')
        if engine is not None:
            engine.stop()

    def __str__(self):
        return f'{type(self).__module__}.{type(self).__name__}({self.bind_addr!r})'

    @property
    def bind_addr(self):
        """The address to listen on: ``(host, port)``, or the path of a Unix socket.

        After a start with port 0 the port is the real one.
        """
        return self._bind_addr

    @bind_addr.setter
    def bind_addr(self, value):
        if isinstance(value, tuple) and value[0] in ('', None):
            raise ValueError(
                "the host '' or None is not allowed; '0.0.0.0' or '::' stand for all addresses")
        self._bind_addr = self._given_addr = value

    @property
    def wsgi_app(self):
        """The application; a change takes effect at the next request."""
        return self._wsgi_app

    @wsgi_app.setter
    def wsgi_app(self, value):
        self._wsgi_app = value
        if self._engine is not None:
            self._engine.set_application(value)

    @property
    def numthreads(self):
        """The number of worker threads that are always kept."""
        return self.requests.min

    @numthreads.setter
    def numthreads(self, value):
        self.requests.min = value

    @property
    def ready(self):
        """True while the server accepts connections, and its address is known."""
        state = self.__dict__
        return state.get('socket') is not None and state['_engine'].is_running

    @property
    def interrupt(self):
        """The exception that has stopped the server, to be raised by `serve`.

        Setting an exception stops the server.
        """
        return self._interrupt

    @interrupt.setter
    def interrupt(self, value):
        self._interrupt = value
        if value is None:
            return
        try:
            if isinstance(value, KeyboardInterrupt):
                self.error_log('Keyboard Interrupt: shutting down')
            if isinstance(value, SystemExit):
                self.error_log('SystemExit raised: shutting down')
        finally:
            self.stop()

    def prepare(self):
        """Bind and start; clients are served from now on.

        `OSError` for an address that cannot be bound, `ValueError` for a setting out of range.
        """
        with self._lock:
            if self.ready:
                raise RuntimeError('the server runs already')
            self._interrupt = self._failure = None
            if self._engine is None:
                this = weakref.ref(self)
                self._engine = _drupe.Engine(self.wsgi_app, lambda *what: _interrupted(this, *what))
            engine = self._engine
            # Before the start, so that an interpreter that ends meanwhile stops the server.
            _process.register(engine)
            file = self.settings_file
            self._started = _settings.lasting(self), file is not None
            under, over = self._layers(*self._started)
            engine.start(under, file, over)
            if self._over is not None:
                # The thread that watches the previous run may have missed the moment of its end.
                self._over.set()
            self._process = os.getpid()
            self._over = threading.Event()
            self._watcher = threading.Thread(
                target=_watch, args=(weakref.ref(self), engine, self._over), name='drupe-watch', daemon=True)
            self._watcher.start()
            self._note_address(engine.listening)

    def serve(self):
        """Wait until the server is stopped; call `prepare` before.

        Raises the exception of `interrupt`, if there is one, or `RuntimeError` if the server has
        stopped because of a failure.
        """
        over = self._over
        if over is None:
            return
        if self._process != os.getpid():
            raise RuntimeError('the server belongs to the parent of this process')
        # A signal interrupts the wait for an event at once; but not if it comes just before the wait,
        # or to another thread.
        while not over.wait(1):
            pass
        if self._interrupt is not None:
            raise self._interrupt
        if self._failure is not None:
            raise self._failure

    def start(self):
        """Run the server until it is stopped: `prepare`, then `serve`."""
        self.prepare()
        self.serve()

    def safe_start(self):
        """Run the server, and stop it on `KeyboardInterrupt` and `SystemExit`."""
        try:
            self.start()
        except (KeyboardInterrupt, SystemExit) as error:
            if self._interrupt is None:
                self.interrupt = error
            raise

    def stop(self):
        """Stop the server; running requests have `shutdown_timeout` seconds to finish.

        May be called from any thread, and from the application, which the call does not wait for.
        An exception of a signal's handler, such as `KeyboardInterrupt`, cuts running requests and
        leaves the call.
        """
        engine = self._engine
        if engine is None or not engine.is_running:
            return
        self._run_time += engine.statistics().get('run_time', 0.0)
        try:
            engine.stop()
        finally:
            self.socket = None

    def reload_certificates(self):
        """Read the files of certificates and keys again, for new connections."""
        if self._engine is not None:
            self._engine.reload_certificates()

    def runtime(self):
        """Return the seconds for which the server has run."""
        now = self._engine.statistics().get('run_time', 0.0) if self.ready else 0.0
        return self._run_time + now

    def clear_stats(self):
        """Make the statistics anew: a dict, also in ``logging.statistics``."""
        self.stats = make_stats(self)
        # CherryPy's statistics page shows this attribute of `logging`.
        registry = logging.__dict__.setdefault('statistics', {})
        name = f'drupe HTTPServer {id(self)}'
        if name not in registry:
            weakref.finalize(self, registry.pop, name, None)
        registry[name] = self.stats

    def error_log(self, msg='', level=20, traceback=False):
        """Write a message to `sys.stderr`, with the traceback of the current exception.

        Messages below the level `logging.INFO` are dropped.
        """
        if level < logging.INFO:
            return
        sys.stderr.write(f'{msg}\n')
        if traceback:
            sys.stderr.write(traceback_.format_exc())
        sys.stderr.flush()

    def _layers(self, lasting, has_file):
        """Return the settings under those of a file, and those over them."""
        given = _settings.given(self)
        own = {**lasting, **_settings.live(self)}
        if not has_file:
            return {}, {**own, **given}
        pristine_server = Server(('127.0.0.1', 8080), None)
        pristine = _settings.texts(pristine_server)
        if self.keep_alive_timeout is None:
            # Taken from `timeout`, so that the file comes first.
            pristine['keep_alive_timeout'] = own['keep_alive_timeout']
        changed = {
            name: text for name, text in own.items()
            if pristine.get(name) != text and name not in _settings.ADDRESS}
        if self._given_addr != pristine_server.bind_addr:
            # Whole: the host of the file does not belong to the port of the program.
            changed.update(_settings.whole_address(lasting))
        return pristine, {**changed, **given}

    def _reload(self):
        # Attributes of sockets, threads and TLS are those of the start, and so is the file.
        self._engine.reload(*self._layers(*self._started))

    @contextlib.contextmanager
    def _run_in_thread(self):
        """Serve on a thread until the end of the block."""
        self.prepare()
        thread = threading.Thread(target=self.serve, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            self.stop()

    def _note_address(self, listening):
        if not listening:
            return
        if isinstance(listening[0], tuple) or isinstance(self._bind_addr, bytes):
            self._bind_addr = listening[0]
        # Last: from now on the server is ready.
        self.socket = ListeningAddress(listening)


class ListeningAddress:
    """The addresses of a running server, in place of the socket of cheroot's server."""

    def __init__(self, listening):
        #: All addresses: ``(host, port)``, or the path of a Unix socket.
        self.addresses = listening

    def getsockname(self):
        """Return the first address."""
        return self.addresses[0]


def _interrupted(this, error, environ):
    """Stop the server of `this` because its application has raised `error`."""
    server = this()
    if server is not None:
        peer = f"{environ.get('REMOTE_ADDR')}:{environ.get('REMOTE_PORT')}"
        try:
            server.error_log(
                f'Got a server shutdown request while handling a connection from {peer} ({error})',
                level=logging.DEBUG)
            server.error_log(f'Setting the server interrupt flag to {error!r}', level=logging.DEBUG)
        finally:
            server.interrupt = error


def _watch(this, engine, over):
    """Set `over` when the engine has stopped."""
    failure = None
    try:
        engine.block()
    except Exception as error:
        failure = error
    server = this()
    if failure is not None and server is not None:
        server._failure = failure
    over.set()


WSGIServer = Server
WSGIPathInfoDispatcher = PathInfoDispatcher
