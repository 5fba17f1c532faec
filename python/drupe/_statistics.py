"""The statistics of a server as a dict of numbers and functions, as cheroot has them."""

import weakref


def make_stats(server):
    """Return the statistics of `server`. A function takes the dict, and returns the number."""
    this = weakref.ref(server)

    def number(name):
        def current(_stats):
            server = this()
            if server is None or server._engine is None:
                return 0
            return server._engine.statistics().get(name, 0)
        return current

    def per_second(name):
        def current(_stats):
            run_time = number('run_time')(None)
            return number(name)(None) / run_time if run_time else 0.0
        return current

    def address(_stats):
        server = this()
        return repr(server.bind_addr if server is not None else None)

    return {
        'Enabled': False,
        'Bind Address': address,
        'Run time': number('run_time'),
        'Accepts': number('accepts'),
        'Accepts/sec': per_second('accepts'),
        'Queue': number('queue'),
        'Threads': number('threads'),
        'Threads Idle': number('threads_idle'),
        'Socket Errors': number('socket_errors'),
        'Requests': number('requests'),
        'Bytes Read': number('bytes_read'),
        'Bytes Written': number('bytes_written'),
        'Work Time': number('work_time'),
        'Read Throughput': per_second('bytes_read'),
        'Write Throughput': per_second('bytes_written'),
    }
