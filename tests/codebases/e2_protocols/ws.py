"""A WebSocket client: sends frames (opcode and text), prints what comes back. Usage: ws.py PORT OPCODE:TEXT..."""
import base64
import os
import socket
import struct
import sys

s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(5)
key = base64.b64encode(b"0123456789abcdef").decode()
s.sendall(
    f"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
)
f = s.makefile("rb")
while (line := f.readline()) not in (b"\r\n", b""):
    print(line.decode().strip())
for word in sys.argv[2:]:
    opcode, text = word.split(":", 1)
    data, mask = text.encode(), os.urandom(4)
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
    s.sendall(bytes([0x80 | int(opcode)]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
    head = f.read(2)
    size = head[1] if head[1] < 126 else struct.unpack(">H", f.read(2))[0]
    print(head[0] & 15, f.read(size)[:40])
print("end", f.read())
