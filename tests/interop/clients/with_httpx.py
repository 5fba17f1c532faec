"""httpx: a client with a pool, on httpcore and h11."""

import sys

import httpx

import steps


class Client:
    CUT = httpx.RemoteProtocolError

    def __init__(self):
        self.client = httpx.Client(base_url=sys.argv[1], timeout=60, trust_env=False)

    def get(self, path, fields={}):
        response = self.client.get(path, headers=fields)
        return response.status_code, response.content

    def parts(self, path):
        with self.client.stream("GET", path) as response:
            assert response.status_code == 200
            yield from response.iter_bytes(1 << 16)

    def put(self, path, content):
        response = self.client.put(path, content=content)
        return response.status_code, response.content

    def reset(self):
        pass


steps.main(Client())
