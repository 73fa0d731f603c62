//! Every example configuration is one.

use postledger_tests::service::binary;
use postledger_tests::sink::Authority;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the examples expect, made in a directory of the test's own.
struct Place {
    files: tempfile::TempDir,
    /// Holds the server's certificate.
    _authority: Authority,
    replaced: Vec<(String, String)>,
}

impl Place {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new().unwrap();
        let (certificate, key) = authority.good_files("server").unwrap();
        let mut replaced = vec![
            ("/etc/postledger/server.crt".to_owned(), certificate.display().to_string()),
            ("/etc/postledger/server.key".to_owned(), key.display().to_string()),
        ];
        let password = files.path().join("password");
        std::fs::write(&password, "secret\n").unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        for file in [
            "/etc/postledger/primary.password",
            "/etc/postledger/backup.password",
            "/run/secrets/primary_password",
        ] {
            replaced.push((file.to_owned(), password.display().to_string()));
        }
        Self { files, _authority: authority, replaced }
    }

    /// An example with paths that are there.
    fn example(&self, path: &Path) -> String {
        let text = std::fs::read_to_string(path).unwrap();
        self.replaced.iter().fold(text, |text, (from, to)| text.replace(from, to))
    }

    /// `postledger config check`, with nothing but these variables and options.
    fn check(&self, variables: &[(&str, &str)], options: &[&str]) {
        let mut command = Command::new(binary().unwrap());
        command.args(["config", "check"]).args(options).current_dir(self.files.path());
        let output = command.env_clear().envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{variables:?} {options:?}: {said}");
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

#[test]
fn each_file_is_a_configuration() {
    let place = Place::new();
    let mut checked = 0;
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let here = place.files.path().join(path.file_name().unwrap());
            std::fs::write(&here, place.example(&path)).unwrap();
            place.check(&[], &["--config", here.to_str().unwrap()]);
            checked += 1;
        }
    }
    assert!(checked >= 4, "{checked} examples");
}

#[test]
fn the_environment_alone_is_a_configuration() {
    let place = Place::new();
    let text = place.example(&examples().join("environment.env"));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let variables: Vec<_> = lines.map(|line| line.split_once('=').unwrap()).collect();
    place.check(&variables, &[]);
}
