"""An application that tells what it has seen of a request, behind three servers: `seen.py cheroot` or `waitress` prints its port;
gunicorn finds `application` by itself."""

import sys


def application(environ, start_response):
    content = environ["wsgi.input"].read()
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or environ.get("PATH_INFO") or "?"
    seen = "%s %d %s %s" % (environ["REQUEST_METHOD"], len(content), content[:64].hex(), target)
    # A field value is Latin-1 to a WSGI server, and no control characters are allowed in it.
    seen = "".join(letter if " " <= letter <= "~" else "?" for letter in seen)
    start_response("200 OK", [("Content-Length", "0"), ("X-Seen", seen)])
    return [b""]


def cheroot():
    from cheroot import wsgi

    server = wsgi.Server(("127.0.0.1", 0), application, numthreads=32, timeout=60)
    # What it cannot make out is its own affair; it would be told here at length.
    server.error_log = lambda *arguments, **named: None
    server.prepare()
    print(server.bind_addr[1], flush=True)
    server.serve()


def waitress():
    import logging

    from waitress.server import create_server

    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    server = create_server(application, host="127.0.0.1", port=0, threads=16)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    {"cheroot": cheroot, "waitress": waitress}[sys.argv[1]]()
