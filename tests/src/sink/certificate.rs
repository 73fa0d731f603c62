//! Certificates, the good one and the bad ones.

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub struct Certificate(Arc<ServerConfig>);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}

impl Certificate {
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }

    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Result<Self> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self(Arc::new(config)))
    }
}

/// A certificate authority of its own, whose root lies in a file that the service can be told to trust.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    files: TempDir,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authority").field(&self.ca_file()).finish()
    }
}

impl Authority {
    /// Makes an authority; its files are removed when it is dropped.
    ///
    /// # Errors
    /// When no key can be made or no file be written.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Postledger test authority");
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?;
        let files = TempDir::with_prefix("postledger-ca-")?;
        std::fs::write(files.path().join("ca.pem"), root.pem())
            .context("the root certificate can be written")?;
        Ok(Self { issuer: Issuer::new(params, key), files })
    }

    /// The root certificate, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// The directory of its files.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.files.path()
    }

    /// Valid for `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn good(&self) -> Result<Certificate> {
        self.issue(&["localhost", "127.0.0.1"], false)
    }

    /// As the good one, but it ended years ago.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn expired(&self) -> Result<Certificate> {
        self.issue(&["localhost", "127.0.0.1"], true)
    }

    /// Trusted and in time, but of another host.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn wrong_name(&self) -> Result<Certificate> {
        self.issue(&["mail.elsewhere.example"], false)
    }

    /// Of the right name, but signed by nobody.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn self_signed() -> Result<Certificate> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        Certificate::new(&params.self_signed(&key)?, &key)
    }

    /// A good one as files for a server of one's own, in PEM: the certificate `NAME.pem` and its key `NAME.key`, which
    /// nobody else can read. Written anew each time.
    ///
    /// # Errors
    /// When no key can be made or no file be written.
    pub fn good_files(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let [pem, secret] = ["pem", "key"].map(|end| self.directory().join(format!("{name}.{end}")));
        std::fs::write(&pem, certificate.pem())?;
        std::fs::write(&secret, key.serialize_pem())?;
        std::fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
        Ok((pem, secret))
    }

    fn issue(&self, names: &[&str], expired: bool) -> Result<Certificate> {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        if expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate()?;
        Certificate::new(&params.signed_by(&key, &self.issuer)?, &key)
    }
}
