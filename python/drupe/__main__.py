"""Serves a WSGI application from a command line: ``python -m drupe module:application``."""

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys

from . import __version__, _drupe, _settings
from .ssl import BuiltinSSLAdapter
from .wsgi import Server


def main(arguments=None):
    """Serve the application that `arguments` name, until SIGTERM or Ctrl-C."""
    options = parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format='%(asctime)s %(levelname)s %(name)s: %(message)s')
    # An access record is a complete line.
    access = logging.getLogger('drupe.access')
    access.propagate = False
    try:
        with errors_in_a_line():
            if options.access_log is not None:
                add_access_log(access, options.access_log)
            enter(options)
        # A mistake in the module of the application needs its traceback.
        application = load(options.application)
        with errors_in_a_line():
            server = server_of(options, application)
            signal.signal(signal.SIGTERM, terminate)
            signal.signal(signal.SIGHUP, lambda *_: reload_certificates(server))
            server.safe_start()
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code
    return 0


@contextlib.contextmanager
def errors_in_a_line():
    """End the process with a line for an error of the command."""
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f'drupe: {error}')


def parser():
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(prog='python -m drupe', description=__doc__.partition(':')[0] + '.')
    result.add_argument('application', help='module:attribute; the attribute is "application" by default')
    result.add_argument(
        '--bind', metavar='ADDRESS', action='append',
        help='host:port, [host]:port, unix:path or fd:number; may be repeated (default: 127.0.0.1:8080)')
    result.add_argument('--threads', metavar='N', type=int, help='worker threads (default: 10)')
    result.add_argument('--threads-max', metavar='N', type=int, help='most worker threads (default: as --threads)')
    result.add_argument('--timeout', metavar='SECONDS', type=float, help='limit of waits for clients (default: 10)')
    result.add_argument('--certificate', metavar='FILE', help='certificate in PEM; serves HTTPS')
    result.add_argument('--private-key', metavar='FILE', help='its key in PEM (default: in the certificate file)')
    result.add_argument('--access-log', metavar='FILE', help='file for a line per request; - is standard output')
    result.add_argument('--settings', metavar='FILE', help="TOML file of drupe's settings; the other options override it")
    result.add_argument('--chdir', metavar='DIR', help='directory to change to before the import')
    result.add_argument('--version', action='version', version=f'drupe {__version__}')
    return result


def enter(options):
    """Change to the directory of the application, which is imported from there."""
    if options.settings is not None:
        options.settings = os.path.abspath(options.settings)
    if options.chdir is not None:
        os.chdir(options.chdir)
    sys.path.insert(0, os.getcwd())


def server_of(options, application):
    """Return the server of `application` that `options` describe."""
    server = Server(('127.0.0.1', 8080), application, max=-1)
    server.settings_file = options.settings
    # As settings, because a file overrides attributes that have their defaults.
    if options.threads is not None:
        server.settings['thread_pool'] = server.settings['thread_pool_max'] = options.threads
    if options.threads_max is not None:
        server.settings['thread_pool_max'] = options.threads_max
    if options.timeout is not None:
        server.timeout = options.timeout
        server.settings['socket_timeout'] = _settings.texts(server)['socket_timeout']
    if options.certificate is not None:
        server.ssl_adapter = BuiltinSSLAdapter(options.certificate, options.private_key)
    elif options.private_key is not None:
        raise ValueError('--private-key needs --certificate')
    if options.bind:
        server.settings['listen'] = ','.join(options.bind)
    return server


def load(name):
    """Return the application called `name`."""
    module, _, attribute = name.partition(':')
    if not module or module.startswith('.'):
        sys.exit(f'drupe: {name} names no module')
    try:
        result = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Any other module is one that the application imports.
        if error.name is None or not f'{module}.'.startswith(f'{error.name}.'):
            raise
        sys.exit(f'drupe: {error}')
    try:
        for part in (attribute or 'application').split('.'):
            result = getattr(result, part)
    except AttributeError as error:
        sys.exit(f'drupe: {error}')
    if not callable(result):
        sys.exit(f'drupe: {name} is not callable')
    return result


def add_access_log(logger, path):
    """Write access records to `path`."""
    handler = logging.StreamHandler(sys.stdout) if path == '-' else logging.FileHandler(path)
    handler.setFormatter(logging.Formatter('%(message)s'))
    logger.addHandler(handler)
    _drupe.log_access(True)


def terminate(*_):
    """End the process in order: `SystemExit` leaves the wait of the server."""
    sys.exit(0)


def reload_certificates(server):
    """Read certificates again; the previous ones stay in use if the new ones are unusable."""
    try:
        server.reload_certificates()
    except (OSError, ValueError) as error:
        logging.getLogger('drupe').error('certificates were not reloaded: %s', error)


if __name__ == '__main__':
    sys.exit(main())
