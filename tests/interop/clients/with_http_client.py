"""Python's http.client: one connection, chunks by `encode_chunked`, an expectation by hand."""

import http.client
import sys
import urllib.parse

import steps


class Client:
    CUT = http.client.IncompleteRead

    def __init__(self):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(sys.argv[1]).netloc, timeout=60)

    def get(self, path, fields={}):
        self.connection.request("GET", path, headers=fields)
        return self.answer()

    def parts(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        assert response.status == 200
        try:
            while part := response.read(1 << 16):
                yield part
        finally:
            if not response.isclosed():
                response.close()
                self.reset()

    def put(self, path, content):
        fields = {} if isinstance(content, bytes) else {"Transfer-Encoding": "chunked"}
        self.connection.request("PUT", path, body=content, headers=fields, encode_chunked=bool(fields))
        return self.answer()

    def expect(self, path, content):
        self.connection.putrequest("PUT", path)
        self.connection.putheader("Content-Length", str(len(content)))
        self.connection.putheader("Expect", "100-continue")
        self.connection.endheaders()
        # It reads over interim answers by itself; this one is read before it.
        interim = b""
        while not interim.endswith(b"\r\n\r\n"):
            interim += self.connection.sock.recv(1)
        assert interim.startswith(b"HTTP/1.1 100 "), interim
        self.connection.send(content)
        return self.answer()

    def answer(self):
        response = self.connection.getresponse()
        return response.status, response.read()

    def reset(self):
        self.connection.close()


steps.main(Client())
