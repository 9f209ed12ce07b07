//! Query parameters by allow-list: what a list does not document is refused with 400, as are repeats and
//! unreadable values. Invariant: no parameter ever reaches SQL or a file name; each is parsed into its type
//! here.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use units::Wall;

use crate::problem::Problem;

/// The parameters of one request, each at most once.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) =
            Query::<Vec<(String, String)>>::from_request_parts(parts, state).await.map_err(|_| {
                Problem::bad_request("the query cannot be read; write name=value pairs, percent-encoded")
            })?;
        Ok(Self(pairs))
    }
}

impl Params {
    /// Checks that only `known` names are there, each once.
    pub fn only(self, known: &[&str]) -> Result<Self, Problem> {
        for (i, (name, _)) in self.0.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let list = if known.is_empty() {
                    "none is taken here".to_owned()
                } else {
                    format!("known are {}", known.join(", "))
                };
                return Err(Problem::bad_request(format!(
                    "unknown query parameter {:?}; {list}",
                    clip(name)
                ))
                .at("query"));
            }
            if self.0.iter().take(i).any(|(earlier, _)| earlier == name) {
                return Err(Problem::bad_request(format!("query parameter {name} is given twice")).at(name));
            }
        }
        Ok(self)
    }

    /// The value of `name`; an empty value counts as absent, so that `account=` means all accounts.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// Rows per page, from 1 to `max`.
    pub fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        let Some(text) = self.text("limit") else { return Ok(default.min(max)) };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        match text.parse::<usize>() {
            Ok(n) if digits && (1..=max).contains(&n) => Ok(n),
            Ok(_) | Err(_) => {
                Err(Problem::bad_request(format!("limit must be a whole number from 1 to {max}")).at("limit"))
            }
        }
    }

    /// An instant in RFC 3339.
    pub fn instant(&self, name: &str) -> Result<Option<Wall>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let hint = "write RFC 3339, as 2026-01-31T00:00:00Z (a + must be sent as %2B)";
        Wall::parse(text)
            .map(Some)
            .ok_or_else(|| Problem::bad_request(format!("{name} is not an instant: {hint}")).at(name))
    }

    /// The cursor, read by `read`.
    pub fn cursor<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = self.text("cursor") else { return Ok(None) };
        let hint = "this is no cursor of this list; give back `next` of the page before, unchanged";
        read(text).map(Some).ok_or_else(|| Problem::bad_request(hint).at("cursor"))
    }
}

/// At most 40 characters of what a client sent, for a message.
fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}
