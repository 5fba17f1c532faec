"""A WSGI server in Rust, with the surface of cheroot's server.

``drupe.wsgi.Server`` takes the place of ``cheroot.wsgi.Server``,
``drupe.cherrypy.CPWSGIServer`` that of CherryPy's own server, and
``python -m drupe module:application`` serves from a command line.
"""

from ._drupe import (
    ContentTimeout,
    FileWrapper,
    MalformedContent,
    MaxSizeExceeded,
    __version__,
)

__all__ = [
    'ContentTimeout',
    'FileWrapper',
    'MalformedContent',
    'MaxSizeExceeded',
    '__version__',
]
