"""CherryPy's adapter with drupe beneath; each in a process of its own."""

import pathlib
import re
import subprocess
import sys
import textwrap
import urllib.request

import pytest

pytest.importorskip('cherrypy')

BEGIN = '''
import urllib.request
import cherrypy

class Site:
    @cherrypy.expose
    def index(self):
        return 'hello from ' + cherrypy.request.wsgi_environ['SERVER_SOFTWARE']

    @cherrypy.expose
    def upload(self, file):
        return str(len(file.file.read()))

cherrypy.config.update({
    'environment': 'test_suite',
    'server.instance': 'drupe.cherrypy.CPWSGIServer', 'server.socket_port': 0, 'engine.autoreload.on': False,
})
'''


def run(code):
    program = BEGIN + textwrap.dedent(code)
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_site_is_served_and_restarted():
    output = run('''
        cherrypy.tree.mount(Site())
        for _ in range(2):
            cherrypy.engine.start()
            port = cherrypy.server.bound_addr[1]
            print(urllib.request.urlopen(f'http://127.0.0.1:{port}/').read().decode())
            print(type(cherrypy.server.httpserver).__module__)
            cherrypy.engine.stop()
        cherrypy.engine.exit()
    ''')
    assert output.count('hello from CherryPy/') == 2 and output.count('drupe.cherrypy') == 2
    assert 'drupe/' in output


def test_attributes_of_the_adapter_are_settings():
    run('''
        cherrypy.config.update({
            'server.thread_pool': 3, 'server.max_request_body_size': 50, 'server.socket_timeout': 4,
            'server.shutdown_timeout': 1, 'server.statistics': True,
        })
        cherrypy.tree.mount(Site())
        cherrypy.engine.start()
        server = cherrypy.server.httpserver
        assert type(server).__module__ == 'drupe.cherrypy'
        assert (server.numthreads, server.timeout, server.shutdown_timeout) == (3, 4, 1)
        assert server.stats['Enabled']
        try:
            urllib.request.urlopen(f'http://127.0.0.1:{server.bind_addr[1]}/upload', b'x' * 51)
        except urllib.error.HTTPError as error:
            assert error.code == 413
        else:
            raise AssertionError('no 413')
        cherrypy.engine.exit()
    ''')


def test_program_of_the_readme_is_served_until_sigterm(tmp_path):
    text = (pathlib.Path(__file__).parents[1] / 'README.md').read_text()
    [program] = [block for block in re.findall(r'```python\n(.*?)```', text, re.DOTALL) if 'quickstart' in block]
    free = program.replace('cherrypy.quickstart', "cherrypy.config.update({'server.socket_port': 0})\ncherrypy.quickstart")
    assert free != program
    (tmp_path / 'hello.py').write_text(free)
    process = subprocess.Popen([sys.executable, 'hello.py'], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        lines = iter(process.stderr.readline, '')
        port = next(filter(None, (re.search(r'Serving on http://127.0.0.1:([1-9]\d*)', line) for line in lines)))[1]
        # CherryPy takes a signal before this line for a failed start.
        assert any('Bus STARTED' in line for line in lines)
        assert b'Hello from CherryPy on drupe' in urllib.request.urlopen(f'http://127.0.0.1:{port}/').read()
        process.terminate()
        assert 'Bus EXITED' in process.communicate(timeout=20)[1]
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(('attribute', 'value'), [('ssl_context', 'object()'), ('ssl_module', '"pyopenssl"')])
def test_attribute_without_an_equal_is_refused_by_name(attribute, value):
    run(f'''
        cherrypy.server.{attribute} = {value}
        from drupe.cherrypy import CPWSGIServer
        try:
            CPWSGIServer()
        except ValueError as error:
            assert '{attribute}' in str(error)
        else:
            raise AssertionError('accepted')
    ''')


def test_requests_at_once_each_have_their_own_end():
    output = run('''
        import http.client
        import itertools
        import threading

        numbers, ended = itertools.count(), []

        class Hooked:
            @cherrypy.expose
            def index(self):
                cherrypy.request.number = number = next(numbers)
                end = lambda: ended.append((number, cherrypy.request.number))
                cherrypy.request.hooks.attach('on_end_request', end)
                return str(number)

        def ask(port):
            client = http.client.HTTPConnection('127.0.0.1', port)
            for _ in range(200):
                client.request('GET', '/')
                assert client.getresponse().read().isdigit()

        cherrypy.tree.mount(Hooked())
        cherrypy.engine.start()
        clients = [threading.Thread(target=ask, args=[cherrypy.server.bound_addr[1]]) for _ in range(6)]
        [client.start() for client in clients]
        [client.join() for client in clients]
        cherrypy.engine.exit()
        print(sorted(ended) == [(number, number) for number in range(1200)], len(ended))
    ''')
    assert output == 'True 1200\n'
