//! Names of the standards as Rust writes them.

const KEYWORDS: [&str; 7] = ["type", "move", "loop", "final", "self", "mod", "enum"];

/// `Setup-UUIE.conferenceGoal` → `SetupUUIEConferenceGoal`.
pub fn type_name(name: &str) -> String {
    name.split(['-', '.', '_']).map(capital).collect()
}

/// `h323-uu-pdu` → `h323_uu_pdu`, `maxAl-sduAudioFrames` → `max_al_sdu_audio_frames`.
pub fn field_name(name: &str) -> String {
    let chars: Vec<char> = name.replace(['-', '.'], "_").chars().collect();
    let mut out = String::new();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let begins_word = before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit() && at > 1)
            || before.is_some_and(char::is_uppercase) && chars.get(at + 1).is_some_and(|n| n.is_lowercase());
        if c.is_uppercase() && begins_word && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    if KEYWORDS.contains(&out.as_str()) { out + "_" } else { out }
}

fn capital(part: &str) -> String {
    let mut chars = part.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
