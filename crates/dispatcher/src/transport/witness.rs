//! Remembers the certificate of a handshake, and why it was refused.

use postledger_core::time::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a relay showed at the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// When it ends; `None` if it cannot be read.
    pub not_after: Option<Timestamp>,
    /// Why it was not trusted; `None` if it was.
    pub refused: Option<Refused>,
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its time is over.
    Expired,
    /// Its time has not come, or this machine's clock is wrong.
    NotYetValid,
    /// It is of another host.
    OtherName,
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    /// Anything else.
    Invalid,
}

/// Verifies as the verifier that it is laid around, and remembers.
#[derive(Debug)]
pub(crate) struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    seen: Arc<Mutex<Option<Certificate>>>,
}

impl Witness {
    pub(crate) fn around(
        verifier: Arc<dyn ServerCertVerifier>,
        seen: Arc<Mutex<Option<Certificate>>>,
    ) -> Self {
        Self { verifier, seen }
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let seen = Certificate {
            not_after: not_after(end_entity),
            refused: verified.as_ref().err().map(Refused::because),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl Refused {
    fn because(error: &Error) -> Self {
        let Error::InvalidCertificate(error) = error else { return Self::Invalid };
        if matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(error, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })
        {
            Self::NotYetValid
        } else if matches!(
            error,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ) {
            Self::OtherName
        } else if *error == CertificateError::UnknownIssuer {
            Self::UnknownIssuer
        } else {
            Self::Invalid
        }
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    certificate.validity().not_after.timestamp().checked_mul(1_000_000).map(Timestamp::from_micros)
}
