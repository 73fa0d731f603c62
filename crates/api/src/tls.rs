//! TLS for callers: the certificate and its key, which can be changed while the service runs.

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Why a certificate cannot be used. Names files, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM.
    #[error("cannot read {}: {}", .0.display(), words(.1))]
    Unreadable(PathBuf, pem::Error),
    /// No certificate stands in the file.
    #[error("there is no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// The key is of an unknown kind, or another certificate's.
    #[error("the certificate of {} and the key of {} cannot be used together: {error}", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        error: rustls::Error,
    },
}

/// What a listener says in a handshake: TLS 1.2 and 1.3, `http/1.1`, no client certificates.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

/// The certificate of the next handshake.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads a certificate, with the chain that leads to its root, and its key, both in PEM.
    ///
    /// # Errors
    /// A file cannot be read, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        // Named here: a process-wide default may not be installed yet, or be another.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = read(certificate, key, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(current))));
        let unusable = |error| TlsError::Unusable { certificate: certificate.into(), key: key.into(), error };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), current })
    }

    /// Reads them again, or others: handshakes from now on use them. Connections that stand go on.
    ///
    /// # Errors
    /// As for `load`; then nothing has changed.
    pub fn reload(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        let next = Arc::new(read(certificate, key, self.config.crypto_provider())?);
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let of_certificate = |error| TlsError::Unreadable(certificate.into(), error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .map_err(of_certificate)?
        .collect::<Result<_, _>>()
        .map_err(of_certificate)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.into()));
    }
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Unreadable(key.into(), error))?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| TlsError::Unusable {
        certificate: certificate.into(),
        key: key.into(),
        error,
    })
}

/// The library's words for a file without what was looked for say "no items found".
fn words(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is no private key in PEM in it".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}
