//! The operator as a process that can be killed, stopped and continued at an exact message.

use std::{
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
};

/// One replica's process. Clones are the same replica.
#[derive(Clone, Default)]
pub struct Replica(Arc<Mutex<(Option<Child>, Vec<ExitStatus>)>>);

impl Replica {
    fn with<T>(&self, act: impl FnOnce(&mut Option<Child>) -> T) -> T {
        act(&mut self.0.lock().unwrap().0)
    }

    /// Starts the program; one that runs is killed first.
    pub fn start(&self, mut command: Command) {
        if let Some(ended) = self.ended() {
            self.0.lock().unwrap().1.push(ended);
        }
        self.kill();
        self.with(|child| *child = Some(command.spawn().unwrap()));
    }

    /// Its process id, while it is held.
    pub fn pid(&self) -> Option<u32> {
        self.with(|child| child.as_ref().map(Child::id))
    }

    /// Whether a process is there and has not ended.
    pub fn alive(&self) -> bool {
        self.with(|child| child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None))))
    }

    /// How it ended by itself, if it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.with(|child| child.as_mut().and_then(|child| child.try_wait().ok().flatten()))
    }

    /// How it has ended by itself so far, every time.
    pub fn ends(&self) -> Vec<ExitStatus> {
        let before = self.0.lock().unwrap().1.clone();
        before.into_iter().chain(self.ended()).collect()
    }

    /// Kills it as a machine's failure would.
    pub fn kill(&self) {
        let child = self.with(Option::take);
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// `SIGSTOP`: it stands still and knows nothing of it.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// `SIGCONT`
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// `SIGTERM`: it is asked to end in order.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// The shell's own `kill` needs no crate and no unsafe code.
    fn signal(&self, name: &str) {
        let Some(pid) = self.pid() else { return };
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status();
        assert!(
            sent.is_ok_and(|status| status.success()) || !self.alive(),
            "kill -{name} {pid}"
        );
    }
}
