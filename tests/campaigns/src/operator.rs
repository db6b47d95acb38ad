//! The operator as a process that can be killed, stopped and continued at an exact message.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock},
};

/// Reads which processes there are (`+ PID`) and are no more (`- PID`), and kills the rest when we end, however that is.
const REAPER: &str = r#"
trap '' INT TERM
alive=
while read -r sign pid; do
    case $sign in
        +) alive="$alive $pid" ;;
        -) left=; for one in $alive; do [ "$one" = "$pid" ] || left="$left $one"; done; alive=$left ;;
    esac
done
[ -z "$alive" ] || kill -KILL $alive 2>/dev/null
"#;

/// Tells the reaper of this process; without one, processes outlive a killed harness.
fn tell_reaper(sign: char, pid: u32) {
    static REAPERS: OnceLock<Option<Mutex<ChildStdin>>> = OnceLock::new();
    let pipe = REAPERS.get_or_init(|| {
        let mut reaper = Command::new("sh")
            .args(["-c", REAPER])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        reaper.stdin.take().map(Mutex::new)
    });
    if let Some(pipe) = pipe {
        let _ = writeln!(pipe.lock().unwrap(), "{sign} {pid}");
    }
}

/// One replica's process. Clones are the same replica.
#[derive(Clone, Default)]
pub struct Replica(Arc<Mutex<(Option<Child>, Vec<ExitStatus>)>>);

impl Replica {
    fn with<T>(&self, act: impl FnOnce(&mut Option<Child>) -> T) -> T {
        act(&mut self.0.lock().unwrap().0)
    }

    /// Starts the program; one that runs is killed first.
    pub fn start(&self, mut command: Command) {
        self.kill();
        let started = command.spawn().unwrap();
        tell_reaper('+', started.id());
        self.with(|child| *child = Some(started));
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

    /// Kills it as a machine's failure would. One that had ended by itself before has done so.
    pub fn kill(&self) {
        if let Some(ended) = self.ended() {
            self.0.lock().unwrap().1.push(ended);
        }
        // Held until it is gone: whoever finds none starts the next one.
        self.with(|child| {
            if let Some(mut child) = child.take() {
                let _ = child.kill();
                let _ = child.wait();
                tell_reaper('-', child.id());
            }
        });
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
