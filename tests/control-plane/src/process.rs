//! Child processes that end with us, however we end.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use crate::Error;

/// Runs `"$@"`, and ends it when standard input ends: that happens when we drop our end of the pipe, and when we are
/// killed. TERM first, KILL five seconds later. Ends with it.
const GUARD: &str = r#"
trap '' INT
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(
    read -r _ <&3
    kill -TERM $child 2>/dev/null
    n=0
    while kill -0 $child 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
    kill -KILL $child 2>/dev/null
) >/dev/null 2>&1 &
reader=$!
wait $child
kill $reader 2>/dev/null
"#;

/// Removes the folder `$1` when standard input ends.
const BROOM: &str = r#"trap "" INT; read -r _; n=0; while [ $n -lt 60 ] && ! rm -rf "$1" 2>/dev/null; do sleep 0.1; n=$((n + 1)); done; sleep 6; rm -rf "$1""#;

/// A guarded process.
#[derive(Debug)]
pub(crate) struct Guarded {
    guard: Child,
    pipe: Option<ChildStdin>,
    pub(crate) log: PathBuf,
}

impl Guarded {
    /// Starts a program under a guard, its output in a log file.
    pub(crate) fn start(program: &Path, arguments: &[String], log: PathBuf) -> Result<Self, Error> {
        let out = File::create(&log).map_err(Error::io("making a log"))?;
        let err = out.try_clone().map_err(Error::io("sharing a log"))?;
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(program)
            .args(arguments)
            // Fewer collections of a heap that is small, which take a fifth of the API server's time.
            .env("GOGC", "300")
            .env("GOMEMLIMIT", "4GiB")
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Error::io(format!("starting {}", program.display())))?;
        let pipe = guard.stdin.take();
        Ok(Self { guard, pipe, log })
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.guard.try_wait().ok().flatten().is_some()
    }

    /// The end of its log.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The guard ends within its five seconds; there is nothing to do about one that does not.
        let _ = self.guard.wait();
    }
}

/// A folder that goes with us, however we end.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    broom: Child,
    pipe: Option<ChildStdin>,
}

impl Folder {
    pub(crate) fn make(name: &str) -> Result<Self, Error> {
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).map_err(Error::io("making a folder"))?;
        let mut broom = Command::new("sh")
            .args(["-c", BROOM, "broom"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("starting sh"))?;
        let pipe = broom.stdin.take();
        Ok(Self { path, broom, pipe })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The programs have ended by now, so this empties it for good and the broom need not be waited for.
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.broom.kill();
        let _ = self.broom.wait();
        drop(self.pipe.take());
    }
}
