#!/usr/bin/env python3
"""Measures drupe beside other WSGI servers: one process each, ten threads (bjoern has one).

    figures.py time --application flask_hello --connections 8 64
    figures.py slow
    figures.py busy
    figures.py flat --requests 1000000

Needs `wrk`, Flask, and those of the servers that are to be measured in the environment of this
Python. `time` is the processor time of a server for a request, which other load disturbs less than
requests per second; the servers take turns, in an order that changes each round. `slow` is the time
to an answer while 20 clients are slow. `busy` is the time to an answer without the application, while
three handlers hold the interpreter. `flat` is the memory and the objects of one server, again and
again, while it is asked for lists, generators, `write`, files and exceptions.
"""

import argparse
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent
THREADS = 10
TICK = os.sysconf('SC_CLK_TCK')


def program(text):
    """The command of a server that a program starts."""
    return [sys.executable, '-c', 'import applications\n' + text]


COMMANDS = {
    'drupe': [sys.executable, '-m', 'drupe', 'applications:{app}', '--bind', '127.0.0.1:{port}', '--threads', '{threads}'],
    'cheroot': program(
        'from cheroot.wsgi import Server\n'
        'Server(("127.0.0.1", {port}), applications.{app}, numthreads={threads}).start()'),
    'waitress': program(
        'import waitress\n'
        'waitress.serve(applications.{app}, listen="127.0.0.1:{port}", threads={threads})'),
    'gthread': [
        str(BIN / 'gunicorn'), 'applications:{app}', '-b', '127.0.0.1:{port}', '-k', 'gthread', '-w', '1',
        '--threads', '{threads}', '--log-level', 'error'],
    'granian': [
        str(BIN / 'granian'), 'applications:{app}', '--interface', 'wsgi', '--host', '127.0.0.1', '--port', '{port}',
        '--workers', '1', '--blocking-threads', '{threads}', '--no-ws', '--log-level', 'error'],
    'bjoern': program('import bjoern\nbjoern.run(applications.{app}, "127.0.0.1", {port})'),
    'uwsgi': [
        str(BIN / 'uwsgi'), '--http11-socket', '127.0.0.1:{port}', '--module', 'applications:{app}', '--threads',
        '{threads}', '--disable-logging', '--listen', '100'],
}
#: A script for wrk.
CYCLE = '''
local ways, at = {'/list', '/generator', '/write', '/file', '/exception'}, 0
function request()
    at = at % #ways + 1
    return wrk.format('GET', ways[at])
end
'''
#: The time in seconds after which a client of `slow` and `busy` gives up.
PATIENCE = 4


