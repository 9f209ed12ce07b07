"""One H.323 call of ours, as caller or as answerer: H.225.0 signalling in Q.931, with H.245 tunnelled or apart."""
import asyncio
import os
import socket
import struct

from codec import (
    BEARER, CALLED, CALLING, CALL_STATE, CAUSE, CHANNEL, CONTROL, DISPLAY, KEYPAD, PROGRESS, VERSION, Malformed, audio, codec_of, decode, digits_of, encode, frame, names_of, read_frame, read_q931, transport, where,
    write_q931)
from control import Control, channel_parameters
from rtp import Rtp

VENDOR = {"vendor": {"t35CountryCode": 181, "t35Extension": 0, "manufacturerCode": 18},
          "productId": b"peer", "versionId": b"1"}
GATEWAY = {"vendor": VENDOR, "gateway": {"protocol": [("voice", {"supportedPrefixes": []})]},
           "mc": False, "undefinedNode": False}
# ITU-T Q.931 4.5.5: speech, 64 kbit/s, A-law
SPEECH = bytes([0x80, 0x90, 0xA3])
NORMAL = 16


class Call:
    def __init__(self, settings, reader, writer, tell, frames):
        self.settings, self.reader, self.writer = settings, reader, writer
        self.frames = frames
        self.local, self.remote = writer.get_extra_info("sockname")[:2], writer.get_extra_info("peername")[:2]
        self.reference = self.id = self.conference = self.rtp = self.control = None
        self.outgoing = True
        self.tunnelling = settings.tunnelling
        self.connected, self.over = asyncio.Event(), asyncio.Event()
        self.pending, self.apart, self.listener = [], None, None
        self.accepted = None
        self.tasks = []
        self._tell = tell
        self.finished = False

    def tell(self, event, **facts):
        self._tell(event, call=self.id.hex() if self.id else None, **facts)

    def later(self, work):
        self.tasks.append(asyncio.ensure_future(work))

    async def prepare(self):
        self.rtp = await Rtp.open(self.local[0], self.tell)
        self.control = Control(self.settings, self.rtp, self.send_control, self.tell)

    # caller

    async def setup(self):
        self.reference = struct.unpack("!H", os.urandom(2))[0] & 0x7FFF or 1
        self.id, self.conference = os.urandom(16), os.urandom(16)
        await self.prepare()
        settings = self.settings
        body = {
            "protocolIdentifier": VERSION, "sourceInfo": GATEWAY,
            "sourceAddress": [("dialledDigits", settings.calling)],
            "destinationAddress": [("dialledDigits", settings.number)],
            "destCallSignalAddress": transport(*self.remote), "activeMC": False, "conferenceID": self.conference,
            "conferenceGoal": ("create", 0), "callType": ("pointToPoint", 0),
            "sourceCallSignalAddress": transport(*self.local), "callIdentifier": {"guid": self.id},
            "mediaWaitForConnect": False, "canOverlapSend": False, "multipleCalls": False,
            "maintainConnection": False}
        if settings.fast:
            body["fastStart"] = [encode(CHANNEL, one) for one in self.offered()]
        if settings.early_h245 and not settings.tunnelling:
            body["h245Address"] = await self.listen()
        if settings.early_h245 and settings.tunnelling and not settings.fast:
            self.hold_back(self.control.start)
        presentation = 0xA1 if settings.withheld else 0x81
        elements = {
            BEARER: SPEECH, CALLING: bytes([0x01, presentation]) + settings.calling.encode(),
            CALLED: b"\x81" + settings.number.encode(), DISPLAY: settings.display.encode() + b"\0"}
        self.tell("setup-sent", reference=self.reference, conference=self.conference.hex(), called=settings.number)
        self.send("setup", body, elements)

    def offered(self):
        """For each codec a channel in each direction (H.323, section 8.1.7)."""
        for at, name in enumerate(self.settings.codecs, 1):
            yield {"forwardLogicalChannelNumber": at, "forwardLogicalChannelParameters": {
                "dataType": ("audioData", audio(name)),
                "multiplexParameters": channel_parameters(self.rtp, False)}}
            yield {"forwardLogicalChannelNumber": at, "forwardLogicalChannelParameters": {
                "dataType": ("nullData", 0), "multiplexParameters": ("none", 0)},
                "reverseLogicalChannelParameters": {
                    "dataType": ("audioData", audio(name)),
                    "multiplexParameters": channel_parameters(self.rtp, True)}}

    def learn_fast(self, channels):
        """The called side's choice."""
        for octets in channels:
            value = decode(CHANNEL, octets)
            forward, reverse = value["forwardLogicalChannelParameters"], value.get("reverseLogicalChannelParameters")
            if reverse:
                self.tell("fast", direction="in", codec=codec_of(reverse["dataType"]))
                continue
            name = codec_of(forward["dataType"])
            remote = where(forward["multiplexParameters"][1].get("mediaChannel"))
            if name is None or remote is None:
                raise Malformed(f"no codec or address in the accepted channel: {value}")
            self.tell("fast", direction="out", codec=name, to=list(remote))
            self.control.fast = name
            if self.settings.rtp:
                self.rtp.start(name, remote)

    # answerer

    def choose_fast(self, channels):
        """Of what the caller offers the first codec of ours; None: it is answered slowly."""
        forward, reverse = {}, {}
        for octets in channels:
            value = decode(CHANNEL, octets)
            back = value.get("reverseLogicalChannelParameters")
            name = codec_of((back or value["forwardLogicalChannelParameters"])["dataType"])
            (reverse if back else forward).setdefault(name, value)
        name = next((name for name in self.settings.codecs if name in forward and name in reverse), None)
        if name is None:
            return None
        self.control.fast = name
        there, back = forward[name], reverse[name]
        there["forwardLogicalChannelParameters"]["multiplexParameters"] = channel_parameters(self.rtp, True)
        kind, parameters = back["reverseLogicalChannelParameters"]["multiplexParameters"]
        remote = where(parameters["mediaChannel"])
        parameters["mediaControlChannel"] = channel_parameters(self.rtp, False)[1]["mediaControlChannel"]
        self.tell("fast", direction="both", codec=name, to=list(remote))
        if self.settings.rtp:
            self.rtp.start(name, remote)
        return [encode(CHANNEL, there), encode(CHANNEL, back)]

    async def on_setup(self, elements, body, tunnelling):
        self.id, self.conference = body["callIdentifier"]["guid"], body["conferenceID"]
        await self.prepare()
        calling, called = elements.get(CALLING), elements.get(CALLED)
        withheld = bool(calling and not calling[0] & 0x80 and calling[1] & 0x60 == 0x20)
        self.tell("setup", reference=self.reference, conference=self.conference.hex(), tunnelling=tunnelling,
                  fast=len(body.get("fastStart", [])),
                  called=digits_of(body.get("destinationAddress")) or (called and called[1:].decode()),
                  calling=calling and calling[1 if calling[0] & 0x80 else 2:].decode("ascii", "replace"),
                  withheld=withheld, source=names_of(body.get("sourceAddress")), h245="h245Address" in body)
        self.tunnelling = self.tunnelling and tunnelling
        behaviour = self.settings.behaviour
        if behaviour == "reset":
            self.reset()
            return
        if behaviour == "silent":
            return
        await self.answer(body, behaviour)

    async def answer(self, body, behaviour):
        settings = self.settings
        basics = {"protocolIdentifier": VERSION, "destinationInfo": GATEWAY, "callIdentifier": {"guid": self.id}}
        two = {"multipleCalls": False, "maintainConnection": False}
        self.send("callProceeding", dict(basics))
        if behaviour.startswith("refuse:"):
            await asyncio.sleep(settings.ring)
            self.release(int(behaviour[7:]))
            return
        if settings.fast and "fastStart" in body:
            self.accepted = self.choose_fast(body["fastStart"])
        if "h245Address" in body and not self.tunnelling and not self.accepted:
            await self.connect_control(where(body["h245Address"]))
        alerting = dict(basics, **two)
        if self.accepted and settings.fast_in == "alerting":
            alerting["fastStart"] = self.accepted
        if settings.early_h245 and not self.accepted:
            await self.begin_control(alerting)
        self.send("alerting", alerting, {PROGRESS: b"\x82\x88"} if settings.fast_in == "alerting" else {})
        if behaviour == "no-answer":
            return
        await asyncio.sleep(settings.ring)
        connect = dict(basics, conferenceID=self.conference, **two)
        if self.accepted and settings.fast_in == "connect":
            connect["fastStart"] = self.accepted
        if settings.h245 or not self.accepted:
            await self.begin_control(connect)
        if not self.over.is_set():
            self.send("connect", connect)
            self.on_connected()

    async def begin_control(self, body):
        """H.245 begins in the message that `body` becomes."""
        if self.tunnelling:
            self.hold_back(self.control.start)
        elif self.listener is None and self.apart is None:
            body["h245Address"] = await self.listen()

    def on_connected(self):
        self.connected.set()
        self.tell("connected", fast=self.control.fast, tunnelling=self.tunnelling)
        self.later(self.play())

    async def play(self):
        """The steps of the script, by seconds since the answer."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for at, verb, words in self.settings.script:
            await asyncio.sleep(max(0, start + at - loop.time()))
            self.tell("step", verb=verb, words=words)
            if verb == "digits":
                await self.digits(*words)
            elif verb == "hold":
                self.control.hold()
            elif verb == "resume":
                self.control.capabilities()
            elif verb == "hangup":
                self.release(int(words[0]) if words else NORMAL)
            elif verb == "reset":
                self.reset()
            elif verb == "quiet":
                self.rtp.stop()
            elif verb == "inquire":
                self.send("statusInquiry", {"protocolIdentifier": VERSION, "callIdentifier": {"guid": self.id}})
            elif verb == "empty":
                self.write(write_q931(self.reference, not self.outgoing, "facility", {}, self.user(("empty", 0))))
            elif verb == "keepalive":
                self.write(frame(b""))
            else:
                raise ValueError(f"no step is called {verb}")

    async def digits(self, form, digits):
        for digit in digits:
            if form == "rfc4733":
                await self.rtp.digit(digit)
            elif form == "keypad":
                self.send("information", {"protocolIdentifier": VERSION, "callIdentifier": {"guid": self.id}},
                          {KEYPAD: digit.encode()})
            else:
                self.control.digit(form, digit)
            await asyncio.sleep(0.1)

    # what comes

    async def run(self):
        try:
            while not self.over.is_set():
                body = await read_frame(self.reader)
                if body:
                    self.frames.tcp(self.remote, self.local, frame(body))
                    await self.handle(body)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            if not self.over.is_set():
                self.tell("lost", error=type(error).__name__)
        finally:
            await self.finish()

    async def handle(self, body):
        reference, _, name, elements, user = read_q931(body)
        if self.reference is None:
            self.reference, self.outgoing = reference, False
        pdu = user["h323-uu-pdu"] if user else {}
        kind, content = pdu.get("h323-message-body", ("empty", 0))
        tunnelling = pdu.get("h245Tunnelling", False)
        if name == "setup":
            await self.on_setup(elements, content, tunnelling)
        elif self.tunnelling and user and not tunnelling and self.outgoing:
            self.tunnelling = False
        for octets in pdu.get("h245Control", []):
            if name != "facility":
                self.tell("tunnelled", within=name)
            self.control.handle(decode(CONTROL, octets))
        if name in ("callProceeding", "alerting", "progress", "connect") and kind != "empty":
            await self.on_progress(name, content)
        elif name == "releaseComplete":
            cause = elements.get(CAUSE)
            reason = content.get("reason", (None,))[0] if kind == "releaseComplete" else None
            self.tell("released", by="peer", cause=cause[1] & 0x7F if cause and len(cause) > 1 else None,
                      reason=reason)
            self.over.set()
        elif name == "information" and KEYPAD in elements:
            for digit in elements[KEYPAD].decode("ascii", "replace"):
                self.tell("digit", form="keypad", digit=digit)
        elif name == "facility" and kind == "facility" and "h245Address" in content:
            await self.connect_control(where(content["h245Address"]))
        elif name == "statusInquiry":
            self.send("status", {"protocolIdentifier": VERSION, "callIdentifier": {"guid": self.id}},
                      {CAUSE: b"\x80\x9e", CALL_STATE: b"\x0a" if self.connected.is_set() else b"\x01"})
        elif name == "status":
            self.tell("status", state=elements.get(CALL_STATE, b"\0")[0])

    async def on_progress(self, name, content):
        self.tell({"callProceeding": "proceeding", "connect": "answered"}.get(name, name))
        if "fastStart" in content and self.control.fast is None:
            self.learn_fast(content["fastStart"])
        if "h245Address" in content and not self.tunnelling:
            if self.settings.h245 or self.control.fast is None:
                await self.connect_control(where(content["h245Address"]))
        if name == "connect" and not self.connected.is_set():
            if self.tunnelling and (self.settings.h245 or self.control.fast is None):
                self.control.start()
            self.on_connected()

    # ways of H.245

    def hold_back(self, work):
        """What `work` says of H.245 goes with the next message."""
        self.held_back = True
        work()
        self.held_back = False

    held_back = False

    def send_control(self, message):
        octets = encode(CONTROL, message)
        if self.apart is not None:
            self.frames.tcp(self.apart.get_extra_info("sockname")[:2], self.apart.get_extra_info("peername")[:2],
                            frame(octets))
            self.apart.write(frame(octets))
        elif self.held_back:
            self.pending.append(octets)
        elif self.tunnelling:
            user = self.user(("empty", 0))
            user["h323-uu-pdu"]["h245Control"] = [octets]
            self.write(write_q931(self.reference, not self.outgoing, "facility", {}, user))
        else:
            self.tell("unsaid", message=message[1][0])

    async def listen(self):
        self.listener = await asyncio.start_server(self.run_control, self.local[0], 0)
        return transport(*self.listener.sockets[0].getsockname()[:2])

    async def connect_control(self, address):
        if self.apart is None and address is not None:
            reader, writer = await asyncio.open_connection(*address, local_addr=(self.local[0], 0))
            self.later(self.run_control(reader, writer))
            await asyncio.sleep(0)

    async def run_control(self, reader, writer):
        self.apart = writer
        local, remote = writer.get_extra_info("sockname")[:2], writer.get_extra_info("peername")[:2]
        self.tell("h245-connection", local=list(local), remote=list(remote))
        self.control.start()
        try:
            while True:
                body = await read_frame(reader)
                if body:
                    self.frames.tcp(remote, local, frame(body))
                    self.control.handle(decode(CONTROL, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Malformed as error:
            self.tell("malformed", error=str(error))

    # what goes

    def user(self, body):
        pdu = {"h323-message-body": body, "h245Tunnelling": self.tunnelling}
        if self.pending:
            pdu["h245Control"], self.pending = self.pending, []
        return {"h323-uu-pdu": pdu}

    def send(self, name, body, elements=None):
        self.write(write_q931(self.reference, not self.outgoing, name, elements or {}, self.user((name, body))))

    def write(self, octets):
        if not self.writer.is_closing():
            self.frames.tcp(self.local, self.remote, octets)
            self.writer.write(octets)

    def release(self, cause):
        if self.over.is_set():
            return
        if self.tunnelling:
            self.hold_back(self.control.end)
        else:
            self.control.end()
        reasons = {1: "unreachableDestination", 16: "undefinedReason", 17: "inConf", 34: "noBandwidth"}
        self.send("releaseComplete", {
            "protocolIdentifier": VERSION, "callIdentifier": {"guid": self.id},
            "reason": (reasons.get(cause, "undefinedReason"), 0)}, {CAUSE: bytes([0x80, 0x80 | cause])})
        self.tell("released", by="us", cause=cause)
        self.over.set()
        self.reader.feed_eof()

    def reset(self):
        """The connection breaks without a word: RST instead of FIN."""
        plain = self.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tell("reset")
        self.over.set()
        self.writer.transport.abort()

    async def finish(self):
        if self.finished:
            return
        self.finished = True
        self.over.set()
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self.rtp:
            self.tell("rtp", **self.rtp.counts())
            self.rtp.close()
        for end in (self.apart, self.listener, self.writer):
            if end is not None:
                end.close()
        self.tell("end")
