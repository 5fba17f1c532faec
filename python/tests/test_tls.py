"""TLS of `ssl_adapter`."""

import hashlib
import json
import socket
import ssl
import subprocess
import urllib.request

import pytest

from conftest import make_certificate
from drupe.ssl import BuiltinSSLAdapter
from drupe.wsgi import Server


def telling(environ, start_response):
    start_response('200 OK', [])
    keys = ('wsgi.url_scheme', 'HTTPS', 'SSL_PROTOCOL', 'SSL_CLIENT_VERIFY')
    return [repr([environ.get(key) for key in keys]).encode()]


def test_environ_tells_of_tls(serve, certificate):
    server = serve(telling, ssl_adapter=BuiltinSSLAdapter(*certificate))
    context = ssl.create_default_context(cafile=certificate[0])
    url = f'https://localhost:{server.bind_addr[1]}/'
    assert eval(urllib.request.urlopen(url, context=context).read()) == ['https', 'on', 'TLSv1.3', 'NONE']


def test_adapter_of_a_class_is_used(serve, certificate):
    class Secure(Server):
        ssl_adapter = BuiltinSSLAdapter(*certificate)

    server = serve(telling, server_class=Secure)
    context = ssl.create_default_context(cafile=certificate[0])
    url = f'https://localhost:{server.bind_addr[1]}/'
    assert urllib.request.urlopen(url, context=context).status == 200


def fingerprint(server):
    context = ssl._create_unverified_context()
    with socket.create_connection(server.bind_addr) as plain, context.wrap_socket(plain) as secure:
        return hashlib.sha256(secure.getpeercert(binary_form=True)).digest()


def test_certificates_are_read_again_on_request(serve, tmp_path):
    names = str(tmp_path / 'certificate.pem'), str(tmp_path / 'key.pem')
    make_certificate(*names)
    server = serve(telling, ssl_adapter=BuiltinSSLAdapter(*names))
    first = fingerprint(server)
    make_certificate(*names)
    assert fingerprint(server) == first
    server.reload_certificates()
    second = fingerprint(server)
    assert second != first
    (tmp_path / 'certificate.pem').write_text('spoiled')
    with pytest.raises(ValueError, match='ssl_certificate'):
        server.reload_certificates()
    assert fingerprint(server) == second


def openssl(*arguments):
    subprocess.run(['openssl', *arguments], check=True, capture_output=True)


KEY = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1')


@pytest.fixture(scope='module')
def client_certificate(tmp_path_factory):
    """The files of an authority, and of the certificate and the key of one of its clients."""
    place = tmp_path_factory.mktemp('client')
    authority, key, request, certificate, own_key, extensions = (
        str(place / name) for name in ('ca.pem', 'ca.key', 'request', 'client.pem', 'client.key', 'extensions'))
    openssl('req', '-x509', *KEY, '-nodes', '-keyout', key, '-out', authority, '-days', '2', '-subj', '/CN=teas')
    openssl('req', *KEY, '-nodes', '-keyout', own_key, '-out', request, '-utf8', '-subj', '/O=Tea/CN=k\xe4the')
    (place / 'extensions').write_text('subjectAltName=email:kaethe@example.org\n')
    openssl('x509', '-req', '-in', request, '-CA', authority, '-CAkey', key, '-CAcreateserial', '-out', certificate,
            '-days', '2', '-extfile', extensions)
    return authority, certificate, own_key


def fetched(server, certificate, *own):
    """Return the environ of a request, sent with the certificate and key `own`, if given."""
    context = ssl.create_default_context(cafile=certificate[0])
    if own:
        context.load_cert_chain(*own)
    return json.load(urllib.request.urlopen(f'https://localhost:{server.bind_addr[1]}/', context=context))


def environ_as_json(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({key: value for key, value in environ.items() if isinstance(value, str)}).encode()]


@pytest.mark.parametrize('mode', ['required', 'optional', None])
def test_client_certificate_is_in_the_environ(serve, certificate, client_certificate, mode):
    authority, *own = client_certificate
    adapter = BuiltinSSLAdapter(*certificate, client_ca=authority, verify_mode=mode)
    server = serve(environ_as_json, ssl_adapter=adapter)
    environ = fetched(server, certificate, *own)
    assert environ['SSL_CLIENT_VERIFY'] == 'SUCCESS'
    # Text, as cheroot has it, not UTF-8 in the guise of ISO-8859-1.
    assert environ['SSL_CLIENT_S_DN_CN'] == 'k\xe4the'
    assert environ['SSL_CLIENT_I_DN'] == 'CN=teas'
    assert environ['SSL_CLIENT_CERT'].startswith('-----BEGIN CERTIFICATE-----\n')
    if mode == 'optional':
        environ = fetched(server, certificate)
        assert environ['SSL_CLIENT_VERIFY'] == 'NONE' and 'SSL_CLIENT_S_DN' not in environ
    else:
        with pytest.raises(OSError):
            fetched(server, certificate)


def test_client_certificate_of_another_authority_is_refused(serve, certificate, client_certificate):
    adapter = BuiltinSSLAdapter(*certificate, client_ca=client_certificate[0], verify_mode='optional')
    server = serve(environ_as_json, ssl_adapter=adapter)
    with pytest.raises(OSError):
        fetched(server, certificate, *certificate)
    assert server.ready


