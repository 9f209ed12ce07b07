//! Whom a command is about.

use media::relay::{EndpointId, MediaCommand};

/// The endpoint that says which thread a command is for.
pub(crate) const fn endpoint(command: &MediaCommand) -> EndpointId {
    match command {
        MediaCommand::Open { endpoint, .. }
        | MediaCommand::Peer { endpoint, .. }
        | MediaCommand::Pair { a: endpoint, .. }
        | MediaCommand::Transcode { endpoint, .. }
        | MediaCommand::Record { endpoint, .. }
        | MediaCommand::Listen { endpoint, .. }
        | MediaCommand::Play { endpoint, .. }
        | MediaCommand::StopPlay { endpoint }
        | MediaCommand::Digit { endpoint, .. }
        | MediaCommand::Events { endpoint, .. }
        | MediaCommand::Watch { endpoint }
        | MediaCommand::Close { endpoint } => *endpoint,
    }
}
