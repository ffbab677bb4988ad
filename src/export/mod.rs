//! Figures of a run that goes on, for collectors: seconds in, a page of metrics out.
//!
//! [`Keeper`] adds up what the collector merged, [`render`] writes it in the [`Form`] that was asked for. Both are pure; who
//! serves the page, and when, is not known here. Labels name the run, its profile, series, phases and kinds, never a client.

mod accept;
mod expose;
mod figures;
mod native;

pub use accept::Form;
pub use expose::render;
pub use figures::Figures;
pub use figures::Keeper;
pub use figures::Subject;
pub use native::BUCKETS_MOST;
pub use native::Native;
pub use native::SCHEMA;
