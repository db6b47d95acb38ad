//! A stand-in for the Wazzup API.
