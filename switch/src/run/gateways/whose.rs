//! To whom a connection belongs.

use super::references::References;
use crate::run::streams::Admitted;

/// To whom a connection belongs.
pub(super) enum Whose {
    /// To the call of a shard that asked for it.
    Shard(u8),
    /// To the calls that a gateway makes on it.
    Calls(
        Box<References>,
        #[allow(dead_code, reason = "its place is given back when it is dropped")] Admitted,
    ),
}
