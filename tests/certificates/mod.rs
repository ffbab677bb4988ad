//! Certificates for tests, good and bad, made when they are needed.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::Path;
use std::path::PathBuf;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;

/// An authority that signs for tests.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both PEM.
pub(crate) struct Certified {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// Where a [`Certified`] was written.
pub(crate) struct Files {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a valid list of names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "volley test authority");
        Authority(CertifiedIssuer::self_signed(params, key()).expect("an authority can sign itself"))
    }

    /// A certificate for `name` that is valid now.
    pub(crate) fn certify(&self, name: &str) -> Certified {
        self.sign(params(name))
    }

    /// A certificate for `name` that ended in 2020.
    pub(crate) fn certify_expired(&self, name: &str) -> Certified {
        let mut params = params(name);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certified {
        let key = key();
        let signed = params.signed_by(&key, &self.0).expect("the authority signs");
        Certified { chain: signed.pem(), key: key.serialize_pem() }
    }

    /// The certificate of the authority.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Writes the certificate of the authority into `folder`.
    pub(crate) fn write_to(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.pem");
        std::fs::write(&path, self.pem()).expect("a file in a folder of the test");
        path
    }
}

impl Certified {
    /// A certificate for `name` that signs itself.
    pub(crate) fn self_signed(name: &str) -> Certified {
        let key = key();
        let signed = params(name).self_signed(&key).expect("a certificate can sign itself");
        Certified { chain: signed.pem(), key: key.serialize_pem() }
    }

    /// Writes both into `folder`.
    pub(crate) fn write_to(&self, folder: &Path) -> Files {
        let files = Files { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.chain, &self.chain).expect("a file in a folder of the test");
        std::fs::write(&files.key, &self.key).expect("a file in a folder of the test");
        files
    }
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).expect("a name or address")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}
