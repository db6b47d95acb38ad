//! What Wazzup tells us by itself.
