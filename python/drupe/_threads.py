"""The worker threads of a server, as cheroot's ``requests`` shows them."""

import math
import weakref


class Threads:
    """The bounds and the state of the worker threads.

    The number of threads is `min` as long as `max` is -1, as in cheroot. With a larger `max`,
    threads are added while requests have to wait, and end when they are idle.
    """

    def __init__(self, server, min=10, max=-1):
        self._server = weakref.ref(server)
        if not isinstance(min, int) or not (isinstance(max, int) or max == math.inf):
            raise TypeError('the numbers of threads have to be integers')
        if min < 1:
            raise ValueError(f'the least number of threads has to be 1 or more, not {min}')
        if max < 1 and max != -1:
            raise ValueError(f'the greatest number of threads has to be -1, or 1 or more, not {max}')
        if max != -1 and max < min:
            raise ValueError(f'the greatest number of threads, {max}, is below the least, {min}')
        self.min = min
        self._max = max

    @property
    def max(self):
        """The greatest number of threads."""
        return self.min if self._max in (-1, math.inf) else self._max

    @max.setter
    def max(self, value):
        self._max = value

    @property
    def idle(self):
        """The number of threads without work; 0 while the server does not run."""
        return self._number('threads_idle')

    @property
    def qsize(self):
        """The number of requests that wait for a thread."""
        return self._number('queue')

    @property
    def _threads(self):
        return range(self._number('threads'))

    def _number(self, name):
        server = self._server()
        if server is None or not server.ready:
            return 0
        return server._engine.statistics().get(name, 0)
