//! `[recording]`: where calls are recorded, and how much.

use std::path::PathBuf;

use route::{Carriers, Gates};

use crate::check::Check;
use crate::reader::Document;
use crate::schema;
use crate::{Media, Recording};

pub(crate) fn recording(
    document: &Document,
    media: &Media,
    peers: (&Gates, &Carriers),
    check: &mut Check<'_>,
) -> Option<Recording> {
    let table = document.one(&schema::RECORDING);
    let Some(field) = table.text("dir") else {
        refuse_records(document, peers, check);
        return None;
    };
    let dir: PathBuf = check.path(&field.value);
    if field.value.is_empty() || dir.is_file() {
        check.error(&field.span, format!("dir must be a folder, not {:?}", field.value));
        return None;
    }
    if !media.can_relay() {
        let message = "only relayed calls can be recorded: write address = \"192.0.2.1\", one of this machine's, into [media]";
        check.error(&field.span, message);
    }
    Some(Recording {
        dir,
        max_minutes: table.int("max_minutes").unwrap_or_default(),
        max_gib: table.int("max_gib").unwrap_or_default(),
        consent_tone: table.bool("consent_tone"),
    })
}

/// Whose calls are to be recorded where nothing is.
fn refuse_records(document: &Document, (gates, carriers): (&Gates, &Carriers), check: &mut Check<'_>) {
    let is_wanted = gates.iter().any(|gate| gate.media.record) || carriers.iter().any(|c| c.media.record);
    if !is_wanted {
        return;
    }
    for section in [&schema::GATE, &schema::SIP_ACCOUNT, &schema::CARRIER] {
        for table in document.many(section).iter().filter(|table| table.bool("record")) {
            let message =
                "record = true needs a place: write a section [recording] with dir = \"recordings\"";
            check.error(&table.at("record"), message);
        }
    }
}
