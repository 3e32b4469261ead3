# SPDX-License-Identifier: Apache-2.0
# The relay for places with Python 3: makes connections on the word of the listener, over stdin and
# stdout (the frames are described in mux.h), until stdin ends. It needs Python 3.5 and nothing else.
import os, selectors, socket, struct, threading, time

WINDOW, PAYLOAD, CHANNELS, ENOUGH = 256 << 10, 64 << 10, 256, 256 << 10
HEADER = struct.Struct(">BII")


class Channel:
    def __init__(self):
        self.sock = None
        self.credit, self.taken, self.left = WINDOW, 0, 0
        self.out = []
        self.sent_end = self.got_end = False
        self.resolving, self.deadline = True, 0.0


def connect(channel, host, port, seconds):
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return b"n", getattr(error, "strerror", None) or str(error)
    finally:
        channel.resolving = False
    why = b"f", "no address"
    for family, kind, proto, _, address in found:
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as error:
            why = b"f", str(error)
            continue
        try:
            sock.settimeout(seconds)
            sock.connect(address)
            sock.setblocking(False)
            return sock, None
        except socket.timeout:
            why = b"t", "timed out"
        except ConnectionRefusedError as error:
            why = b"r", error.strerror or str(error)
        except OSError as error:
            why = b"f", error.strerror or str(error)
        sock.close()
    return why


class Relay:
    def __init__(self):
        self.channels, self.queue, self.queued = {}, [], 0
        self.inbox = bytearray()
        self.selector = selectors.DefaultSelector()
        self.watched = {}
        self.made, self.lock = [], threading.Lock()
        self.bell, self.ring = os.pipe()

    def send(self, kind, number, payload=b""):
        self.queue.append(HEADER.pack(kind[0], number, len(payload)) + payload)
        self.queued += HEADER.size + len(payload)

    def drop(self, number):
        channel = self.channels.pop(number)
        if channel.sock:
            self.watch(channel.sock.fileno(), 0, None)
            channel.sock.close()

    def break_off(self, number):
        self.send(b"R", number)
        self.drop(number)

    # Both ends said that nothing more comes: nothing is left to do.
    def settle(self, number, channel):
        if channel.got_end and not channel.out:
            try:
                channel.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            if channel.sent_end:
                self.drop(number)

    def make(self, number, channel, host, port, seconds):
        result = connect(channel, host, port, seconds)
        with self.lock:
            self.made.append((number, result))
        os.write(self.ring, b"!")

    def take_made(self):
        os.read(self.bell, 4096)
        with self.lock:
            made, self.made = self.made, []
        for number, (got, text) in made:
            channel = self.channels.get(number)
            if text is not None and channel:
                self.send(b"E", number, got + text.encode("utf-8", "replace")[:250])
                self.drop(number)
            elif channel:
                channel.sock = got
                self.send(b"K", number)
            elif got and text is None:
                got.close()

    # Names that the resolver does not answer in time. True while connections are being made.
    def give_up_late(self):
        waiting = [(n, c) for n, c in self.channels.items() if not c.sock]
        for number, channel in waiting:
            if channel.resolving and time.monotonic() >= channel.deadline:
                self.send(b"E", number, b"nno answer from the resolver")
                self.drop(number)
        return bool(waiting)

    def opened(self, number, payload):
        host, port = payload[4:].split(b"\0", 1)
        if len(self.channels) >= CHANNELS:
            return self.send(b"E", number, b"l")
        channel = self.channels[number] = Channel()
        seconds = max(struct.unpack(">I", payload[:4])[0] / 1000.0, 0.001)
        channel.deadline = time.monotonic() + seconds
        threading.Thread(target=self.make, daemon=True,
                         args=(number, channel, host.decode(), port.decode(), seconds)).start()

    def frame(self, kind, number, payload):
        channel = self.channels.get(number)
        if kind == b"O":
            self.opened(number, payload)
        elif not channel:
            pass
        elif kind == b"D":
            channel.out.append(memoryview(payload))
        elif kind == b"F":
            channel.got_end = True
            self.settle(number, channel)
        elif kind == b"W":
            channel.credit += struct.unpack(">I", payload)[0]
        else:
            self.drop(number)

    def feed(self):
        try:
            data = os.read(0, 1 << 18)
        except (BlockingIOError, InterruptedError):
            return True
        self.inbox += data
        at = 0
        while len(self.inbox) - at >= HEADER.size:
            kind, number, size = HEADER.unpack_from(self.inbox, at)
            if size > PAYLOAD:
                return False
            if len(self.inbox) - at < HEADER.size + size:
                break
            start = at + HEADER.size
            self.frame(bytes([kind]), number, bytes(self.inbox[start:start + size]))
            at = start + size
        del self.inbox[:at]
        return bool(data)

    def flush(self):
        if len(self.queue) > 1:
            self.queue = [b"".join(self.queue)]
        try:
            n = os.write(1, self.queue[0])
        except (BlockingIOError, InterruptedError):
            return
        self.queued -= n
        rest = memoryview(self.queue[0])[n:]
        self.queue = [bytes(rest)] if len(rest) else []

    def read(self, number, channel):
        try:
            data = channel.sock.recv(min(PAYLOAD, channel.credit))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            return self.break_off(number)
        if data:
            channel.credit -= len(data)
            return self.send(b"D", number, data)
        channel.sent_end = True
        self.send(b"F", number)
        self.settle(number, channel)

    def write(self, number, channel):
        try:
            n = channel.sock.send(channel.out[0])
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            return self.break_off(number)
        channel.out[0] = channel.out[0][n:]
        if not len(channel.out[0]):
            del channel.out[0]
        channel.taken += n
        if channel.taken >= WINDOW // 4:
            self.send(b"W", number, struct.pack(">I", channel.taken))
            channel.taken = 0
        self.settle(number, channel)

    def watch(self, fd, events, data):
        if self.watched.get(fd, (0, None)) == (events, data):
            return
        if fd in self.watched:
            self.selector.unregister(fd)
            del self.watched[fd]
        if events:
            self.selector.register(fd, events, data)
            self.watched[fd] = (events, data)

    def turn(self):
        waiting = self.give_up_late()
        self.watch(1, selectors.EVENT_WRITE if self.queue else 0, "out")
        for number, channel in self.channels.items():
            if not channel.sock:
                continue
            more = not channel.sent_end and channel.credit > 0 and self.queued < ENOUGH
            self.watch(channel.sock.fileno(), (selectors.EVENT_READ if more else 0) |
                       (selectors.EVENT_WRITE if channel.out else 0), number)
        for key, events in self.selector.select(0.2 if waiting else None):
            if key.data == "in":
                if not self.feed():
                    return False
            elif key.data == "out":
                if self.queue:
                    self.flush()
            elif key.data == "made":
                self.take_made()
            else:
                channel = self.channels.get(key.data)
                if channel and channel.out and events & selectors.EVENT_WRITE:
                    self.write(key.data, channel)
                channel = self.channels.get(key.data)
                if channel and events & selectors.EVENT_READ and not channel.sent_end:
                    self.read(key.data, channel)
        return True

    def run(self):
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        self.watch(0, selectors.EVENT_READ, "in")
        self.watch(self.bell, selectors.EVENT_READ, "made")
        os.write(1, b"headgate-relay 1 mux\n")
        while self.turn():
            pass


try:
    Relay().run()
except (OSError, ValueError):
    pass
os._exit(0)
