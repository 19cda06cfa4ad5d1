"""Says bytes on one connection, and shows what comes back until nothing more does. Usage: talk.py PORT HEX-OR-TEXT..."""
import socket
import sys

s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(5)
for word in sys.argv[2:]:
    data = bytes.fromhex(word[2:]) if word.startswith("0x") else word.encode().decode("unicode_escape").encode("latin1")
    s.sendall(data)
s.shutdown(1)
print(b"".join(iter(lambda: s.recv(4096), b"")))
