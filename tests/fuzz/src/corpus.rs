//! The committed inputs: `corpus/<target>/<what it is>`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where the inputs of a target are.
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a target, by name.
pub fn inputs(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    inputs_in(folder(target))
}

/// The inputs in a folder, by name.
pub fn inputs_in(folder: impl AsRef<Path>) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        found.push((name, fs::read(path)?));
    }
    found.sort();
    Ok(found)
}
