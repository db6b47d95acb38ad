//! A port for a server that is started, ended and started again.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below those that the system gives to outgoing connections: one of them could take it while the server is down.
const FIRST: u16 = 10_000;
/// So many pairs.
const PAIRS: u32 = 10_000;

/// A port that nobody else is given until this is dropped, by whichever process: whoever listens at the next one owns it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _claim: TcpListener,
}

impl Port {
    /// A free one.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn free() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Processes begin at different ones, so that a claim is seldom met.
        let first = std::process::id().wrapping_mul(97);
        let found = (0..PAIRS).find_map(|_| {
            let next = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PAIRS;
            let number = FIRST + 2 * u16::try_from(next).unwrap();
            let claim = TcpListener::bind(("127.0.0.1", number + 1)).ok()?;
            TcpListener::bind(("127.0.0.1", number)).ok()?;
            Some(Self { number, _claim: claim })
        });
        found.expect("no port is free")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_to_nobody_else_though_nobody_listens_there() {
        let port = Port::free();
        assert!(
            TcpListener::bind(("127.0.0.1", port.number())).is_ok(),
            "its own server can"
        );
        assert!(
            TcpListener::bind(("127.0.0.1", port.number() + 1)).is_err(),
            "another process finds it claimed"
        );
        let others: Vec<Port> = (0..PAIRS / 100).map(|_| Port::free()).collect();
        assert!(others.iter().all(|other| other.number() != port.number()));
    }
}
