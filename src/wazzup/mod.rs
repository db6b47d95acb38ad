//! The only room that speaks to Wazzup.
