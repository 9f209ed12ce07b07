//! What the switch itself says into calls: prompts in six languages and the tones of a country (ITU-T E.180),
//! each encoded once for a codec and then shared by all calls.
//!
//! The sounds in `sounds` are made by `make.sh`, from the texts in it. Invariant: there is a sound for every
//! prompt in every language.
//!
//! ```
//! use codecs::Codec;
//! use prompts::{Language, Prompt, Prompts};
//!
//! let prompts = Prompts::default();
//! let spanish = Language::of(Some("es"));
//! let clip = prompts.prompt(spanish, Prompt::LowBalance, Codec::Pcma).expect("A-law is always there");
//! assert!(clip.duration().as_secs() >= 2);
//! let again = prompts.prompt(spanish, Prompt::LowBalance, Codec::Pcma).expect("it is kept");
//! assert!(std::sync::Arc::ptr_eq(&clip, &again));
//! ```
#![forbid(unsafe_code)]

mod built_in;
mod clips;
mod prompt;

pub use clips::Prompts;
pub use prompt::Prompt;
pub use units::Language;
pub use voice::tones::Tone;
