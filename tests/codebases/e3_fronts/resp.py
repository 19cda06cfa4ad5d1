"""Sends the commands given, each of words joined by commas, in one piece, and prints the answers. Usage: resp.py COMMAND..."""
import socket
import sys

s = socket.create_connection(("127.0.0.1", 6300))
commands = [command.encode().split(b",") for command in sys.argv[1:]]
s.sendall(b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in c) for c in commands))
s.shutdown(socket.SHUT_WR)
print(b"".join(iter(lambda: s.recv(999), b"")))
