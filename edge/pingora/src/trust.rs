//! Whom origins' certificates must be signed by: the system's roots, and the operator's besides (`[origins] ca`).
//!
//! pingora takes its roots from one PEM file, instead of the system's; so both are written into one for the moment it
//! reads them.

use base64::Engine;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file of roots that is gone when this is.
#[derive(Debug)]
pub(crate) struct Bundle(PathBuf);

/// Why there are no roots to trust.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// The operator's file.
    #[error("[origins] ca: {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nothing at all.
    #[error(
        "there are no trust roots: install the system's (Debian: apt-get install ca-certificates), or set [origins] ca"
    )]
    Nothing,
    /// The temporary file.
    #[error("the trust roots cannot be gathered in {}: {error}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The certificates of a PEM file; one at least.
///
/// # Errors
/// Why there are none, in words.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read.map_err(|error| error.to_string())? {
        none if none.is_empty() => Err("there is no certificate in this file (PEM is expected)".to_owned()),
        some => Ok(some),
    }
}

impl Bundle {
    /// Gathers the system's roots and those of a PEM file.
    pub(crate) fn gather(extra: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = rustls_native_certs::load_native_certs().certs;
        if let Some(path) = extra {
            let refuse = |reason: String| TrustError::Unreadable { path: path.to_owned(), reason };
            let own = read_certificates(path).map_err(refuse)?;
            let fit = |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone());
            for certificate in &own {
                fit(certificate).map_err(|error| refuse(format!("a certificate in it cannot be a root: {error}")))?;
            }
            roots.extend(own);
        }
        // One odd certificate among the system's must not keep the others from being trusted.
        roots.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        if roots.is_empty() {
            return Err(TrustError::Nothing);
        }
        let path = std::env::temp_dir().join(format!("verge-roots-{:032x}.pem", fastrand::u128(..)));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            for certificate in &roots {
                let text = base64::engine::general_purpose::STANDARD.encode(certificate);
                writeln!(file, "-----BEGIN CERTIFICATE-----")?;
                for line in text.as_bytes().chunks(64) {
                    file.write_all(line)?;
                    file.write_all(b"\n")?;
                }
                writeln!(file, "-----END CERTIFICATE-----")?;
            }
            file.flush()
        };
        match write() {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(TrustError::Unwritable { path, error }),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // A file left behind in the temporary directory holds public certificates only.
        let _ = fs::remove_file(&self.0);
    }
}
