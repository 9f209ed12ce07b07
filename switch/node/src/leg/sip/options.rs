//! OPTIONS toward carriers: whether one lives, outside any call.

use std::net::SocketAddr;

use route::Carrier;
use sip::{Builder, Method, Name};
use units::{Now, Transport};

use super::endpoint::{Client, Endpoint, here};
use super::hop::flow_to;
use crate::ConfigSnapshot;

impl Endpoint {
    /// Asks a carrier at `to`; the answer comes as [`Node::probe_answered`](crate::node::Node).
    pub(crate) fn probe(
        &mut self,
        now: Now,
        config: &ConfigSnapshot,
        (carrier, transport): (&Carrier, Transport),
        to: SocketAddr,
    ) {
        let Some(local) = config.local_for(transport, to) else { return };
        let flow = flow_to((&carrier.target, transport), local, to);
        let here = here(config, &flow);
        let (client, branch) = self.layer.mint_client();
        let tag = self.minter.stateless(&["probe", &branch]);
        let uri = format!("sip:{}", carrier.target.host_port());
        let bytes = Builder::request(Method::Options, &uri)
            .header_fmt(
                Name::Via,
                format_args!("SIP/2.0/{} {here};branch={branch};rport", transport.via_name()),
            )
            .header(Name::MaxForwards, "70")
            .header_fmt(Name::From, format_args!("<sip:{here}>;tag={tag}"))
            .header_fmt(Name::To, format_args!("<{uri}>"))
            .header_fmt(Name::CallId, format_args!("{tag}@{here}"))
            .cseq(1, Method::Options)
            .header(Name::Accept, "application/sdp")
            .build();
        self.clients.insert(client, Client::Probe(carrier.id));
        self.layer.send(now.tick, client, flow, Method::Options, bytes);
    }
}
