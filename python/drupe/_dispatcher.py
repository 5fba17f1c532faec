"""Several applications behind one server, by the beginning of the path."""


class PathInfoDispatcher:
    """An application that passes a request on by the longest prefix of its path.

    `apps` is a dict or a list of pairs, of prefix and application. A prefix ends at the end of a
    segment: `/tea` takes `/tea` and `/tea/pot`, but not `/teapot`. The prefix moves from
    ``PATH_INFO`` to ``SCRIPT_NAME``. Without a prefix that fits, the client gets a 404.
    """

    def __init__(self, apps):
        pairs = apps.items() if hasattr(apps, 'items') else apps
        self.apps = sorted(
            ((prefix.rstrip('/'), app) for prefix, app in pairs),
            key=lambda pair: len(pair[0]),
            reverse=True,
        )

    def __call__(self, environ, start_response):
        """Pass a request on."""
        path = environ['PATH_INFO'] or '/'
        for prefix, app in self.apps:
            if path == prefix or path.startswith(prefix + '/'):
                environ = environ.copy()
                environ['SCRIPT_NAME'] = environ.get('SCRIPT_NAME', '') + prefix
                environ['PATH_INFO'] = path[len(prefix):]
                return app(environ, start_response)
        start_response('404 Not Found', [('Content-Type', 'text/plain'), ('Content-Length', '0')])
        return []
