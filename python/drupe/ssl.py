"""The TLS adapter of a server, with the arguments of ``cheroot.ssl.builtin.BuiltinSSLAdapter``.

TLS is that of rustls, so there is no Python ``SSLContext`` to configure.
"""


class BuiltinSSLAdapter:
    """The files and rules of TLS, for the attribute `ssl_adapter` of a server.

    `certificate_chain` names the file of the certificates between the server's and its root.
    `client_ca` verifies the certificates of clients, as `verify_mode` says: ``'none'``,
    ``'optional'`` or ``'required'``. `minimum_version` is ``'TLSv1.2'`` or ``'TLSv1.3'``.
    """

    def __init__(
        self,
        certificate,
        private_key=None,
        certificate_chain=None,
        ciphers=None,
        *,
        private_key_password=None,
        client_ca=None,
        verify_mode=None,
        minimum_version=None,
    ):
        self.certificate = certificate
        self.private_key = private_key
        self.certificate_chain = certificate_chain
        self.ciphers = ciphers
        self.private_key_password = private_key_password
        self.client_ca = client_ca
        self.verify_mode = verify_mode
        self.minimum_version = minimum_version

    @property
    def context(self):
        """Refused: rustls cannot use a Python ``SSLContext``."""
        raise AttributeError(
            'drupe has no SSLContext; set minimum_version, ciphers, client_ca and verify_mode')

    @context.setter
    def context(self, value):
        raise AttributeError(
            'drupe cannot honour context: rustls cannot use a Python SSLContext')
