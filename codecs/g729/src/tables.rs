//! The numbers of the Recommendation that no formula gives.

pub(crate) mod gain;
pub(crate) mod lsp;
pub(crate) mod lsp_first_stage;
pub(crate) mod pitch;
