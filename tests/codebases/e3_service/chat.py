"""Two people in a room: what each hears of the other, and nothing of another room. Usage: chat.py PORT"""
import base64
import hashlib
import os
import socket
import struct
import sys
import time
import urllib.request


class Person:
    def __init__(self, name, room):
        self.socket = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        self.socket.settimeout(5)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /chat/{room}?name={name} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self.file = self.socket.makefile("rb")
        headers = {}
        print(self.file.readline().decode().strip())
        while (line := self.file.readline().decode().strip()):
            field, value = line.split(": ", 1)
            headers[field.lower()] = value
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        print(headers["upgrade"], headers["connection"], headers["sec-websocket-accept"] == accept)

    def say(self, text, opcode=1):
        data, mask = text.encode(), os.urandom(4)
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def hear(self):
        head = self.file.read(2)
        size = head[1] if head[1] < 126 else struct.unpack(">H", self.file.read(2))[0]
        return head[0] & 15, self.file.read(size).decode()


ann, bob, eve = Person("ann", "lobby"), Person("bob", "lobby"), Person("eve", "cellar")
# Who has said something is in the room; before that nobody hears.
bob.say("", 9)
bob.say("here")
while b'"joins":1' not in urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/api/counts").read():
    time.sleep(0.01)
ann.say("hello")
print("bob", bob.hear())
bob.say("good day")
print("ann", ann.hear())
eve.say("alone")
bob.say("", 8)
bob.say("still here")
print("ann", ann.hear())
