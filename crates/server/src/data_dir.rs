//! The data directory: the database, the server key, the local certificate.
//!
//! A new directory is for its owner alone (0700), and so is each file (0600).

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretBox, SecretString};
use tempfile::NamedTempFile;
use tokenbind_binding::time::{Random, random_bytes};

/// The key under which the keys in the database are encrypted: 32 random bytes. Hidden in `Debug`.
pub type ServerKey = SecretBox<[u8; 32]>;

/// Why the data directory, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The operating system refuses.
    #[error("{}: cannot {what}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the operating system says.
        error: io::Error,
    },
    /// The path of the data directory leads to something else.
    #[error("{}: not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Whoever can write to it could put a key of their own there.
    #[error("{}: others can write to it (mode {mode:04o}); chmod it to 0700", path.display())]
    WritableByOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Whoever can read the server key can read the keys in the database.
    #[error("{}: others can read or write it (mode {mode:04o}); chmod it to 0600", path.display())]
    ExposedKey {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold a server key.
    #[error("{}: expected 32 bytes in base64url without padding (43 characters)", .0.display())]
    MalformedKey(PathBuf),
}

/// The data directory, made and found safe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Opens the directory, and makes it, with its parents, where it is absent.
    ///
    /// # Errors
    ///
    /// If it cannot be made or is not a directory, or if others can write to it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataDirError> {
        let path = path.into();
        let mut builder = DirBuilder::new();
        // Where the path exists `create` succeeds on a directory and fails on anything else.
        if let Err(error) = builder.recursive(true).mode(0o700).create(&path) {
            return Err(match fs::metadata(&path) {
                Ok(found) if !found.is_dir() => DataDirError::NotADirectory(path),
                _ => failed(&path, "make the directory")(error),
            });
        }
        let mode = mode(&path)?;
        if mode & 0o022 != 0 {
            return Err(DataDirError::WritableByOthers { path, mode });
        }
        Ok(Self(path))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory `name` within it.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    pub fn directory(&self, name: &str) -> Result<Self, DataDirError> {
        Self::open(self.0.join(name))
    }

    /// Writes the file `name` as a whole, for its owner alone: readers see the file from before or
    /// this one, never a part, also after a power loss.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), DataDirError> {
        let path = self.0.join(name);
        let put = write_temporary(&path, content)?.persist(&path);
        put.map_err(|refused| failed(&path, "put the file in place")(refused.error))?;
        sync(&self.0)
    }
}

/// Loads the server key from `path`; where there is no such file, makes a key and keeps it there.
/// Of several callers at once all get the one key that lasts.
///
/// # Errors
///
/// If the file cannot be read or made, is not a server key, or if others can read it or write to
/// it. A group may read it, as where an orchestrator mounts it.
pub fn load_or_create_server_key(
    path: &Path,
    random: &dyn Random,
) -> Result<ServerKey, DataDirError> {
    match load_server_key(path) {
        Err(DataDirError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            create_server_key(path, random)?;
            load_server_key(path)
        }
        loaded => loaded,
    }
}

fn load_server_key(path: &Path) -> Result<ServerKey, DataDirError> {
    let text = fs::read_to_string(path).map_err(failed(path, "read the server key"))?;
    let text = SecretString::from(text);
    let mode = mode(path)?;
    if mode & 0o027 != 0 {
        return Err(DataDirError::ExposedKey { path: path.to_owned(), mode });
    }
    let mut key = ServerKey::new(Box::new([0; 32]));
    match URL_SAFE_NO_PAD.decode_slice(text.expose_secret().trim_end(), key.expose_secret_mut()) {
        Ok(32) => Ok(key),
        _ => Err(DataDirError::MalformedKey(path.to_owned())),
    }
}

/// Makes the file unless it is there by then.
fn create_server_key(path: &Path, random: &dyn Random) -> Result<(), DataDirError> {
    let key = ServerKey::new(Box::new(random_bytes(random)));
    let line = SecretString::from(URL_SAFE_NO_PAD.encode(key.expose_secret()) + "\n");
    let temporary = write_temporary(path, line.expose_secret().as_bytes())?;
    match temporary.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != io::ErrorKind::AlreadyExists => {
            Err(failed(path, "keep the server key")(refused.error))
        }
        _ => sync(directory_of(path)),
    }
}

