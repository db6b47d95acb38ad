//! Which process a loopback connection belongs to, from `/proc`.

use std::{fs, net::SocketAddr, time::Duration};

/// Which of these processes holds the socket whose own end is `peer`, as the other end sees it, and whose other end is `own`. The kernel's table is not read at one moment, and a
/// busy one leaves entries out, so it is read again until the socket is found, for a while.
pub(super) async fn owner(pids: impl Fn() -> Vec<Option<u32>>, peer: SocketAddr, own: SocketAddr) -> Option<usize> {
    for _ in 0..20 {
        let pids = pids();
        // Both are slow on a loaded machine, and the proxies must not wait for them.
        let found = tokio::task::spawn_blocking(move || {
            let inode = inode_of(peer, own)?;
            pids.iter().position(|pid| pid.is_some_and(|pid| holds(pid, &inode)))
        });
        if let Ok(Some(found)) = found.await {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// Whether `pid` holds this socket.
fn holds(pid: u32, inode: &str) -> bool {
    let wanted = format!("socket:[{inode}]");
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files
        .flatten()
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.to_string_lossy() == wanted))
}

/// The socket of a connection, by both its ends: one port of its own may serve connections to several others.
fn inode_of(own: SocketAddr, other: SocketAddr) -> Option<String> {
    let (own, other) = (hex(own)?, hex(other)?);
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (this, that, inode) = (fields.get(1)?, fields.get(2)?, fields.get(9)?);
        (*this == own && *that == other && *inode != "0").then(|| (*inode).to_owned())
    })
}

fn hex(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(address) = address else { return None };
    let octets = address.ip().octets();
    Some(format!("{:08X}:{:04X}", u32::from_le_bytes(octets), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_belongs_to_the_process_that_opened_it() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_server, peer) = listener.accept().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        let own = listener.local_addr().unwrap();
        let pids = || vec![Some(1), Some(std::process::id())];
        assert_eq!(owner(pids, peer, own).await, Some(1));
        assert_eq!(inode_of(SocketAddr::from(([127, 0, 0, 1], 1)), peer), None);
    }

    #[tokio::test]
    async fn of_two_processes_the_one_that_opened_it_is_found_though_connections_come_and_go() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.incoming().for_each(drop));
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        for turn in 0..100 {
            let passing: Vec<_> = (0..8).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
            let client = std::net::TcpStream::connect(address).unwrap();
            let peer = client.local_addr().unwrap();
            drop(passing);
            let (own, other) = (Some(std::process::id()), Some(other.id()));
            assert_eq!(owner(|| vec![other, own], peer, address).await, Some(1), "turn {turn}");
        }
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
