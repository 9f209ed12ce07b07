//! Stateless answers to what cannot be taken: made from a fault and what is known of the request.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::{Builder, Fault, Message, Method, Name, ParseError};

impl Fault {
    /// The answer to `request`, or `None` when it must be dropped: a response, an ACK, or nothing to send it
    /// by. Set the request's source first ([`Message::set_source`]) so that the top Via leads back to it.
    pub fn response(self, request: &Message) -> Option<Bytes> {
        if !request.is_request()
            || request.method() == Method::Ack
            || self == Fault::Empty
            || request.header(Name::Via).is_none()
        {
            return None;
        }
        Some(Builder::response(request, self.status(), self.reason()).build())
    }
}

impl ParseError {
    /// The stateless answer to send back to `source` (400, 505, 513); `None` when the datagram must be
    /// dropped.
    pub fn response(&self, source: SocketAddr) -> Option<Bytes> {
        let mut request = self.request()?.clone();
        request.set_source(source);
        self.fault().response(&request)
    }
}