/// Writes `content` to a new file beside `path`, with mode 0600, down to the disk.
fn write_temporary(path: &Path, content: &[u8]) -> Result<NamedTempFile, DataDirError> {
    let write = || {
        let mut file = NamedTempFile::new_in(directory_of(path))?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(failed(path, "write the file"))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes what was renamed or linked into `directory` last through a power loss.
fn sync(directory: &Path) -> Result<(), DataDirError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(failed(directory, "sync the directory"))
}

fn mode(path: &Path) -> Result<u32, DataDirError> {
    let metadata = fs::metadata(path).map_err(failed(path, "read the permissions"))?;
    Ok(Permissions::mode(&metadata.permissions()) & 0o7777)
}

fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |error| DataDirError::Io { path, what, error }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tempfile::TempDir;

    use super::*;

    /// Gives every call other bytes.
    struct Counter(std::sync::atomic::AtomicU8);

    impl Random for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn counter() -> Counter {
        Counter(1.into())
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_new_directory_is_for_its_owner_alone() {
        let parent = TempDir::new().unwrap();
        let data = DataDir::open(parent.path().join("a/data")).unwrap();
        assert_eq!(mode(data.path()).unwrap(), 0o700);
        assert_eq!(mode(data.directory("tls").unwrap().path()).unwrap(), 0o700);
        assert_eq!(DataDir::open(data.path()).unwrap(), data);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let directory = TempDir::new().unwrap();
        let path = directory.path();
        for open in [0o770, 0o707, 0o722, 0o1777] {
            chmod(path, open);
            let expected = format!(
                "{}: others can write to it (mode {open:04o}); chmod it to 0700",
                path.display()
            );
            assert_eq!(DataDir::open(path).unwrap_err().to_string(), expected);
        }
        chmod(path, 0o755);
        assert!(DataDir::open(path).is_ok());
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = NamedTempFile::new().unwrap();
        let expected = format!("{}: not a directory", file.path().display());
        assert_eq!(DataDir::open(file.path()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn files_are_replaced_whole_and_for_their_owner_alone() {
        let directory = TempDir::new().unwrap();
        let data = DataDir::open(directory.path()).unwrap();
        let path = directory.path().join("f");
        fs::write(&path, "something longer").unwrap();
        chmod(&path, 0o644);
        data.write("f", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path).unwrap(), 0o600);
        assert_eq!(names(directory.path()), ["f"]);
    }

    #[test]
    fn the_server_key_is_made_once() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("server.key");
        let made = load_or_create_server_key(&path, &counter()).unwrap();
        assert_eq!(made.expose_secret(), &[1; 32]);
        assert_eq!(mode(&path).unwrap(), 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n");
        let other = Counter(9.into());
        let loaded = load_or_create_server_key(&path, &other).unwrap();
        assert_eq!(loaded.expose_secret(), made.expose_secret());
        assert_eq!(names(directory.path()), ["server.key"]);
        assert!(!format!("{made:?}").contains("1, 1"));
    }

    #[test]
    fn callers_at_once_get_one_server_key() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("server.key");
        let random = counter();
        let keys: Vec<[u8; 32]> = thread::scope(|scope| {
            let load = || *load_or_create_server_key(&path, &random).unwrap().expose_secret();
            let callers: Vec<_> = (0..16).map(|_| scope.spawn(load)).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0]), "{keys:?}");
        assert_eq!(names(directory.path()), ["server.key"]);
    }

    #[test]
    fn a_server_key_that_others_see_is_refused() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("server.key");
        load_or_create_server_key(&path, &counter()).unwrap();
        for exposed in [0o644, 0o660, 0o602] {
            chmod(&path, exposed);
            let error = load_or_create_server_key(&path, &counter()).unwrap_err();
            let expected = format!(
                "{}: others can read or write it (mode {exposed:04o}); chmod it to 0600",
                path.display()
            );
            assert_eq!(error.to_string(), expected);
        }
        chmod(&path, 0o440);
        assert!(load_or_create_server_key(&path, &counter()).is_ok());
    }

    #[test]
    fn what_is_no_server_key_is_refused_and_left_alone() {
        let directory = TempDir::new().unwrap();
        let data = DataDir::open(directory.path()).unwrap();
        let path = directory.path().join("server.key");
        for text in ["", "AQEB", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB", "not base64url!"] {
            data.write("server.key", text.as_bytes()).unwrap();
            let error = load_or_create_server_key(&path, &counter()).unwrap_err();
            assert!(matches!(error, DataDirError::MalformedKey(_)), "{text}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
