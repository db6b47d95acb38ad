//! All targets for libFuzzer: `FUZZ_TARGET` names the one to run; `make fuzz` runs them in turn. With `FUZZ_WORDS` it only
//! writes the target's words into that file, as libFuzzer's `-dict` reads them.

#![no_main]
#![allow(clippy::expect_used, missing_docs, reason = "a tool; a wrong name must end it")]

use std::{panic, sync::OnceLock};

use wazzup_fuzz::{TARGETS, Target, limits, mutate};

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: start(), |input: &[u8]| {
    let target = CHOSEN.get().expect("the target is chosen at the start");
    limits::check(target, input);
});

fn start() {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("FUZZ_TARGET is one of the targets");
    if let Ok(path) = std::env::var("FUZZ_WORDS") {
        std::fs::write(path, mutate::dictionary(target.words)).expect("FUZZ_WORDS can be written");
        std::process::exit(0);
    }
    let _ = CHOSEN.set(target);
    // libFuzzer's hook ends the process at every panic, but a panic of the QR decoder is caught by the operator.
    let fatal = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        let decoder = |file: &str| file.contains("/rqrr-") || file.contains("/g2p-") || file.contains("/lru-");
        if !what.location().is_some_and(|place| decoder(place.file())) {
            fatal(what);
        }
    }));
}
