"""A gatekeeper for tests: registers whoever asks, admits calls to one address, and fails in the ways it is told."""
import asyncio

from codec import RAS_MESSAGE, VERSION, Malformed, decode, digits_of, encode, names_of, transport, where

Rejections = ["calledPartyNotRegistered", "callerNotRegistered", "requestDenied", "resourceUnavailable",
              "routeCallToGatekeeper", "securityDenial"]
NO_UUIES = {name: False for name in (
    "setup", "callProceeding", "connect", "alerting", "information", "releaseComplete", "facility", "progress",
    "empty")}


class Gatekeeper(asyncio.DatagramProtocol):
    def __init__(self, settings, tell, frames):
        self.settings, self.tell, self.frames = settings, tell, frames
        self.over = asyncio.Event()
        self.endpoints, self.seen, self.next, self.own = {}, {}, 1, 0

    def connection_made(self, wire):
        self.wire, self.local = wire, wire.get_extra_info("sockname")[:2]
        loop = asyncio.get_running_loop()
        if self.settings.forget:
            loop.call_later(self.settings.forget, self.forget)
        if self.settings.unregister:
            loop.call_later(self.settings.unregister, self.unregister)

    def forget(self):
        self.endpoints.clear()
        self.tell("forgot")

    def unregister(self):
        for name, (target, signalling) in self.endpoints.items():
            self.own += 1
            self.send(target, "unregistrationRequest", {
                "requestSeqNum": self.own, "callSignalAddress": signalling, "endpointIdentifier": name,
                "reason": ("maintenance", 0)})
        self.endpoints.clear()

    def send(self, target, name, value):
        octets = encode(RAS_MESSAGE, (name, value))
        self.frames.udp(self.local, target, octets)
        self.wire.sendto(octets, target)
        self.tell("ras-sent", message=name, number=value["requestSeqNum"])

    def datagram_received(self, octets, source):
        self.frames.udp(source[:2], self.local, octets)
        try:
            name, value = decode(RAS_MESSAGE, octets)
        except Malformed as error:
            self.tell("malformed", error=str(error))
            return
        number = value["requestSeqNum"]
        repeat = self.seen.get((source, name, number), 0)
        self.seen[source, name, number] = repeat + 1
        self.tell("ras", message=name, number=number, repeat=repeat, keep_alive=value.get("keepAlive"))
        if repeat < self.settings.lose and name.endswith("Request"):
            return
        handler = getattr(self, "on_" + name, None)
        if handler:
            handler(source[:2], number, value)

    def on_gatekeeperRequest(self, source, number, value):
        self.send(source, "gatekeeperConfirm", {
            "requestSeqNum": number, "protocolIdentifier": VERSION, "gatekeeperIdentifier": self.settings.name,
            "rasAddress": transport(*self.local)})

    def on_registrationRequest(self, source, number, value):
        name = value.get("endpointIdentifier")
        if value.get("keepAlive") and name not in self.endpoints:
            self.send(source, "registrationReject", {
                "requestSeqNum": number, "protocolIdentifier": VERSION,
                "rejectReason": ("fullRegistrationRequired", 0), "gatekeeperIdentifier": self.settings.name})
            return
        if name not in self.endpoints:
            name = f"{self.next}_{self.settings.name}"
            self.next += 1
        if not value.get("keepAlive"):
            self.tell("registered", endpoint=name, aliases=names_of(value.get("terminalAlias")),
                      signalling=[list(where(one)) for one in value["callSignalAddress"]])
            self.endpoints[name] = source, value["callSignalAddress"]
        self.send(source, "registrationConfirm", {
            "requestSeqNum": number, "protocolIdentifier": VERSION, "callSignalAddress": [],
            "terminalAlias": value.get("terminalAlias", []), "gatekeeperIdentifier": self.settings.name,
            "endpointIdentifier": name, "timeToLive": self.settings.ttl, "willRespondToIRR": False,
            "maintainConnection": False})

    def on_admissionRequest(self, source, number, value):
        self.tell("admission", called=digits_of(value.get("destinationInfo")), calling=digits_of(value["srcInfo"]),
                  answering=value["answerCall"], call=value["callIdentifier"]["guid"].hex())
        if self.settings.rip:
            self.send(source, "requestInProgress", {"requestSeqNum": number, "delay": self.settings.rip})
            asyncio.get_running_loop().call_later(
                self.settings.rip / 1000, self.admit, source, number, value)
        else:
            self.admit(source, number, value)

    def admit(self, source, number, value):
        if value["endpointIdentifier"] not in self.endpoints or self.settings.reject:
            reason = self.settings.reject or "callerNotRegistered"
            self.send(source, "admissionReject", {"requestSeqNum": number, "rejectReason": (reason, 0)})
            return
        target = transport(*self.settings.route) if self.settings.route else value.get("destCallSignalAddress")
        self.send(source, "admissionConfirm", {
            "requestSeqNum": number, "bandWidth": value["bandWidth"], "callModel": ("direct", 0),
            "destCallSignalAddress": target, "irrFrequency": 120, "willRespondToIRR": False,
            "uuiesRequested": NO_UUIES})

    def on_disengageRequest(self, source, number, value):
        self.tell("disengaged", call=value["callIdentifier"]["guid"].hex(), reason=value["disengageReason"][0])
        self.send(source, "disengageConfirm", {"requestSeqNum": number})

    def on_bandwidthRequest(self, source, number, value):
        self.send(source, "bandwidthConfirm", {"requestSeqNum": number, "bandWidth": value["bandWidth"]})

    def on_unregistrationRequest(self, source, number, value):
        self.endpoints.pop(value.get("endpointIdentifier"), None)
        self.send(source, "unregistrationConfirm", {"requestSeqNum": number})

    def on_infoRequestResponse(self, source, number, value):
        self.tell("info", endpoint=value["endpointIdentifier"])
