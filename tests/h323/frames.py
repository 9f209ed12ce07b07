"""What was sent and came, as a pcap file with IP, TCP and UDP heads made up, so that tshark can judge it
without the rights that a capture needs. `port`, where a test serves, is written as the standard's, by which
tshark knows the protocol."""
import struct
import time


class Frames:
    def __init__(self, path, port, standard):
        self.port, self.standard = port, standard
        self.file = open(path, "wb")
        self.places = {}
        self.file.write(struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))

    def tcp(self, source, target, octets):
        place, other = self.places.get((source, target), 1), self.places.get((target, source), 1)
        self.places[source, target] = place + len(octets)
        self._write(6, source, target, struct.pack(
            "!HHIIBBHHH", self._port(source), self._port(target), place, other, 0x50, 0x18, 65535, 0, 0) + octets)

    def udp(self, source, target, octets):
        self._write(17, source, target, struct.pack(
            "!HHHH", self._port(source), self._port(target), 8 + len(octets), 0) + octets)

    def _port(self, place):
        return self.standard if place[1] == self.port else place[1]

    def _write(self, protocol, source, target, content):
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, 64, protocol, 0)
        packet += bytes(map(int, source[0].split("."))) + bytes(map(int, target[0].split("."))) + content
        now = time.time()
        self.file.write(struct.pack("!IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)
        self.file.flush()


class NoFrames:
    def tcp(self, *_):
        pass

    udp = tcp
