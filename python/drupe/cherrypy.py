"""CherryPy's server on drupe.

::

    cherrypy.server.instance = 'drupe.cherrypy.CPWSGIServer'
"""

import cherrypy

from . import wsgi
from .ssl import BuiltinSSLAdapter


class CPWSGIServer(wsgi.Server):
    """A server of ``cherrypy.tree``, with the attributes of CherryPy's adapter as settings."""

    version = f'CherryPy/{cherrypy.__version__} {wsgi.Server.version}'

    #: CherryPy's applications answer CONNECT themselves.
    accept_connect = True

    def __init__(self, server_adapter=cherrypy.server):
        adapter = self.server_adapter = server_adapter
        if adapter.ssl_context:
            raise ValueError(
                'drupe cannot honour server.ssl_context: rustls cannot use a Python SSLContext; '
                'set server.ssl_certificate and server.ssl_private_key')
        if adapter.ssl_module not in (None, '', 'builtin'):
            raise ValueError(
                f'drupe cannot honour server.ssl_module = {adapter.ssl_module!r}: TLS is that of rustls')
        super().__init__(
            adapter.bind_addr,
            cherrypy.tree,
            adapter.thread_pool,
            adapter.socket_host or adapter.socket_file or None,
            max=adapter.thread_pool_max,
            request_queue_size=adapter.socket_queue_size,
            timeout=adapter.socket_timeout,
            shutdown_timeout=adapter.shutdown_timeout,
            accepted_queue_size=adapter.accepted_queue_size,
            accepted_queue_timeout=adapter.accepted_queue_timeout,
            peercreds_enabled=adapter.peercreds,
            peercreds_resolve_enabled=adapter.peercreds_resolve,
        )
        self.max_request_header_size = adapter.max_request_header_size or 0
        self.max_request_body_size = adapter.max_request_body_size or 0
        self.wsgi_version = adapter.wsgi_version
        self.protocol = adapter.protocol_version
        self.nodelay = adapter.nodelay
        if adapter.ssl_certificate:
            self.ssl_adapter = BuiltinSSLAdapter(
                adapter.ssl_certificate,
                adapter.ssl_private_key,
                adapter.ssl_certificate_chain,
                adapter.ssl_ciphers,
            )
        self.stats['Enabled'] = getattr(adapter, 'statistics', False)

    def error_log(self, msg='', level=20, traceback=False):
        """Write a message to CherryPy's log."""
        cherrypy.engine.log(msg, level, traceback)
