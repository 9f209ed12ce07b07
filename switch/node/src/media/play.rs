//! What the switch says into relayed calls: to one side, in its codec, in place of the other side's packets.

use std::sync::Arc;

use call::LegId;
use codecs::Codec;
use media::relay::{MediaCommand, Play};
use prompts::{Language, Prompt};
use units::Name;
use voice::playback::Clip;

use super::sides::CallMedia;
use crate::io::Output;
use crate::node::Node;
use crate::slot::Slot;

impl Node {
    /// The money of the account that pays for the call ends soon: the caller hears it, and the called side
    /// does not.
    pub(crate) fn warn_caller(&mut self, slot: &mut Slot) {
        if self.config.media.warning_secs == 0 || self.media.outside.is_used() {
            return;
        }
        let language = self.language_of(slot.call.account());
        let prompts = Arc::clone(&self.config.media.prompts);
        let of = |codec| prompts.prompt(language, Prompt::LowBalance, codec);
        let is_heard = self.play(slot, LegId::Caller, of, false);
        if let Some(media) = slot.media.as_deref_mut() {
            // A caller that still owes its answer to the called side's offer hears it then.
            media.warning_waits = !is_heard;
        }
    }

    /// The caller's session is agreed: it hears the warning that waited for that.
    pub(super) fn warn_if_due(&mut self, slot: &mut Slot) {
        let waits = |media: &mut CallMedia| std::mem::take(&mut media.warning_waits);
        if slot.media.as_deref_mut().is_some_and(waits) {
            self.warn_caller(slot);
        }
    }

    /// The language of an account.
    pub(super) fn language_of(&self, account: &Name) -> Language {
        let view = self.money.engine.account(account);
        Language::of(view.and_then(|view| view.terms.language).as_deref())
    }

    /// Plays to a leg; whether it can be: the leg is relayed, and its codec has a clip.
    pub(super) fn play(
        &mut self,
        slot: &Slot,
        leg: LegId,
        clip: impl FnOnce(Codec) -> Option<Arc<Clip>>,
        repeat: bool,
    ) -> bool {
        let side = slot.media.as_deref().and_then(|media| media.side(leg));
        let Some((endpoint, sound)) = side.and_then(|side| side.endpoint.zip(side.sound)) else {
            return false;
        };
        let Some(clip) = clip(sound.codec) else { return false };
        let play = Play { clip, payload: sound.payload, repeat, seed: self.media.draw() };
        self.outputs.push_back(Output::Media(MediaCommand::Play { endpoint, play }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_speak_the_languages_of_accounts() {
        assert_eq!(Language::ALL.map(Language::code), rating::LANGUAGES);
    }
}