class Process:
    """A server in a process of its own."""

    def __init__(self, name, port, command, app, cores):
        self.name, self.port = name, port
        words = [word.format(app=app, port=port, threads=THREADS) for word in command]
        self.process = subprocess.Popen(
            pinned(cores, words), cwd=HERE, env={**os.environ, 'PYTHONPATH': str(HERE)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self):
        """Wait for the first answer."""
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                if ask(self.port):
                    return
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f'{self.name} does not answer')
            time.sleep(0.05)

    def times(self):
        """Return the processor time of the processes of the server, in seconds."""
        parents, ticks = {}, {}
        for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(')')[2].split()
                number = int(path.parent.name)
                parents[number], ticks[number] = int(fields[1]), int(fields[11]) + int(fields[12])
        family = {self.process.pid}
        while grown := {number for number, parent in parents.items() if parent in family} - family:
            family |= grown
        return sum(ticks.get(number, 0) for number in family) / TICK

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(commands, app, cores=None):
    """Run the servers until the end of the block; those that do not start are left out."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(('127.0.0.1', 0))) for _ in commands]
        ports = [listener.getsockname()[1] for listener in listeners]
    processes = [Process(name, port, command, app, cores) for port, (name, command) in zip(ports, commands.items())]
    ready = []
    try:
        for process in processes:
            try:
                process.wait()
                ready.append(process)
            except RuntimeError as error:
                print(error, file=sys.stderr)
        yield ready
    finally:
        for process in processes:
            process.stop()


def pinned(cores, words):
    return words if cores is None else ['taskset', '-c', cores, *words]


def ask(port, data=b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'):
    with socket.create_connection(('127.0.0.1', port), PATIENCE) as client:
        client.sendall(data)
        return client.recv(100)


def measure(process, connections, seconds, cores):
    """Return the microseconds of processor time for a request, and the requests a second."""
    before = process.times()
    wrk = ['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', f'http://127.0.0.1:{process.port}/']
    output = subprocess.run(pinned(cores, wrk), capture_output=True, text=True, check=True).stdout
    spent = process.times() - before
    if 'Non-2xx' in output:
        raise RuntimeError(f'{process.name} has refused requests:\n{output}')
    requests = int(re.search(r'(\d+) requests in', output)[1])
    return spent / max(requests, 1) * 1e6, requests / seconds


def show_times(commands, options):
    cores = ('0', '1') if options.pinned else (None, None)
    figures = {}
    with running(commands, options.application, cores[0]) as processes:
        for turn in range(options.rounds):
            for process in processes[::-1] if turn % 2 else processes:
                for connections in options.connections:
                    figure = measure(process, connections, options.seconds, cores[1])
                    figures.setdefault((connections, process.name), []).append(figure)
    print(f'{options.application}: us of processor time a request (ratio to the first; lowest, highest; requests/s)')
    for connections in options.connections:
        base = None
        for name in (name for count, name in figures if count == connections):
            spent, rates = zip(*figures[connections, name])
            middle = statistics.median(spent)
            base = base or middle
            print(f'{connections:4} {name:10} {middle:8.1f} ({middle / base:5.2f}; {min(spent):.1f}, '
                  f'{max(spent):.1f}; {statistics.median(rates):.0f})', flush=True)


def latency(port, data):
    """Return the middle and the slowest of 20 answers, as milliseconds."""
    times = []
    for _ in range(20):
        begun = time.monotonic()
        try:
            if not ask(port, data):
                return 'none'
        except TimeoutError:
            return f'> {PATIENCE * 1000}'
        times.append((time.monotonic() - begun) * 1000)
    return f'{statistics.median(times):.1f} ({max(times):.1f})'


def show_slow(commands, options):
    begun = {
        'silent': b'',
        'half a head': b'POST / HTTP/1.1\r\nHost: a\r\nContent-',
        'half a content': b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf',
    }
    request = b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    print(f'ms to an answer, the middle (slowest) of 20, beside 20 slow clients: {", ".join(begun)}')
    for name, command in commands.items():
        texts = []
        for data in begun.values():
            with running({name: command}, 'bare') as processes, contextlib.ExitStack() as stack:
                for _ in range(20):
                    client = stack.enter_context(socket.create_connection(('127.0.0.1', processes[0].port)))
                    client.sendall(data)
                time.sleep(0.5)
                texts.append(latency(processes[0].port, request))
        print(f'{name:10}', ' '.join(f'{text:>14}' for text in texts), flush=True)


def show_busy(commands, options):
    print('ms to the answer to a malformed request, the middle (slowest) of 20, beside three handlers that hold the interpreter')
    for name, command in commands.items():
        with running({name: command}, 'busy') as processes, contextlib.ExitStack() as stack:
            for _ in range(3):
                client = stack.enter_context(socket.create_connection(('127.0.0.1', processes[0].port)))
                client.sendall(b'GET /spin HTTP/1.1\r\nHost: a\r\n\r\n')
            time.sleep(0.5)
            print(f'{name:10}', latency(processes[0].port, b'GET  / HTTP/1.1\r\n\r\n'), flush=True)


def show_flat(commands, options):
    """Show the counts of the first server, ten times."""
    name, command = next(iter(commands.items()))
    with running({name: command}, 'mixed') as processes, tempfile.NamedTemporaryFile('w', suffix='.lua') as script:
        script.write(CYCLE)
        script.flush()
        server, done = processes[0], 0
        while done < options.requests:
            share, goal = 0, options.requests // 10
            while share < goal:
                wrk = ['wrk', '-t1', '-c64', '-d2s', '-s', script.name, f'http://127.0.0.1:{server.port}/']
                output = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
                share += int(re.search(r'(\d+) requests in', output)[1])
            done += share
            time.sleep(1)
            place = pathlib.Path('/proc', str(server.process.pid))
            memory = re.search(r'VmRSS:\s*(.*)', (place / 'status').read_text())[1]
            threads, descriptors = (len(list((place / folder).iterdir())) for folder in ('task', 'fd'))
            # Counting objects takes memory for good, so it is done twice only.
            is_shown = done == share or done >= options.requests
            objects = object_counts(server.port) if is_shown else ''
            print(f'{name} {done:8} {memory}, threads {threads}, descriptors {descriptors}', objects, flush=True)


def object_counts(port):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}/counts') as answer:
        return answer.read().decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('table', choices=['time', 'slow', 'busy', 'flat'])
    parser.add_argument('--servers', nargs='+', default=list(COMMANDS), help='default: all')
    parser.add_argument('--also', nargs=2, action='append', default=[], metavar=('NAME', 'FOLDER'),
                        help='another build of the package drupe, in FOLDER')
    parser.add_argument('--application', choices=['flask_hello', 'bare'], default='flask_hello')
    parser.add_argument('--connections', nargs='+', type=int, default=[1, 8, 64])
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--seconds', type=int, default=2)
    parser.add_argument('--requests', type=int, default=1000000, help='of `flat`')
    parser.add_argument('--pinned', action='store_true', help='servers on processor 0, clients on processor 1')
    options = parser.parse_args()
    commands = {name: COMMANDS[name] for name in options.servers}
    for name, folder in options.also:
        commands[name] = ['env', f'PYTHONPATH={folder}:{HERE}', *COMMANDS['drupe']]
    {'time': show_times, 'slow': show_slow, 'busy': show_busy, 'flat': show_flat}[options.table](commands, options)


if __name__ == '__main__':
    main()
