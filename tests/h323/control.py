"""H.245 of one call: capabilities, master and slave, channels, digits; over whichever way `send` goes."""
import os

from codec import CODECS, H245_VERSION, audio, codec_of, unicast, where
from rtp import EVENT_TYPE


def channel_parameters(rtp, media):
    """Of our side: media is told where we receive, else only RTCP."""
    value = {"sessionID": 1, "mediaControlChannel": unicast(rtp.ip, rtp.port + 1), "silenceSuppression": False}
    if media:
        value["mediaChannel"] = unicast(rtp.ip, rtp.port)
    return "h2250LogicalChannelParameters", value


class Control:
    def __init__(self, settings, rtp, send, tell):
        self.settings, self.rtp, self.send, self.tell = settings, rtp, send, tell
        self.codecs = settings.codecs
        self.started = self.open = self.held = self.waiting = False
        self.number = int.from_bytes(os.urandom(3), "big")
        self.sequence = 0
        self.theirs = None
        self.acknowledged = self.decided = self.ended = self.told_part = False
        self.fast = None
        self.channel = 0
        self.opened = {}

    # what we say

    def start(self):
        """Once; both sides begin with their capabilities and a number."""
        if not self.started:
            self.started = True
            self.capabilities()
            self.send(("request", ("masterSlaveDetermination", {
                "terminalType": 60, "statusDeterminationNumber": self.number})))

    def capabilities(self):
        """What we can receive; after it the peer answers."""
        self.sequence = self.sequence % 255 + 1
        table = [("receiveAudioCapability", audio(name)) for name in self.codecs]
        choices = [list(range(1, len(table) + 1))]
        forms = {"signal": ("receiveUserInputCapability", ("dtmf", 0)),
                 "alphanumeric": ("receiveUserInputCapability", ("basicString", 0)),
                 "rfc4733": ("receiveRTPAudioTelephonyEventCapability", {
                     "dynamicRTPPayloadType": EVENT_TYPE, "audioTelephoneEvent": "0-16"})}
        for form in self.settings.dtmf:
            if form in forms:
                table.append(forms[form])
                choices.append([len(table)])
        none = {"centralizedControl": False, "distributedControl": False, "centralizedAudio": False,
                "distributedAudio": False, "centralizedVideo": False, "distributedVideo": False}
        multipoint = {"multicastCapability": False, "multiUniCastConference": False,
                      "mediaDistributionCapability": [none]}
        self.acknowledged = False
        self.send(("request", ("terminalCapabilitySet", {
            "sequenceNumber": self.sequence, "protocolIdentifier": H245_VERSION,
            "multiplexCapability": ("h2250Capability", {
                "maximumAudioDelayJitter": 200, "receiveMultipointCapability": multipoint,
                "transmitMultipointCapability": multipoint, "receiveAndTransmitMultipointCapability": multipoint,
                "mcCapability": {"centralizedConferenceMC": False, "decentralizedConferenceMC": False},
                "rtcpVideoControlCapability": False,
                "mediaPacketizationCapability": {"h261aVideoPacketization": False},
                "logicalChannelSwitchingCapability": False, "t120DynamicPortCapability": False}),
            "capabilityTable": [{"capabilityTableEntryNumber": at, "capability": one}
                                for at, one in enumerate(table, 1)],
            "capabilityDescriptors": [{"capabilityDescriptorNumber": 0, "simultaneousCapabilities": choices}]})))

    def hold(self):
        """We receive nothing: an empty set (H.323, section 8.4.6)."""
        self.sequence = self.sequence % 255 + 1
        self.send(("request", ("terminalCapabilitySet", {
            "sequenceNumber": self.sequence, "protocolIdentifier": H245_VERSION})))

    def digit(self, form, digit):
        if form == "signal":
            value = "signal", {"signalType": digit, "duration": 100}
        else:
            value = "alphanumeric", digit
        self.send(("indication", ("userInput", value)))

    def end(self):
        if self.started and not self.ended:
            self.ended = True
            self.send(("command", ("endSessionCommand", ("disconnect", 0))))

    def close_channel(self):
        if self.open:
            self.open = False
            self.rtp.stop()
            self.send(("request", ("closeLogicalChannel", {
                "forwardLogicalChannelNumber": self.channel, "source": ("user", 0)})))

    def _open(self):
        """Our channel toward the peer, when all that must precede it has been said."""
        if self.open or self.held or self.fast or not (self.theirs and self.acknowledged and self.decided):
            return
        name = next((name for name in self.settings.send_codecs or self.codecs if name in self.theirs), None)
        if name is None:
            self.tell("no-codec", theirs=self.theirs)
            return
        self.channel += 1
        self.open, self.name = True, name
        self.send(("request", ("openLogicalChannel", {
            "forwardLogicalChannelNumber": self.channel, "forwardLogicalChannelParameters": {
                "dataType": ("audioData", audio(name)),
                "multiplexParameters": channel_parameters(self.rtp, False)}})))

    # what they say

    def handle(self, message):
        kind, (name, value) = message
        handler = getattr(self, "on_" + name, None)
        if handler:
            handler(value)
        else:
            self.tell("h245", message=name)

    def on_terminalCapabilitySet(self, value):
        self.send(("response", ("terminalCapabilitySetAck", {"sequenceNumber": value["sequenceNumber"]})))
        table = value.get("capabilityTable")
        if table is None:
            self.held = True
            self.close_channel()
            if self.fast:
                self.rtp.stop()
                self.fast = None
            self.tell("hold")
            return
        kinds = [entry["capability"] for entry in table if "capability" in entry]
        names = [codec_of(kind) for kind in kinds]
        self.theirs = list(dict.fromkeys(name for name in names if name in CODECS))
        forms = [kind[1][0] for kind in kinds if kind[0] == "receiveUserInputCapability"]
        events = any(kind[0] == "receiveRTPAudioTelephonyEventCapability" for kind in kinds)
        self.tell("capabilities", codecs=self.theirs, user_input=forms, rfc4733=events)
        if self.held:
            self.held = False
            self.tell("resume")
        self.start()
        self._open()

    def on_terminalCapabilitySetAck(self, value):
        self.acknowledged = True
        self._open()

    def on_masterSlaveDetermination(self, value):
        self.start()
        theirs, gap = value["terminalType"], (value["statusDeterminationNumber"] - self.number) % (1 << 24)
        if theirs == 60 and gap in (0, 1 << 23):
            self.number = int.from_bytes(os.urandom(3), "big")
            self.send(("request", ("masterSlaveDetermination", {
                "terminalType": 60, "statusDeterminationNumber": self.number})))
            return
        self.lead(theirs < 60 or theirs == 60 and gap < 1 << 23)

    def lead(self, we_lead):
        """What the peer is told of its own part, once."""
        if not self.told_part:
            self.told_part = True
            self.send(("response", ("masterSlaveDeterminationAck", {
                "decision": ("slave" if we_lead else "master", 0)})))
            self.tell("master" if we_lead else "slave")

    def on_masterSlaveDeterminationAck(self, value):
        # a peer that was asked first need not ask: it waits for an acknowledgement (H.245, annex C.2)
        self.lead(value["decision"][0] == "master")
        self.decided = True
        self._open()

    def on_openLogicalChannel(self, value):
        number = value["forwardLogicalChannelNumber"]
        name = codec_of(value["forwardLogicalChannelParameters"]["dataType"])
        if name not in self.codecs:
            self.send(("response", ("openLogicalChannelReject", {
                "forwardLogicalChannelNumber": number, "cause": ("dataTypeNotSupported", 0)})))
            self.tell("channel-refused", codec=name)
            return
        self.opened[number] = name
        self.send(("response", ("openLogicalChannelAck", {
            "forwardLogicalChannelNumber": number,
            "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", {
                "sessionID": 1, "mediaChannel": unicast(self.rtp.ip, self.rtp.port),
                "mediaControlChannel": unicast(self.rtp.ip, self.rtp.port + 1)})})))
        self.tell("channel", direction="in", codec=name)

    def on_openLogicalChannelAck(self, value):
        _, parameters = value["forwardMultiplexAckParameters"]
        remote = where(parameters["mediaChannel"])
        self.tell("channel", direction="out", codec=self.name, to=list(remote))
        if self.settings.rtp:
            self.rtp.start(self.name, remote)

    def on_openLogicalChannelReject(self, value):
        self.open = False
        self.tell("channel-rejected", cause=value["cause"][0])

    def on_closeLogicalChannel(self, value):
        number = value["forwardLogicalChannelNumber"]
        self.opened.pop(number, None)
        self.send(("response", ("closeLogicalChannelAck", {"forwardLogicalChannelNumber": number})))
        self.tell("channel-closed")

    def on_closeLogicalChannelAck(self, value):
        pass

    def on_roundTripDelayRequest(self, value):
        self.send(("response", ("roundTripDelayResponse", {"sequenceNumber": value["sequenceNumber"]})))

    def on_userInput(self, value):
        form, content = value
        if form == "signal":
            self.tell("digit", form="signal", digit=content["signalType"])
        elif form == "alphanumeric":
            for digit in content:
                self.tell("digit", form="alphanumeric", digit=digit)

    def on_endSessionCommand(self, value):
        self.tell("end-session")
        self.end()
