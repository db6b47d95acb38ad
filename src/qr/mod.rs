//! A QR event's payload to pictures.
//!
//! Owns how a payload (a data URI or a plain text code) becomes a PNG and a text that a terminal shows. Pure: bytes in,
//! pictures out. Must never fetch anything, trust a size, or print what it holds: a QR is a key to somebody's messenger.
//! Next: `webhook` for where payloads come from.

mod draw;
mod payload;
mod picture;
mod scan;

pub use picture::{Picture, Unpaintable};
