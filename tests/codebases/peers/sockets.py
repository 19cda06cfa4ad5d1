"""Plain TCP and UDP services and clients.

Usage: sockets.py serve TCPPORT UDPPORT: answers each piece with itself, on TCP `<end>` after the end of the input, on UDP
`echo:` before it. sockets.py tcp PORT TEXT: sends it and its end, prints all that comes back. sockets.py udp PORT TEXT...:
sends datagrams, prints the answer to each. sockets.py same PORT BYTES TIMES: as many connections at once, each of which
sends random bytes and its end; prints how many got them back. sockets.py stuck PORT FILE: sends without ever reading until
nothing is taken for a second, says so in FILE, and stays. sockets.py reset PORT TIMES: connections that end in the middle.
"""
import os
import socket
import struct
import sys
import threading
import time

AT = "127.0.0.1"


def answer(stream):
    try:
        while data := stream.recv(65536):
            stream.sendall(data)
        stream.sendall(b"<end>")
        stream.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    stream.close()


def serve(tcp, udp):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((AT, int(udp)))

    def reflect():
        while True:
            data, peer = datagrams.recvfrom(65536)
            datagrams.sendto(b"echo:" + data, peer)

    threading.Thread(target=reflect, daemon=True).start()
    listener = socket.create_server((AT, int(tcp)), backlog=512)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def exchange(port, data):
    stream = socket.create_connection((AT, int(port)))
    stream.settimeout(20)
    got = []

    def read():
        try:
            while piece := stream.recv(65536):
                got.append(piece)
        except OSError as error:
            got.append(repr(error).encode())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    reader.join()
    stream.close()
    return b"".join(got)


def tcp(port, text):
    print(exchange(port, text.encode()).decode())


def udp(port, *texts):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    for text in texts:
        client.sendto(text.encode(), (AT, int(port)))
        print(client.recv(65536).decode())


def same(port, size, times):
    good = []

    def one():
        data = os.urandom(int(size))
        if exchange(port, data) == data + b"<end>":
            good.append(1)

    clients = [threading.Thread(target=one) for _ in range(int(times))]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    print(len(good), "of", times)


def stuck(port, file):
    stream = socket.create_connection((AT, int(port)))
    stream.settimeout(1)
    try:
        while True:
            stream.send(b"x" * 65536)
    except TimeoutError:
        open(file, "w").close()
    time.sleep(600)


def reset(port, times):
    for _ in range(int(times)):
        stream = socket.create_connection((AT, int(port)))
        stream.sendall(b"x" * 100_000)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()
    print("done")


{f.__name__: f for f in (serve, tcp, udp, same, stuck, reset)}[sys.argv[1]](*sys.argv[2:])
