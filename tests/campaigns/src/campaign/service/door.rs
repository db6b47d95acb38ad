//! A door before the service that can be shut, and a listener to which nothing may come.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Bytes go through while it is open; while it is shut, a connection is refused.
pub struct Door {
    address: SocketAddr,
    behind: SocketAddr,
    keeper: Mutex<Option<JoinHandle<()>>>,
    /// Who holds the port while it is shut, without listening: nobody else gets it.
    holder: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Door {
    fn drop(&mut self) {
        for task in [&self.keeper, &self.holder] {
            if let Some(task) = task.lock().unwrap().take() {
                task.abort();
            }
        }
    }
}

impl Door {
    /// An open door before a URL `http://address`.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let door = Self {
            address: listener.local_addr().unwrap(),
            behind: url.trim_start_matches("http://").parse().unwrap(),
            keeper: Mutex::default(),
            holder: Mutex::default(),
        };
        door.keep(listener);
        door
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn keep(&self, listener: TcpListener) {
        let behind = self.behind;
        let keeper = tokio::spawn(async move {
            let mut guests = JoinSet::new();
            loop {
                let Ok((mut stream, _)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                guests.spawn(async move {
                    if let Ok(mut other) = TcpStream::connect(behind).await {
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
                    }
                });
                while guests.try_join_next().is_some() {}
            }
        });
        *self.keeper.lock().unwrap() = Some(keeper);
    }

    /// Shuts it; who is inside is thrown out.
    pub fn shut(&self) {
        if let Some(keeper) = self.keeper.lock().unwrap().take() {
            keeper.abort();
        }
        let address = self.address;
        let holder = tokio::spawn(async move {
            loop {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_reuseaddr(true).unwrap();
                if socket.bind(address).is_ok() {
                    let _held = socket;
                    return std::future::pending().await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        *self.holder.lock().unwrap() = Some(holder);
    }

    /// Opens it again.
    pub async fn open(&self) {
        if let Some(holder) = self.holder.lock().unwrap().take() {
            holder.abort();
        }
        loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return self.keep(listener),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// The path to which a redirect leads.
pub const LURE: &str = "/lured/away";

/// Counts who comes for [`LURE`].
pub struct Trap {
    /// Where.
    pub url: String,
    visits: Arc<AtomicUsize>,
    keeper: JoinHandle<()>,
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Trap {
    /// Opens one on a loopback port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = visits.clone();
        let keeper = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // The port may have been another life's before: only who follows a redirect asks for this path.
                let mut begun = vec![0; LURE.len() + 16];
                let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut begun)).await;
                let length = read.ok().and_then(Result::ok).unwrap_or(0);
                if String::from_utf8_lossy(&begun[..length]).contains(LURE) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self { url, visits, keeper }
    }

    /// How many came.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_shut_door_refuses_and_an_opened_one_lets_in_again() {
        let trap = Trap::open().await;
        let door = Door::before(&trap.url).await;
        let knock = || TcpStream::connect(door.address);
        assert!(knock().await.is_ok());
        door.shut();
        control_plane::eventually("a refusal", Duration::from_secs(60), || async {
            match knock().await {
                Ok(_) => Err("still open".to_owned()),
                Err(_) => Ok(()),
            }
        })
        .await;
        door.open().await;
        assert!(knock().await.is_ok());
        let mut stream = knock().await.unwrap();
        let asked = format!("POST {LURE} HTTP/1.1\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        control_plane::eventually("a visit", Duration::from_secs(60), || async {
            if trap.visits() > 0 {
                Ok(())
            } else {
                Err("none yet".to_owned())
            }
        })
        .await;
    }
}
