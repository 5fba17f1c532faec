import os
from collections.abc import Callable
from typing import Any, Optional, Union

_Path = Union[str, bytes, os.PathLike[str]]

class BuiltinSSLAdapter:
    certificate: _Path
    private_key: Optional[_Path]
    certificate_chain: Optional[_Path]
    ciphers: Optional[str]
    private_key_password: Optional[Union[str, bytes, Callable[[], Union[str, bytes]]]]
    client_ca: Optional[_Path]
    verify_mode: Optional[str]
    minimum_version: Optional[str]
    def __init__(
        self,
        certificate: _Path,
        private_key: Optional[_Path] = None,
        certificate_chain: Optional[_Path] = None,
        ciphers: Optional[str] = None,
        *,
        private_key_password: Optional[Union[str, bytes, Callable[[], Union[str, bytes]]]] = None,
        client_ca: Optional[_Path] = None,
        verify_mode: Optional[str] = None,
        minimum_version: Optional[str] = None,
    ) -> None: ...
    @property
    def context(self) -> Any: ...