@pytest.mark.parametrize('password', ['tea', b'tea', lambda: 'tea'])
def test_key_with_a_password_is_read(serve, tmp_path, password):
    names = str(tmp_path / 'certificate.pem'), str(tmp_path / 'key.pem')
    openssl('req', '-x509', *KEY, '-passout', 'pass:tea', '-keyout', names[1], '-out', names[0], '-days', '2',
            '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost')
    server = serve(environ_as_json, ssl_adapter=BuiltinSSLAdapter(*names, private_key_password=password))
    assert fetched(server, names)['SSL_SERVER_S_DN_CN'] == 'localhost'
    wrong = Server(('127.0.0.1', 0), telling)
    wrong.ssl_adapter = BuiltinSSLAdapter(*names, private_key_password='coffee')
    with pytest.raises(ValueError, match='password'):
        wrong.prepare()


def test_change_in_a_running_server_leaves_certificates_and_password_alone(serve, tmp_path):
    names = tmp_path / 'certificate.pem', tmp_path / 'key.pem'
    openssl('req', '-x509', *KEY, '-passout', 'pass:tea', '-keyout', str(names[1]), '-out', str(names[0]),
            '-days', '2', '-subj', '/CN=localhost')
    asked = []

    def password():
        asked.append(len(asked))
        return 'tea'

    server = serve(telling, ssl_adapter=BuiltinSSLAdapter(*names, private_key_password=password))
    first = fingerprint(server)
    names[1].unlink()
    server.timeout = 5
    server.settings = {'minimum_rate': '-1'}
    assert (fingerprint(server), asked) == (first, [0])
    # A setting about TLS needs the files.
    with pytest.raises((OSError, ValueError), match='key.pem'):
        server.settings = {'ssl_min_version': 'TLSv1.3'}
    assert fingerprint(server) == first


@pytest.mark.parametrize(('attribute', 'value', 'name'), [
    ('certificate', 'missing.pem', 'missing.pem'),
    ('private_key', 'missing.key', 'missing.key'),
    ('client_ca', 'missing.ca', 'missing.ca'),
    ('verify_mode', 'always', 'ssl_verify_mode'),
    ('minimum_version', 'TLSv1.1', 'ssl_min_version'),
    ('ciphers', 'NONE-OF-THESE', 'ssl_ciphers'),
])
def test_unusable_adapter_is_refused_by_name(certificate, attribute, value, name):
    server = Server(('127.0.0.1', 0), telling)
    server.ssl_adapter = BuiltinSSLAdapter(*certificate)
    setattr(server.ssl_adapter, attribute, value)
    with pytest.raises((ValueError, OSError), match=name):
        server.prepare()
    assert not server.ready


def test_minimum_version_is_minded(serve, certificate):
    server = serve(telling, ssl_adapter=BuiltinSSLAdapter(*certificate, minimum_version='TLSv1.3'))
    context = ssl.create_default_context(cafile=certificate[0])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(server.bind_addr) as plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname='localhost')


def adapter_of_cheroot(certificate):
    return pytest.importorskip('cheroot.ssl.builtin').BuiltinSSLAdapter(*certificate)


def test_adapter_of_cheroot_is_used(serve, certificate):
    server = serve(telling, ssl_adapter=adapter_of_cheroot(certificate))
    context = ssl.create_default_context(cafile=certificate[0])
    url = f'https://localhost:{server.bind_addr[1]}/'
    assert urllib.request.urlopen(url, context=context).status == 200


@pytest.mark.parametrize('mode', [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
def test_verification_by_a_context_is_refused_unless_the_adapter_names_an_authority(serve, certificate, mode):
    adapter = adapter_of_cheroot(certificate)
    adapter.context.verify_mode = mode
    server = Server(('127.0.0.1', 0), telling)
    server.ssl_adapter = adapter
    with pytest.raises(ValueError, match='verify_mode.*client_ca'):
        server.prepare()
    adapter.client_ca = certificate[0]
    server = serve(telling, ssl_adapter=adapter)
    with pytest.raises(OSError):
        fetched(server, certificate)


def test_context_of_another_library_is_refused(certificate):
    server = Server(('127.0.0.1', 0), telling)
    server.ssl_adapter = adapter_of_cheroot(certificate)
    server.ssl_adapter.context = object()
    with pytest.raises(ValueError, match='context of ssl_adapter'):
        server.prepare()


@pytest.mark.parametrize('raised', [
    lambda context: setattr(context, 'minimum_version', ssl.TLSVersion.TLSv1_3),
    lambda context: setattr(context, 'options', context.options | ssl.OP_NO_TLSv1_2),
])
def test_minimum_version_of_a_context_is_minded(serve, certificate, raised):
    adapter = adapter_of_cheroot(certificate)
    raised(adapter.context)
    server = serve(telling, ssl_adapter=adapter)
    context = ssl.create_default_context(cafile=certificate[0])
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(server.bind_addr) as plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname='localhost')


def test_python_ssl_context_is_refused_by_name(certificate):
    adapter = BuiltinSSLAdapter(*certificate)
    with pytest.raises(AttributeError, match='SSLContext'):
        adapter.context = ssl.create_default_context()
    with pytest.raises(AttributeError, match='SSLContext'):
        adapter.context.options

    class Foreign:
        context = ssl.create_default_context()

    server = Server(('127.0.0.1', 0), telling)
    server.ssl_adapter = Foreign()
    with pytest.raises(ValueError, match='SSLContext'):
        server.prepare()
