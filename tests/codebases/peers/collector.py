"""Takes what is posted to it; GET answers with all of that, a line each: path, content type, body. Usage: collector.py PORT"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

taken = []


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text):
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def take(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        taken.append(f"{self.command} {self.path} {self.headers.get('content-type')} {body}")
        self.answer(204 if self.path.startswith("/eureka") else 200, b"")

    def do_GET(self):
        self.answer(200, "".join(line.rstrip("\n") + "\n" for line in taken).encode())

    do_POST = do_PUT = do_DELETE = take

    def log_message(self, *args):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Collector).serve_forever()
