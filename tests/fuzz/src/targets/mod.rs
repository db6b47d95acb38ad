//! The targets. A new one: its function in a file here, its line in [`TARGETS`], its inputs in `corpus/<name>`.

mod account;
mod answers;
mod channel;
mod pictures;
mod schema;
mod texts;
mod webhook;

/// A reader of what comes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also its folder in `corpus/`.
    pub name: &'static str,
    /// Reads any bytes; panics where something does not hold that must.
    pub run: fn(&[u8]),
    /// Words that its reader knows.
    pub words: &'static [&'static [u8]],
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "webhook",
        run: webhook::webhook,
        words: webhook::WORDS,
    },
    Target {
        name: "answer",
        run: answers::answer,
        words: answers::WORDS,
    },
    Target {
        name: "retry_after",
        run: answers::retry_after,
        words: answers::DATE_WORDS,
    },
    Target {
        name: "token",
        run: texts::token,
        words: texts::TOKEN_WORDS,
    },
    Target {
        name: "url",
        run: texts::url,
        words: texts::URL_WORDS,
    },
    Target {
        name: "id",
        run: texts::id,
        words: texts::ID_WORDS,
    },
    Target {
        name: "qr_payload",
        run: pictures::payload,
        words: pictures::PAYLOAD_WORDS,
    },
    Target {
        name: "qr_png",
        run: pictures::png,
        words: pictures::PNG_WORDS,
    },
    Target {
        name: "qr_modules",
        run: pictures::modules,
        words: &[],
    },
    Target {
        name: "channel",
        run: channel::channel,
        words: channel::WORDS,
    },
    Target {
        name: "intent",
        run: channel::intent,
        words: channel::INTENT_WORDS,
    },
    Target {
        name: "account",
        run: account::account,
        words: account::WORDS,
    },
];
