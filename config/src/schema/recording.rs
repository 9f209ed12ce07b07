//! `[recording]`: where calls are recorded.

use super::{Kind, Preset, Section, key};

/// `[recording]`.
pub const RECORDING: Section = Section {
    name: "recording",
    many: false,
    required: false,
    doc: "Calls as WAV files of 8 kHz and 16 bits, the caller on the left channel and the callee on the right: those of gates, SIP accounts and \
          carriers with `record = true`, and those that the operator says (`tollgate calls --record`). Keyed digits are not heard in them. Needs \
          `media.address`.",
    keys: &[
        key(
            "dir",
            Kind::Path,
            Preset::Required,
            "Folder of the files, made if absent, for the switch's user only. At the next restart.",
        ),
        key(
            "max_minutes",
            Kind::Int(1, 1_440),
            Preset::Int(120),
            "Longest recording: the call goes on without it. At the next restart.",
        ),
        key(
            "max_gib",
            Kind::Int(1, 1_048_576),
            Preset::Int(10),
            "GiB of all files in `dir` at most, 8 hours and 44 minutes each: further calls are not recorded, which the log says, and the files \
             are yours to move away. At the next restart.",
        ),
        key("consent_tone", Kind::Bool, Preset::Bool(true), "Both sides hear a beep when it begins."),
    ],
};
