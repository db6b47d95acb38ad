//! A control plane with the CRDs, and where the operator's program is.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use control_plane::ControlPlane;

/// Where everything in the repository is found.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What all lives of a process share.
#[derive(Clone)]
pub struct Ground {
    /// The control plane.
    pub plane: Arc<ControlPlane>,
    /// The operator's program.
    pub operator: PathBuf,
}

impl Ground {
    /// The control plane of this process, with the CRDs installed. `operator` is the program under test.
    pub fn find(operator: &Path) -> Self {
        static READY: std::sync::OnceLock<()> = std::sync::OnceLock::new();
        let plane = ControlPlane::shared();
        READY.get_or_init(|| install(&plane));
        assert!(operator.is_file(), "{} was not built", operator.display());
        Self {
            plane,
            operator: operator.to_owned(),
        }
    }

    /// A control plane of its own, for what would harm everybody on a shared one. Blocks while it starts.
    pub fn own(operator: &Path) -> Self {
        let plane = Arc::new(ControlPlane::start().unwrap());
        install(&plane);
        Self {
            plane,
            operator: operator.to_owned(),
        }
    }
}

fn install(plane: &ControlPlane) {
    let crds = format!("{ROOT}/crds");
    let ran = plane.kubectl(&["apply", "-f", &crds]).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    established(plane, &crds);
}

/// Waits until the API server serves these kinds. `kubectl wait` gives up at once on one whose conditions are not there yet.
pub fn established(plane: &ControlPlane, crds: &str) {
    let mut told = String::new();
    for _ in 0..240 {
        let ran = plane
            .kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", crds])
            .unwrap();
        if ran.status.success() {
            return;
        }
        told = String::from_utf8_lossy(&ran.stderr).into_owned();
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    panic!("the kinds are not served: {told}");
}
