//! A QR event's payload to pictures.
