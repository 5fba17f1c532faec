"""The attributes of a server as drupe's settings, which are texts."""

import os
import ssl

#: Attributes that take effect at once in a running server.
LIVE = frozenset((
    'accept_connect',
    'accepted_queue_timeout',
    'body_buffer_size',
    'keep_alive_conn_limit',
    'keep_alive_timeout',
    'max_request_body_size',
    'max_request_header_size',
    'protocol',
    'settings',
    'shutdown_timeout',
    'timeout',
))

#: Attributes of cheroot's server that cannot be honoured, and why.
REFUSED = {
    'ConnectionClass': 'connections are handled by native code',
    'gateway': 'requests reach the application through native code only',
    'bind': 'drupe opens its sockets itself',
    'bind_unix_socket': 'drupe opens its sockets itself',
    'put_conn': 'connections are handled by native code',
    'process_conn': 'connections are handled by native code',
}

#: The settings that give the address. `listen` goes before the others, and `socket_file` before host and port.
ADDRESS = ('listen', 'socket_file', 'socket_host', 'socket_port')

#: The settings of a server beside those that its attributes give: what clients of a Python
#: server are used to.
BASE = {
    # cheroot answers 408; drupe alone would close.
    'answer_silence': 'true',
    # cheroot answers 413; drupe's own default is 431.
    'header_overflow_status': '413',
    # A target may be as long as the head.
    'max_request_target_size': '65534',
    # The stacks of Python's own threads; deep recursion needs them.
    'thread_stack_size': '8M',
    'title_case_headers': 'true',
}

#: The least backlog of the kernel. With the 5 of cheroot, a client in a burst of connections tries
#: again after a second, because the kernel drops what the queue cannot take.
LEAST_BACKLOG = 1024


def texts(server):
    """Return the settings of `server`."""
    return {**lasting(server), **live(server), **given(server)}


def lasting(server):
    """Return the settings of the attributes that take effect at the next start."""
    result = dict(BASE)
    result.update(_address(server))
    result.update(
        socket_queue_size=_count('request_queue_size', max(server.request_queue_size, LEAST_BACKLOG)),
        reuse_port=_flag(server.reuse_port),
        nodelay=_flag(server.nodelay),
        accepted_queue_size=_limit('accepted_queue_size', server.accepted_queue_size),
        thread_pool=_count('numthreads', server.requests.min),
        thread_pool_max=_count('max', max(server.requests.min, server.requests.max)),
        software=server.software or server.version,
        statistics=_flag(server.stats.get('Enabled')),
        peercreds=_flag(server.peercreds_enabled),
        peercreds_resolve=_flag(server.peercreds_enabled and server.peercreds_resolve_enabled),
        wsgi_version='{}.{}'.format(*server.wsgi_version),
    )
    if server.ssl_adapter is not None:
        result.update(_tls(server.ssl_adapter))
    return result


def live(server):
    """Return the settings of the attributes that take effect at once."""
    idle = server.keep_alive_timeout
    result = dict(
        socket_timeout=_seconds('timeout', server.timeout),
        keep_alive_timeout=_seconds('keep_alive_timeout', server.timeout if idle is None else idle),
        shutdown_timeout=_seconds('shutdown_timeout', server.shutdown_timeout, least=0),
        accepted_queue_timeout=_seconds(
            'accepted_queue_timeout', server.accepted_queue_timeout, least=0),
        max_request_body_size=_limit('max_request_body_size', server.max_request_body_size),
        # 0 is no limit in cheroot; drupe always has one.
        max_request_header_size=_count(
            'max_request_header_size', server.max_request_header_size or 1 << 30),
        body_buffer_size=_count('body_buffer_size', server.body_buffer_size),
        protocol_version=str(server.protocol),
        accept_connect=_flag(server.accept_connect),
    )
    if server.keep_alive_conn_limit is not None:
        result['keep_alive_conn_limit'] = _count(
            'keep_alive_conn_limit', server.keep_alive_conn_limit)
    return result


def given(server):
    """Return drupe's own settings of `server`."""
    return {name: str(value) for name, value in server.settings.items()}


def whole_address(texts):
    """Return the settings of the address in `texts`, which unset the address of a file."""
    address = {name: texts[name] for name in ADDRESS if name in texts}
    return {'listen': '', 'socket_file': '', **address}


def _address(server):
    if os.environ.get('LISTEN_PID') == str(os.getpid()):
        # As cheroot: systemd's socket goes before the address.
        return {'listen': 'fd:3'}
    address = server.bind_addr
    if isinstance(address, (str, bytes)):
        path = os.fsdecode(address)
        return {'socket_file': '@' + path[1:] if path.startswith('\0') else path}
    host, port = address[:2]
    return {'socket_host': host, 'socket_port': _count('bind_addr', port)}


def _tls(adapter):
    names = {
        'certificate': 'ssl_certificate',
        'private_key': 'ssl_private_key',
        'certificate_chain': 'ssl_certificate_chain',
        'ciphers': 'ssl_ciphers',
        'client_ca': 'ssl_client_ca',
        'verify_mode': 'ssl_verify_mode',
        'minimum_version': 'ssl_min_version',
    }
    result = {}
    for attribute, name in names.items():
        value = getattr(adapter, attribute, None)
        if value is not None:
            result[name] = os.fsdecode(value)
    # A key and a chain in a settings file belong to another certificate.
    result.setdefault('ssl_certificate_chain', '')
    if 'ssl_certificate' in result:
        result.setdefault('ssl_private_key', result['ssl_certificate'])
    password = getattr(adapter, 'private_key_password', None)
    if password is not None:
        password = password() if callable(password) else password
        result['ssl_private_key_password'] = os.fsdecode(password)
    if 'ssl_certificate' not in result:
        raise ValueError('ssl_adapter has no certificate; drupe cannot use a Python SSLContext')
    context = getattr(adapter, 'context', None)
    if context is not None:
        # The demands of a context must not be dropped without a word.
        _refuse_verification(context, result)
        if _demands_tls_1_3(context):
            result.setdefault('ssl_min_version', 'TLSv1.3')
    return result


def _refuse_verification(context, tls):
    mode = getattr(context, 'verify_mode', None)
    if mode is None:
        raise ValueError(f'drupe cannot read the context of ssl_adapter, a {type(context).__name__}')
    if mode != ssl.CERT_NONE and 'ssl_client_ca' not in tls:
        raise ValueError(
            f'drupe cannot honour context.verify_mode = {mode!r} of ssl_adapter; '
            'use client_ca and verify_mode of drupe.ssl.BuiltinSSLAdapter')


def _demands_tls_1_3(context):
    return context.minimum_version == ssl.TLSVersion.TLSv1_3 or bool(context.options & ssl.OP_NO_TLSv1_2)


def _flag(value):
    return 'true' if value else 'false'


def _count(name, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f'{name} has to be a number from 0 on, not {value!r}')
    return str(value)


def _limit(name, value):
    """Return a limit; `None`, 0 and negative numbers are no limit, as in cheroot."""
    if value is None or value <= 0:
        return '-1'
    return _count(name, value)


def _seconds(name, value, least=0.001):
    try:
        is_in_range = least <= value <= 31536000
    except TypeError:
        is_in_range = False
    if not is_in_range:
        raise ValueError(
            f'{name} has to be a number of seconds from {least} to 31536000, not {value!r}; '
            'drupe has no unlimited waits')
    return f'{value:.9f}'
