//! What the threads have of outside.

/// What comes from outside of this crate.
pub(crate) struct Driver<C, E> {
    pub(crate) clock: C,
    pub(crate) events: E,
}
