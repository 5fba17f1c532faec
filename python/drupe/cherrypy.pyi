from typing import Any

from . import wsgi

class CPWSGIServer(wsgi.Server):
    server_adapter: Any
    def __init__(self, server_adapter: Any = ...) -> None: ...
