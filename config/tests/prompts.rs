//! What the switch says into calls, as `check` reads it: `[media] prompts`, `tones`, `warning_secs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing test says where")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use config::{Settings, diff, load, reload};

fn write(folder: &Path, media: &str) {
    let text = format!(
        "[node]\nname = \"sw1\"\ndata_dir = \"data\"\n\
         [sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n\
         [http]\nlisten = \"127.0.0.1:0\"\nadmin_token_file = \"t\"\n\
         [media]\nmode = \"bypass\"\n{media}\n"
    );
    fs::write(folder.join("t.toml"), text).unwrap();
}

fn read(folder: &Path, media: &str) -> Result<Settings, String> {
    write(folder, media);
    load(folder.join("t.toml")).map_err(|findings| findings.iter().map(|f| format!("{f}\n")).collect())
}

/// A WAV file of a tenth of a second (RIFF, PCM, 16 bits).
fn wav(channels: u16, rate: u32) -> Vec<u8> {
    let data = 1_600_u32;
    let mut file = b"RIFF".to_vec();
    file.extend((data + 36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * 2 * u32::from(channels)).to_le_bytes());
    file.extend((2 * channels).to_le_bytes());
    file.extend(b"\x10\0data");
    file.extend(data.to_le_bytes());
    file.resize(44 + data as usize, 0);
    file
}

#[test]
fn what_is_built_in_is_there_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let settings = read(folder.path(), "").expect("valid");
    assert_eq!(settings.media.warning_secs, 60);
    assert_eq!(*settings.media.prompts, prompts::Prompts::default());
    assert!(read(folder.path(), "tones = \"GB\"\nwarning_secs = 0\n").is_ok());
}

#[test]
fn a_file_stands_in_and_a_reload_keeps_what_was_encoded() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("own/es")).unwrap();
    fs::write(folder.path().join("own/es/low-balance.wav"), wav(1, 8_000)).unwrap();
    let old = read(folder.path(), "prompts = \"own\"\n").expect("valid");
    assert!(old.warnings.is_empty(), "{:?}", old.warnings);
    let clip = |settings: &Settings, code| {
        let of = prompts::Language::of(Some(code));
        settings.media.prompts.prompt(of, prompts::Prompt::LowBalance, codecs::Codec::Pcma).unwrap()
    };
    assert_eq!(clip(&old, "es").duration().as_millis(), 100);
    assert!(clip(&old, "en").duration().as_millis() > 1_000);
    let same = reload(folder.path().join("t.toml"), &old).expect("valid");
    assert!(Arc::ptr_eq(&old.media.prompts, &same.media.prompts));
    write(folder.path(), "prompts = \"own\"\ntones = \"us\"\nwarning_secs = 30\n");
    let new = reload(folder.path().join("t.toml"), &old).expect("valid");
    let lines = diff(&old, &new);
    assert!(lines.iter().any(|line| line.contains("media.prompts or media.tones changed")), "{lines:?}");
    assert!(lines.contains(&"media.warning_secs 60 -> 30".to_owned()), "{lines:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (file, bytes) in [
        ("stereo/nl/no-credit.wav", wav(2, 8_000)),
        ("fast/vi/test-call.wav", wav(1, 44_100)),
        ("text/en/low-balance.wav", b"hello".to_vec()),
        ("empty/en/other.wav", wav(1, 8_000)),
    ] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir_all(folder.path().join("folder/en/low-balance.wav")).unwrap();
    for (media, said) in [
        ("prompts = \"absent\"", "t.toml:11:11: cannot read "),
        ("prompts = \"t.toml\"", "t.toml is not a folder"),
        ("prompts = \"stereo\"", "stereo/nl/no-credit.wav: 2 channels, not 1: mix it down to mono"),
        ("prompts = \"fast\"", "fast/vi/test-call.wav: 44100 samples a second, not 8000"),
        ("prompts = \"text\"", "text/en/low-balance.wav: no WAV file"),
        ("prompts = \"folder\"", "folder/en/low-balance.wav: cannot be read: not a plain file"),
        ("tones = \"xx\"", "t.toml:11:9: the tones of \"xx\" are not known"),
        ("tones = \"xx\"", "ar at be br ca ch cn de es fr gb it mx nl pl pt ru se us"),
        ("announcements = true", "relayed media needs an address to come to"),
        ("announcements = true", "or announcements = false"),
        ("warning_secs = 3601", "warning_secs must be from 0 to 3600"),
    ] {
        let findings =
            read(folder.path(), media).map(|settings| format!("{:?}", settings.media)).expect_err(said);
        assert!(findings.contains(said), "{findings}");
    }
    let warned = read(folder.path(), "prompts = \"empty\"").expect("valid").warnings;
    assert!(warned.iter().any(|line| line.message.contains("holds no prompt")), "{warned:?}");
}
