//! What we are to a carrier that asks for digest credentials (RFC 3261 §22).
//! Invariant: a secret is never written by `Debug`.

use std::fmt;

/// A password. `Debug` hides it; whoever wants it says so by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// User and password toward one carrier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// As the carrier knows us.
    pub username: Box<str>,
    /// Its password.
    pub password: Secret,
    /// The one realm whose challenges are answered; none: every realm of that carrier's.
    pub realm: Option<Box<str>>,
}

// === impl Secret ===

impl Secret {
    /// Hides a text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

// === impl Credentials ===

impl Credentials {
    /// The user part of the address of record: that of `user@domain`, else the whole.
    pub fn user(&self) -> &str {
        self.username.rsplit_once('@').map_or(&*self.username, |(user, _)| user)
    }

    /// Whether a challenge of this realm is for them (RFC 7616 §3.3: compared letter by letter).
    pub fn are_for(&self, realm: &str) -> bool {
        self.realm.as_deref().is_none_or(|own| own == realm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_password() {
        let credentials =
            Credentials { username: "us".into(), password: Secret::new("hunter2"), realm: Some("a".into()) };
        let text = format!("{credentials:?}");
        assert!(text.contains("us") && !text.contains("hunter2"), "{text}");
        assert!(credentials.are_for("a") && !credentials.are_for("A"));
        assert!(Credentials { realm: None, ..credentials }.are_for("b"));
    }
}
