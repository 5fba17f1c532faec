"""requests: a session, on urllib3."""

import sys

import requests

import steps


class Client:
    CUT = requests.exceptions.ChunkedEncodingError

    def __init__(self):
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path, fields={}):
        response = self.session.get(sys.argv[1] + path, headers=fields, timeout=60)
        return response.status_code, response.content

    def parts(self, path):
        with self.session.get(sys.argv[1] + path, stream=True, timeout=60) as response:
            assert response.status_code == 200
            yield from response.iter_content(1 << 16)

    def put(self, path, content):
        response = self.session.put(sys.argv[1] + path, data=content, timeout=60)
        return response.status_code, response.content

    def reset(self):
        pass


steps.main(Client())
