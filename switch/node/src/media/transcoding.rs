//! Calls whose sides share no codec: their channel, and what the relay is told of each direction
//! ([decision 164](../../../../docs/decisions/0164-who-transcodes.md)).

use call::{Callee, LegId};
use media::relay::MediaCommand;
use media::{Session, VoiceSide, transcode};

use super::shard_media::MediaRefused;
use super::sides::CallMedia;
use super::transcoded::{Channel, Transcoded};
use crate::io::Output;
use crate::node::Node;
use crate::slot::Slot;

/// Whether a call to a party may be transcoded, and so has to be relayed: its offer is, or where the party is
/// asked for one, that may be.
pub(super) fn may_be_transcoded(slot: &Slot, callee: &Callee, session: Option<&Session>) -> bool {
    let (ours, theirs) = (slot.call.origin().media(), callee.media().unwrap_or_default());
    session.map_or_else(|| ours.transcode.with(theirs.transcode), Session::is_transcoded)
}

// === impl Node ===

impl Node {
    /// A call whose sides may have to be transcoded has a channel, and keeps it to its end.
    pub(super) fn take_channel(
        &self,
        media: &mut CallMedia,
        session: Option<&Session>,
    ) -> Result<(), MediaRefused> {
        if media.channel.is_some() || !session.is_some_and(Session::is_transcoded) {
            return Ok(());
        }
        let channel = Channel::take(&self.media.channels, self.config.media.transcoding_max);
        let Some(channel) = channel else { return Err(MediaRefused::NoChannel) };
        media.channel = Some(channel);
        Ok(())
    }

    /// What the caller and a called leg agreed on is transcoded so from now on, or not at all.
    pub(super) fn transcode(&mut self, slot: &mut Slot, called: LegId, sides: Option<Transcoded>) {
        let Some(media) = slot.media.as_deref_mut() else { return };
        let wanted = sides.map(|sides| Box::new((called, sides)));
        if media.transcoded == wanted {
            return;
        }
        let before = std::mem::replace(&mut media.transcoded, wanted);
        media.was_transcoded |= sides.is_some();
        if sides.is_some() {
            return self.transcode_again(slot);
        }
        if let Some((before, _)) = before.as_deref() {
            for leg in [LegId::Caller, *before] {
                self.tell_transcode(slot, leg, None);
            }
        }
    }

    /// Tells the relay of both directions.
    pub(super) fn transcode_again(&mut self, slot: &Slot) {
        let transcoded = slot.media.as_deref().and_then(|media| media.transcoded.as_deref());
        let Some((called, Transcoded { caller, called: theirs })) = transcoded else { return };
        self.tell_transcode(slot, LegId::Caller, Some((caller, theirs)));
        self.tell_transcode(slot, *called, Some((theirs, caller)));
    }

    fn tell_transcode(&mut self, slot: &Slot, leg: LegId, how: Option<(&VoiceSide, &VoiceSide)>) {
        let side = slot.media.as_deref().and_then(|media| media.side(leg));
        let Some(endpoint) = side.and_then(|side| side.endpoint) else { return };
        let start = self.media.stream_start();
        let how = how.map(|(from, to)| Box::new(transcode::settings(from, to, start)));
        self.outputs.push_back(Output::Media(MediaCommand::Transcode { endpoint, how }));
    }
}
