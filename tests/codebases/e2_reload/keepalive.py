"""Connections that live through a reload: shows what each request got. Usage: keepalive.py PID"""
import os
import signal
import socket
import sys
import time
from http.client import HTTPConnection

pid = int(sys.argv[1])
tcp = socket.create_connection(("127.0.0.1", 8001))
tcp.sendall(b"a")
print(tcp.recv(99))
http = HTTPConnection("127.0.0.1", 8000)
slow = HTTPConnection("127.0.0.1", 8000)


def get(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    print(answer.status, answer.getheader("connection"), answer.read().decode().strip())


get(http, "/")
slow.request("GET", "/until/reloaded")
while not os.path.exists("reloaded.asked"):
    time.sleep(0.01)
os.rename("config.json", "old.json")
open("config.json", "w").write('{ "port": 8000, "tcp": 8001, "text": "two", "extra": [8003] }')
os.kill(pid, signal.SIGHUP)
deadline = time.time() + 20
while time.time() < deadline:
    fresh = HTTPConnection("127.0.0.1", 8000)
    fresh.request("GET", "/")
    if b"two" in fresh.getresponse().read():
        break
tcp.sendall(b"b")
print(tcp.recv(99))
get(http, "/")
get(http, "/")
open("reloaded", "w").close()
answer = slow.getresponse()
print(answer.status, answer.getheader("connection"), answer.read().split()[:3])
tcp.shutdown(socket.SHUT_WR)
print(tcp.recv(99))
