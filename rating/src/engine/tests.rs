//! The engine against its rules.
