import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional, Union

_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_Address = Union[tuple[str, int], str, bytes]

class PathInfoDispatcher:
    apps: list[tuple[str, _Application]]
    def __init__(self, apps: Union[Mapping[str, _Application], Iterable[tuple[str, _Application]]]) -> None: ...
    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]: ...

class ListeningAddress:
    addresses: list[Union[tuple[str, int], str]]
    def __init__(self, listening: list[Union[tuple[str, int], str]]) -> None: ...
    def getsockname(self) -> Union[tuple[str, int], str]: ...

class Server:
    version: str
    wsgi_version: tuple[Union[int, str], int]
    protocol: str
    software: Optional[str]
    nodelay: bool
    ssl_adapter: Any
    keep_alive_conn_limit: Optional[int]
    keep_alive_timeout: Optional[float]
    max_request_header_size: int
    max_request_body_size: int
    body_buffer_size: int
    accept_connect: bool
    expiration_interval: float
    settings_file: Optional[Union[str, os.PathLike[str]]]
    settings: dict[str, Any]
    bind_addr: _Address
    wsgi_app: _Application
    numthreads: int
    requests: Any
    server_name: str
    request_queue_size: int
    timeout: float
    shutdown_timeout: float
    accepted_queue_size: int
    accepted_queue_timeout: float
    peercreds_enabled: bool
    peercreds_resolve_enabled: bool
    reuse_port: bool
    stats: dict[str, Any]
    socket: Optional[ListeningAddress]
    interrupt: Optional[BaseException]
    def __init__(
        self,
        bind_addr: _Address,
        wsgi_app: _Application,
        numthreads: int = 10,
        server_name: Optional[str] = None,
        max: int = -1,
        request_queue_size: int = 5,
        timeout: float = 10,
        shutdown_timeout: float = 5,
        accepted_queue_size: int = -1,
        accepted_queue_timeout: float = 10,
        peercreds_enabled: bool = False,
        peercreds_resolve_enabled: bool = False,
        reuse_port: bool = False,
    ) -> None: ...
    @property
    def ready(self) -> bool: ...
    def prepare(self) -> None: ...
    def serve(self) -> None: ...
    def start(self) -> None: ...
    def safe_start(self) -> None: ...
    def stop(self) -> None: ...
    def reload_certificates(self) -> None: ...
    def runtime(self) -> float: ...
    def clear_stats(self) -> None: ...
    def error_log(self, msg: object = '', level: int = 20, traceback: bool = False) -> None: ...

WSGIServer = Server
WSGIPathInfoDispatcher = PathInfoDispatcher
