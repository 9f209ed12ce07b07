//! Why one try at a transaction did not succeed: what may be tried again is apart from what may not.

use crate::CentralError;

/// Why one try did not succeed.
pub(crate) enum Failed {
    /// Another transaction was in the way, or the tables were being made by somebody else.
    Conflict(CentralError),
    Other(CentralError),
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        if CentralError::is_conflict(&error) {
            Self::Conflict(error.into())
        } else {
            Self::Other(error.into())
        }
    }
}

impl From<CentralError> for Failed {
    fn from(error: CentralError) -> Self {
        Self::Other(error)
    }
}
