"""One MQTT 3.1.1 session in one piece, to its end: connect, publish, subscribe, ping, disconnect. Prints the answers."""
import socket


def text(value):
    return len(value).to_bytes(2, "big") + value


def packet(kind, body):
    return bytes([kind, len(body)]) + body


s = socket.create_connection(("127.0.0.1", 1883))
s.sendall(
    packet(0x10, text(b"MQTT") + b"\x04\x82\x00\x3c" + text(b"me") + text(b"u"))
    + packet(0x32, text(b"a/b") + b"\x00\x07hot")
    + packet(0x82, b"\x00\x08" + text(b"a/b") + b"\x01")
    + packet(0xC0, b"")
    + packet(0xE0, b"")
)
print(b"".join(iter(lambda: s.recv(999), b"")).hex(" "))
