"""`python -m drupe`."""

import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

import pytest

from conftest import Client, make_certificate

from drupe import _settings
from drupe.__main__ import load, parser, server_of

APPLICATION = '''
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [environ['wsgi.url_scheme'].encode() + b' ' + environ['PATH_INFO'].encode()]

class factory:
    other = staticmethod(application)

number = 5
'''


@pytest.fixture
def command(tmp_path):
    """Start the command in a directory with an application."""
    (tmp_path / 'site_of_mine.py').write_text(APPLICATION)
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, '-m', 'drupe', *arguments], cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def address_of(process):
    """Wait for the line of the start, and return the address in it."""
    for line in process.stderr:
        if (found := re.search(r'serving on \w+://(\S+):(\d+)', line)):
            return found.group(1), int(found.group(2))
        if (found := re.search(r'serving on \w*:?\s*(/\S+)', line)):
            return found.group(1)
        print(line)
    raise AssertionError('the program has ended')


def test_application_is_served_until_sigterm(command):
    process = command('site_of_mine', '--bind', '127.0.0.1:0', '--access-log', '-', '--threads', '2')
    client = Client(address_of(process))
    assert client.get('/tea').content == b'http /tea'
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert '"GET /tea HTTP/1.1" 200' in output
    client.close()


def test_interrupt_ends_the_command(command):
    process = command('site_of_mine:factory.other', '--bind', '127.0.0.1:0')
    address_of(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130


def test_unix_socket_is_served(command, tmp_path):
    path = str(tmp_path / 'socket')
    process = command('site_of_mine', '--bind', f'unix:{path}')
    assert address_of(process) == path
    client = Client(path)
    assert client.get('/u').content == b'http /u'
    client.close()


def test_values_of_a_settings_file_apply_unless_an_option_overrides_them(command, tmp_path):
    (tmp_path / 'server.toml').write_text('[server]\nlisten = ["127.0.0.1:0"]\nsoftware = "of-file"\nthread_pool = 0\n')
    assert 'thread_pool' in command('site_of_mine', '--settings', 'server.toml').communicate(timeout=20)[1]
    process = command('site_of_mine', '--settings', 'server.toml', '--threads', '3')
    client = Client(address_of(process))
    answer = client.get('/s')
    assert (answer.field('Server'), answer.content) == ('of-file', b'http /s')
    client.close()


@pytest.mark.parametrize(('arguments', 'over_the_file', 'under_the_file'), [
    ('--threads 10', {'thread_pool': '10', 'thread_pool_max': '10'}, {}),
    ('--threads 4 --threads-max 10', {'thread_pool': '4', 'thread_pool_max': '10'}, {}),
    ('--threads-max 10', {'thread_pool_max': '10'}, {'thread_pool': '10'}),
    ('--timeout 10', {'socket_timeout': '10.000000000'}, {'keep_alive_timeout': '10.000000000'}),
    ('--timeout 5', {'socket_timeout': '5.000000000'}, {'keep_alive_timeout': '5.000000000'}),
    ('', {}, {'thread_pool': '10', 'socket_timeout': '10.000000000', 'keep_alive_timeout': '10.000000000'}),
])
def test_given_options_override_a_settings_file(arguments, over_the_file, under_the_file):
    options = ['wsgiref.simple_server:demo_app', '--settings', 'server.toml', *arguments.split()]
    options = parser().parse_args(options)
    server = server_of(options, load(options.application))
    under, over = server._layers(_settings.lasting(server), True)
    assert over == over_the_file
    assert {name: under[name] for name in under_the_file} == under_the_file


def test_idle_timeout_of_a_settings_file_stays_with_an_option_for_other_waits(command, tmp_path):
    (tmp_path / 'server.toml').write_text('[server]\nlisten = ["127.0.0.1:0"]\nkeep_alive_timeout = 30\n')
    process = command('site_of_mine', '--settings', 'server.toml', '--timeout', '0.2')
    client = Client(address_of(process))
    for _ in range(2):
        assert client.get('/s').content == b'http /s'
        # Longer than the option, several times.
        time.sleep(1)
    client.close()


def test_threads_of_a_settings_file_may_be_more_than_the_default(command, tmp_path):
    (tmp_path / 'server.toml').write_text('[server]\nlisten = ["127.0.0.1:0"]\nthread_pool = 20\n')
    client = Client(address_of(command('site_of_mine', '--settings', 'server.toml')))
    assert client.get('/s').content == b'http /s'
    client.close()


@pytest.mark.parametrize(('arguments', 'text'), [
    (['no_such_module_of_mine'], 'no_such_module_of_mine'),
    (['site_of_mine:nothing'], 'nothing'),
    (['site_of_mine:number'], 'not callable'),
    (['no_such_package.of_mine'], 'no_such_package'),
    (['site_of_mine.nothing'], 'site_of_mine.nothing'),
    ([':application'], ':application'),
    (['.site_of_mine'], '.site_of_mine'),
    (['site_of_mine', '--access-log', 'missing/log'], 'missing/log'),
    (['site_of_mine', '--chdir', 'missing'], 'missing'),
    (['site_of_mine', '--settings', 'missing.toml'], 'missing.toml'),
    (['site_of_mine', '--bind', 'nonsense:port'], 'port'),
    (['site_of_mine', '--private-key', 'x'], '--certificate'),
    (['site_of_mine', '--certificate', 'missing.pem'], 'missing.pem'),
    (['site_of_mine', '--threads', '0'], 'thread_pool'),
])
def test_wrong_command_ends_with_one_line(command, arguments, text):
    _, errors = command(*arguments).communicate(timeout=20)
    assert text in errors
    assert errors.startswith('drupe: ') and errors.count('\n') == 1


def test_tls_is_served(command, certificate):
    process = command('site_of_mine', '--bind', '127.0.0.1:0', '--certificate', *certificate[:1],
                      '--private-key', certificate[1])
    _, port = address_of(process)
    context = ssl.create_default_context(cafile=certificate[0])
    with socket.create_connection(('127.0.0.1', port)) as plain:
        with context.wrap_socket(plain, server_hostname='localhost') as secure:
            assert secure.version() == 'TLSv1.3'
    assert urllib.request.urlopen(f'https://localhost:{port}/s', context=context).read() == b'https /s'


def test_certificate_of_an_option_comes_without_the_key_of_a_settings_file(command, certificate, tmp_path):
    both = tmp_path / 'both.pem'
    both.write_text(''.join(pathlib.Path(name).read_text() for name in certificate))
    other = str(tmp_path / 'other.pem'), str(tmp_path / 'other.key')
    make_certificate(*other)
    (tmp_path / 'server.toml').write_text(
        f'[server]\nlisten = ["127.0.0.1:0"]\nssl_certificate = "{other[0]}"\nssl_private_key = "{other[1]}"\n'
        f'ssl_certificate_chain = "{other[0]}"\n')
    address = address_of(command('site_of_mine', '--settings', 'server.toml', '--certificate', str(both)))
    assert ssl.get_server_certificate(address) == pathlib.Path(certificate[0]).read_text()


@pytest.mark.parametrize(('text', 'code', 'told'), [
    ('raise RuntimeError("on import")', 1, 'RuntimeError: on import'),
    ('application = (', 1, 'SyntaxError'),
    *((f'raise {error}("on import")', 1, f'    raise {error}(') for error in (
        'TypeError', 'ValueError', 'AttributeError', 'OSError', 'ImportError', 'ModuleNotFoundError')),
    ('import no_such_module', 1, '    import no_such_module'),
    ('import sys; sys.exit(4)', 4, ''),
    ('raise KeyboardInterrupt', 130, ''),
])
def test_module_that_fails_on_import_ends_the_command(command, tmp_path, text, code, told):
    (tmp_path / 'broken.py').write_text(text)
    process = command('broken')
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, told in errors) == (code, True)


def test_sighup_reads_certificates_again(command, tmp_path):
    names = str(tmp_path / 'certificate.pem'), str(tmp_path / 'key.pem')
    make_certificate(*names)
    process = command('site_of_mine', '--bind', '127.0.0.1:0', '--certificate', names[0], '--private-key', names[1])
    address = address_of(process)
    first = ssl.get_server_certificate(address)
    make_certificate(*names)
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while ssl.get_server_certificate(address) == first:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / 'certificate.pem').write_text('spoiled')
    process.send_signal(signal.SIGHUP)
    assert any('certificates were not reloaded' in line for line in process.stderr)
    assert ssl.get_server_certificate(address) != first
