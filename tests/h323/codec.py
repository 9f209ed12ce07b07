"""H.225.0, H.245, Q.931 and TPKT on pycrate: a codec that shares nothing with the switch.

Values are pycrate's: CHOICE is (name, value), SEQUENCE a dict, NULL 0, OCTET STRING bytes.
"""
import sys

from pycrate_asn1rt.asnobj_construct import _CONSTRUCT
from pycrate_asn1rt.codecs import ASN1CodecPER
from pycrate_asn1dir import H225, H245

USER_INFORMATION = H225.H323_MESSAGES.H323_UserInformation
RAS_MESSAGE = H225.H323_MESSAGES.RasMessage
CONTROL = H245.MULTIMEDIA_SYSTEM_CONTROL.MultimediaSystemControlMessage
CHANNEL = H245.MULTIMEDIA_SYSTEM_CONTROL.OpenLogicalChannel
VERSION = (0, 0, 8, 2250, 0, 4)
H245_VERSION = (0, 0, 8, 245, 0, 7)
MAX_FRAME = 16384


def _additions_start_aligned():
    """pycrate counts the place of extension additions before their bitmap is written, and pads what
    needs no padding. They always start on an octet: count them from one, then put the count back."""
    write = ASN1CodecPER.encode_unconst_open.__func__

    def encode_unconst_open(cls, component):
        if not (cls.ALIGNED and isinstance(sys._getframe(1).f_locals.get("self"), _CONSTRUCT)):
            return write(cls, component)
        before = cls._off[-1]
        aligned = before + -before % 8
        cls._off[-1] = aligned
        written = write(cls, component)
        cls._off[-1] += before - aligned
        return written

    ASN1CodecPER.encode_unconst_open = classmethod(encode_unconst_open)


_additions_start_aligned()


class Malformed(Exception):
    """What came is not what the standards allow."""


def encode(kind, value):
    kind.set_val(value)
    return kind.to_aper()


def decode(kind, octets):
    try:
        kind.from_aper(octets)
        return kind.get_val()
    except Exception as error:
        raise Malformed(f"{kind.fullname()}: {error}: {octets.hex()}") from error


# Q.931, table 4-2
MESSAGES = {
    0x01: "alerting", 0x02: "callProceeding", 0x03: "progress", 0x05: "setup", 0x07: "connect",
    0x0D: "setupAcknowledge", 0x0F: "connectAcknowledge", 0x5A: "releaseComplete", 0x62: "facility",
    0x6E: "notify", 0x75: "statusInquiry", 0x7B: "information", 0x7D: "status",
}
CODES = {name: code for code, name in MESSAGES.items()}
BEARER, CAUSE, CALL_STATE, PROGRESS, DISPLAY, KEYPAD, CALLING, CALLED, USER = (
    0x04, 0x08, 0x14, 0x1E, 0x28, 0x2C, 0x6C, 0x70, 0x7E)


def write_q931(reference, from_called, name, elements, user=None):
    """A Q.931 message in its TPKT. `elements`: {identifier: octets}, `user`: value of H323-UserInformation."""
    flag = 0x8000 if from_called else 0
    body = bytes([8, 2]) + (reference | flag).to_bytes(2, "big") + bytes([CODES[name]])
    for identifier, octets in sorted(elements.items()):
        body += bytes([identifier, len(octets)]) + octets
    if user is not None:
        octets = b"\x05" + encode(USER_INFORMATION, user)
        body += bytes([USER]) + len(octets).to_bytes(2, "big") + octets
    return frame(body)


def read_q931(octets):
    """(call reference, from the called side, name, {identifier: octets}, user information or None)."""
    if len(octets) < 5 or octets[0] != 8 or octets[1] != 2:
        raise Malformed(f"no Q.931: {octets.hex()}")
    reference = int.from_bytes(octets[2:4], "big")
    name = MESSAGES.get(octets[4])
    if name is None:
        raise Malformed(f"message type {octets[4]:#x}")
    elements, user, at = {}, None, 5
    while at < len(octets):
        identifier = octets[at]
        at += 1
        if identifier & 0x80:
            continue
        width = 2 if identifier == USER else 1
        length = int.from_bytes(octets[at:at + width], "big")
        at += width
        if at + length > len(octets):
            raise Malformed(f"element {identifier:#x} is longer than its message")
        content = octets[at:at + length]
        at += length
        if identifier == USER:
            user = decode(USER_INFORMATION, content[1:])
        else:
            elements[identifier] = content
    return reference & 0x7FFF, bool(reference & 0x8000), name, elements, user


def frame(body):
    """RFC 1006: version 3, reserved, length with its own four octets."""
    return bytes([3, 0]) + (len(body) + 4).to_bytes(2, "big") + body


async def read_frame(reader):
    """The next TPKT's body; empty: the peer keeps its connection alive."""
    head = await reader.readexactly(4)
    length = int.from_bytes(head[2:], "big")
    if head[0] != 3 or not 4 <= length <= MAX_FRAME:
        raise Malformed(f"no TPKT: {head.hex()}")
    return await reader.readexactly(length - 4)


def transport(ip, port):
    """TransportAddress of H.225.0."""
    return "ipAddress", {"ip": bytes(map(int, ip.split("."))), "port": port}


def unicast(ip, port):
    """TransportAddress of H.245."""
    return "unicastAddress", ("iPAddress", {"network": bytes(map(int, ip.split("."))), "tsapIdentifier": port})


def where(address):
    """(ip, port) of either form; None for what is no IPv4 address."""
    if address is None:
        return None
    kind, value = address
    if kind == "unicastAddress":
        kind, value = value
    if kind == "ipAddress":
        return ".".join(map(str, value["ip"])), value["port"]
    if kind == "iPAddress":
        return ".".join(map(str, value["network"])), value["tsapIdentifier"]
    return None


def digits_of(aliases):
    """The first number among aliases."""
    for kind, value in aliases or []:
        if kind in ("dialledDigits", "e164"):
            return value
        if kind == "partyNumber" and value[0] in ("e164Number", "publicNumber"):
            return value[1]["publicNumberDigits"]
    return None


def names_of(aliases):
    """What is written in aliases, of any kind that is text."""
    return [value for _, value in aliases or [] if isinstance(value, str)]


# name: (H.245 form, value of it, payload type, ms and octets of a packet)
CODECS = {
    "PCMA": ("g711Alaw64k", 20, 8, 20, 160),
    "PCMU": ("g711Ulaw64k", 20, 0, 20, 160),
    "G729": ("g729AnnexA", 2, 18, 20, 20),
    "G723": ("g7231", {"maxAl-sduAudioFrames": 1, "silenceSuppression": False}, 4, 30, 24),
}
FORMS = {form: name for name, (form, *_) in CODECS.items()} | {"g729": "G729"}


def audio(name):
    """AudioCapability."""
    return CODECS[name][0], CODECS[name][1]


def codec_of(data_type):
    """The codec's name in a DataType or a Capability; None: not one of ours."""
    kind, value = data_type
    if kind in ("audioData", "receiveAudioCapability", "receiveAndTransmitAudioCapability", "transmitAudioCapability"):
        return FORMS.get(value[0])
    return None
