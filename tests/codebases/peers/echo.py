"""An HTTP/1.1 service: answers with its name, the request line, the headers and the body that it got.

Usage: echo.py PORT [NAME]. What the path asks for: /status/N answers with that status, /slow/S after S seconds,
/until/FILE when that file is there (FILE.asked is there before), /bye closes without a byte, /flaky/N is a 503 for the
first N requests of that path, /gzip compresses.
"""
import gzip
import os
import sys
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, name = int(sys.argv[1]), (sys.argv[2:] or ["echo"])[0]
seen = Counter()


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def any(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        words = self.path.split("?")[0].split("/")
        seen[self.path] += 1
        status = 200
        if "status" in words:
            status = int(words[words.index("status") + 1])
        if "slow" in words:
            time.sleep(float(words[words.index("slow") + 1]))
        if "until" in words:
            file = words[words.index("until") + 1]
            open(file + ".asked", "w").close()
            while not os.path.exists(file):
                time.sleep(0.01)
        if "flaky" in words and seen[self.path] <= int(words[words.index("flaky") + 1]):
            status = 503
        if "bye" in words:
            self.close_connection = True
            return
        lines = [f"{name}: {self.command} {self.path}"]
        lines += [f"{key}: {value}" for key, value in self.headers.items()]
        text = "\n".join(lines).encode() + b"\n" + body
        if "gzip" in words:
            text = gzip.compress(text)
        self.send_response_only(status)
        if "gzip" in words:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("X-Served-By", name)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = any

    def log_message(self, *args):
        pass


ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", port), Echo).serve_forever()
