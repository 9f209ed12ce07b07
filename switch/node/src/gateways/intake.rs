//! What happens to connections of H.323, given to the calls that it concerns.

use std::net::SocketAddr;

use bytes::Bytes;
use h323::connection::Received;
use units::Now;

use super::GatewayEvent;
use super::table::{Kind, Whose};
use crate::io::Output;
use crate::leg::{Context, H323Leg, Leg};
use crate::node::Node;

impl Node {
    pub(crate) fn gateway_event(&mut self, now: Now, event: GatewayEvent) {
        match event {
            GatewayEvent::Opened { conn, local, peer } => self.gateways.opened(conn, local, peer),
            GatewayEvent::Listening { conn, at } => {
                if let Some(Kind::Control(whose)) = self.gateways.kind(conn) {
                    self.with_h323_leg(now, whose, |leg, cx| leg.control_listening(cx, at));
                }
            }
            GatewayEvent::Connected { conn, local } => self.gateway_connected(now, conn, local),
            GatewayEvent::Frame { conn, content } => match self.gateways.kind(conn) {
                Some(Kind::Signalling) => self.signalling_frame(now, conn, &content),
                Some(Kind::Control(whose)) => {
                    self.with_h323_leg(now, whose, |leg, cx| leg.control_frame(cx, &content));
                }
                None => {}
            },
            GatewayEvent::Closed { conn } => self.gateway_closed(now, conn),
        }
    }

    /// What legs want of connections.
    pub(crate) fn gateway_outputs(&mut self) {
        while let Some(command) = self.gateways.commands.pop_front() {
            self.outputs.push_back(Output::Gateway(command));
        }
    }

    fn gateway_connected(&mut self, now: Now, conn: u64, local: SocketAddr) {
        self.gateways.connected(conn, local);
        match self.gateways.kind(conn) {
            Some(Kind::Signalling) => {
                for whose in self.gateways.calls(conn) {
                    self.with_h323_leg(now, whose, |leg, cx| leg.connected(cx, local));
                }
            }
            Some(Kind::Control(whose)) => self.with_h323_leg(now, whose, H323Leg::control_opened),
            None => {}
        }
    }

    fn gateway_closed(&mut self, now: Now, conn: u64) {
        let (kind, calls) = (self.gateways.kind(conn), self.gateways.calls(conn));
        self.gateways.closed(conn);
        for whose in calls {
            match kind {
                Some(Kind::Signalling) => self.with_h323_leg(now, whose, H323Leg::signalling_closed),
                Some(Kind::Control(_)) => {
                    self.with_h323_leg(now, whose, |leg, cx| leg.control_closed(cx, conn));
                }
                None => {}
            }
        }
    }

    fn signalling_frame(&mut self, now: Now, conn: u64, content: &Bytes) {
        match self.gateways.sort(conn, content) {
            Some(Ok(Received::Call(whose, frame))) => {
                self.with_h323_leg(now, whose, |leg, cx| leg.signalling_frame(cx, &frame));
            }
            Some(Ok(Received::Setup(reference, frame))) => self.h323_setup(now, conn, reference, &frame),
            Some(Ok(Received::Nobody(Some(answer)))) => self.gateways.send(conn, answer),
            Some(Ok(Received::Nobody(None) | Received::KeepAlive)) | None => {}
            // A frame that was cut outside is cut the same way here.
            Some(Err(_)) => self.gateways.close(conn),
        }
    }

    /// Gives a leg something to do, if it is there and speaks H.323.
    pub(crate) fn with_h323_leg(
        &mut self,
        now: Now,
        (at, id): Whose,
        work: impl FnOnce(&mut H323Leg, &mut Context<'_>),
    ) {
        let Some(mut slot) = self.calls.take(at) else { return };
        self.on_leg(now, &mut slot, id, |leg, cx| {
            if let Leg::H323(leg) = leg {
                work(leg, cx);
            }
        });
        self.park(now, slot);
    }
}
