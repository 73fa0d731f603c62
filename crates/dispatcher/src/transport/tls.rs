//! Whom to trust: the system's certificates, a file's beside them, and never a wrong name.

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::Verifier;
use std::path::Path;
use std::sync::Arc;

/// Why a relay's TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The host is neither a DNS name nor an IP address.
    #[error("the host is neither a DNS name nor an IP address")]
    Host,
    /// The file with further certificates cannot be read, or holds none.
    #[error("the file with further certificates cannot be read: {0}")]
    CaFile(String),
    /// The certificates cannot be used.
    #[error("the trusted certificates cannot be used: {0}")]
    Trust(#[from] rustls::Error),
}

/// How to shake hands with one relay.
#[derive(Debug, Clone)]
pub(crate) struct TlsPeer {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
    /// What is trusted beside the system's certificates, as it stood in the file.
    pub further: Vec<CertificateDer<'static>>,
}

impl TlsPeer {
    pub(crate) fn new(host: &str, ca_file: Option<&Path>) -> Result<Self, TlsSetupError> {
        Self::with(host, ca_file, |verifier| verifier)
    }

    /// With what is laid around the verifier.
    pub(crate) fn with(
        host: &str,
        ca_file: Option<&Path>,
        around: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier>,
    ) -> Result<Self, TlsSetupError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsSetupError::Host)?;
        // The provider is named here because a process-wide default may not be installed yet, or be another.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let further = ca_file.map_or_else(|| Ok(Vec::new()), certificates)?;
        let verifier = Verifier::new_with_extra_roots(further.clone(), provider.clone())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(around(Arc::new(verifier)))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name, further })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let unreadable = |error: rustls::pki_types::pem::Error| TlsSetupError::CaFile(error.to_string());
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    if found.is_empty() { Err(TlsSetupError::CaFile("no certificate in it".into())) } else { Ok(found) }
}
