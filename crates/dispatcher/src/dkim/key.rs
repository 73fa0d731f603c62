//! Key pairs: read from PEM, made anew, and what they sign.

use super::signature::Unsigned;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, encoding::Pkcs8V1Der};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;

/// The base64 of a PEM line (RFC 7468 2).
const PEM_LINE: usize = 64;

/// The algorithm of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// rsa-sha256: what every verifier knows.
    Rsa,
    /// ed25519-sha256 (RFC 8463): short, and not known to all verifiers.
    Ed25519,
}

/// Why a text is no key. The text is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM section with a private key.
    #[error("there is no private key in PEM in it (BEGIN PRIVATE KEY, or BEGIN RSA PRIVATE KEY)")]
    NotPem,
    /// RFC 8301 3.2 asks for 2048 bits; the cryptographic library takes nothing shorter.
    #[error("the RSA key has less than 2048 bits")]
    TooShort,
    /// RSA above 8192 bits.
    #[error("the RSA key has more than 8192 bits")]
    TooLong,
    /// Something else than RSA and Ed25519, an encrypted key, or a damaged one.
    #[error("the key is neither RSA nor Ed25519, or it is encrypted or damaged")]
    Unsupported,
    /// The library could not make one.
    #[error("no key could be made")]
    NotMade,
}

pub(super) enum KeyPair {
    Rsa { pair: Box<RsaKeyPair>, public: Vec<u8> },
    Ed25519 { pair: Ed25519KeyPair, public: Vec<u8> },
}

impl KeyPair {
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        match PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::NotPem)? {
            PrivateKeyDer::Pkcs1(der) => Self::rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                // `maybe_unchecked` is version 1, without the public half: what other tools write.
                match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                    Ok(pair) => {
                        let public = pair.public_key().as_ref().to_vec();
                        Ok(Self::Ed25519 { pair, public })
                    }
                    Err(_) => Self::rsa(RsaKeyPair::from_pkcs8(der)),
                }
            }
            _ => Err(KeyError::Unsupported),
        }
    }

    fn rsa(read: Result<RsaKeyPair, KeyRejected>) -> Result<Self, KeyError> {
        let pair = read.map_err(|rejected| match &*rejected.to_string() {
            "TooSmall" => KeyError::TooShort,
            "TooLarge" => KeyError::TooLong,
            _ => KeyError::Unsupported,
        })?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| KeyError::Unsupported)?;
        Ok(Self::Rsa { public: public.as_ref().to_vec(), pair: Box::new(pair) })
    }

    pub(super) fn kind(&self) -> KeyKind {
        match self {
            Self::Rsa { .. } => KeyKind::Rsa,
            Self::Ed25519 { .. } => KeyKind::Ed25519,
        }
    }

    /// As p= wants it: of RSA a SubjectPublicKeyInfo, which is what is published and read everywhere, though the text
    /// of RFC 6376 3.6.1 names the bare RSAPublicKey; of Ed25519 the 32 bytes (RFC 8463 4.2).
    pub(super) fn public(&self) -> &[u8] {
        match self {
            Self::Rsa { public, .. } | Self::Ed25519 { public, .. } => public,
        }
    }

    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>, Unsigned> {
        match self {
            Self::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)
                    .map_err(|_| Unsigned)?;
                Ok(signature)
            }
            // It signs the digest of the data, not the data (RFC 8463 3).
            Self::Ed25519 { pair, .. } => {
                let hash = digest::digest(&digest::SHA256, data);
                Ok(pair.try_sign(hash.as_ref()).map_err(|_| Unsigned)?.as_ref().to_vec())
            }
        }
    }
}

/// Makes a private key, in PEM (PKCS#8): RSA with 2048 bits (RFC 8301 3.2), or Ed25519. The library's own randomness.
///
/// # Errors
/// [`KeyError::NotMade`].
pub fn generate(kind: KeyKind) -> Result<String, KeyError> {
    let der = match kind {
        KeyKind::Rsa => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::NotMade)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::NotMade)?;
            STANDARD.encode(der.as_ref())
        }
        KeyKind::Ed25519 => {
            let made = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
            STANDARD.encode(made.map_err(|_| KeyError::NotMade)?)
        }
    };
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in der.as_bytes().chunks(PEM_LINE) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

/// As k= names it.
impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        })
    }
}
