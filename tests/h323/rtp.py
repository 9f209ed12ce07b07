"""One side's RTP: sends voice at its pace, counts what comes, digits as events of RFC 4733 both ways."""
import asyncio
import os
import struct

from codec import CODECS

EVENTS = "0123456789*#ABCD"
EVENT_TYPE = 101


class Rtp(asyncio.DatagramProtocol):
    def __init__(self, tell):
        self.tell = tell
        self.sent = self.received = self.odd = 0
        self.remote = self.source = self.codec = self.sender = self.wire = None
        self.sequence = struct.unpack("!H", os.urandom(2))[0]
        self.ssrc = os.urandom(4)
        self.clock = 0
        self.types = set()
        self.last_event = None

    @classmethod
    async def open(cls, ip, tell):
        """On an even port, with the port above it for RTCP left alone."""
        loop = asyncio.get_running_loop()
        while True:
            wire, rtp = await loop.create_datagram_endpoint(lambda: cls(tell), (ip, 0))
            rtp.ip, rtp.port = wire.get_extra_info("sockname")[:2]
            if rtp.port % 2 == 0:
                return rtp
            wire.close()

    def connection_made(self, wire):
        self.wire = wire

    def error_received(self, error):
        """ICMP says that nobody is there yet: not an end of ours."""

    def datagram_received(self, data, source):
        if len(data) < 12 or data[0] >> 6 != 2:
            self.odd += 1
            return
        kind = data[1] & 0x7F
        self.received += 1
        self.source = source
        self.types.add(kind)
        if kind == EVENT_TYPE and len(data) >= 16:
            stamp = data[4:8]
            if data[13] & 0x80 and stamp != self.last_event:
                self.last_event = stamp
                self.tell("digit", form="rfc4733", digit=EVENTS[data[12]] if data[12] < 16 else "?")

    def start(self, codec, remote):
        """Sends `codec` to `remote` until told otherwise; a second start changes both."""
        self.codec, self.remote = codec, remote
        if self.sender is None:
            self.sender = asyncio.ensure_future(self._send())

    def stop(self):
        if self.sender is not None:
            self.sender.cancel()
            self.sender = None

    def close(self):
        self.stop()
        self.wire.close()

    async def _send(self):
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            _, _, kind, ms, octets = CODECS[self.codec]
            self._packet(kind, bytes([0x55 if kind == 8 else 0x7E]) * octets)
            self.clock += ms * 8
            due += ms / 1000
            await asyncio.sleep(max(0, due - loop.time()))

    def _packet(self, kind, payload, stamp=None, mark=False):
        self.sequence = (self.sequence + 1) & 0xFFFF
        head = bytes([0x80, kind | (0x80 if mark else 0)]) + struct.pack(
            "!HI", self.sequence, (self.clock if stamp is None else stamp) & 0xFFFFFFFF) + self.ssrc
        self.wire.sendto(head + payload, self.remote)
        self.sent += 1

    async def digit(self, digit):
        """An event of 100 ms, its end said three times (RFC 4733, section 2.5.1.4)."""
        stamp, code = self.clock, EVENTS.index(digit)
        for step in range(1, 6):
            self._packet(EVENT_TYPE, struct.pack("!BBH", code, 10, step * 160), stamp, step == 1)
            await asyncio.sleep(0.02)
        for _ in range(3):
            self._packet(EVENT_TYPE, struct.pack("!BBH", code, 0x8A, 800), stamp)
        self.clock += 1600

    def counts(self):
        return {"sent": self.sent, "received": self.received, "odd": self.odd, "codec": self.codec,
                "payload_types": sorted(self.types), "from": list(self.source) if self.source else None}
