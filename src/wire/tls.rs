//! TLS of a client: what is trusted, the handshake, and a connection without a runtime.
//!
//! rustls with ring. The handshake runs on the dialer's runtime; then the connection's state is taken
//! out of its stream and a lane drives it over the bare socket, so that the kernel's receive
//! stamps stay in sight. Every connection makes a full handshake unless resumption is asked for: a
//! thousand clients that share tickets are not a thousand users.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use tokio_rustls::rustls;
use tokio_rustls::rustls::AlertDescription;
use tokio_rustls::rustls::CertificateError;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::Failure;
use super::socket::Received;
use super::socket::receive;
use super::unverified::Unverified;
use crate::tally::Fault;

/// Part of a read's buffer that takes in ciphertext: one record (RFC 8446 section 5.2).
const CIPHERTEXT: usize = 16 << 10;
/// Sessions kept for resumption by each lane.
const SESSIONS: usize = 1_024;

/// What a client trusts, and who it says it is. Texts are PEM.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Certificates trusted besides the roots that browsers trust.
    pub ca: Option<Vec<u8>>,
    /// Certificate chain and key shown to the server.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// Whether a connection may resume the session of an earlier one.
    pub resume: bool,
}

/// How connections to one server are protected.
#[derive(Clone, Debug)]
pub struct Protection {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    insecure: bool,
    resume: bool,
}

impl Protection {
    /// Protection for connections to `host`, as `trust` says. HTTP/1.1 is offered by ALPN.
    ///
    /// # Errors
    /// In words, when a PEM text holds nothing of use or the key does not fit the certificate.
    pub fn new(host: &str, trust: &Trust) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("`{host}` is no name that a certificate can have"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("TLS cannot be set up: {e}"))?;
        let builder = match trust.insecure {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified::new(provider))),
            false => builder.with_root_certificates(roots(trust.ca.as_deref())?),
        };
        let mut config = match &trust.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| format!("the key of --key cannot be read: {e}"))?;
                let chain = certificates(chain, "--cert")?;
                builder.with_client_auth_cert(chain, key).map_err(|e| format!("--cert and --key do not go together: {e}"))?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Protection { config: Arc::new(config), name, insecure: trust.insecure, resume: trust.resume })
    }

    /// The same for one lane, which shares no session with another.
    pub fn of_lane(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        if self.resume {
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
        }
        Protection { config: Arc::new(config), ..self.clone() }
    }

    /// Whether any certificate of the server will do.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// What the dialer connects with.
    pub(super) fn connector(&self) -> (tokio_rustls::TlsConnector, ServerName<'static>) {
        (self.config.clone().into(), self.name.clone())
    }
}

fn roots(ca: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(ca) = ca {
        for certificate in certificates(ca, "--ca")? {
            roots.add(certificate).map_err(|e| format!("a certificate of --ca cannot be trusted: {e}"))?;
        }
    }
    Ok(roots)
}

fn certificates(pem: &[u8], flag: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|e| format!("the file of {flag} cannot be read: {e}"))?;
    if all.is_empty() { Err(format!("the file of {flag} holds no certificate (PEM, BEGIN CERTIFICATE)")) } else { Ok(all) }
}

/// A connection that a lane drives: ciphertext on the socket, plaintext to the frames.
#[derive(Debug)]
pub(super) struct Tls {
    connection: ClientConnection,
    /// Stamp of the last read from the socket.
    stamp: Option<u64>,
}

impl Tls {
    pub(super) fn new(connection: ClientConnection) -> Self {
        Tls { connection, stamp: None }
    }

    /// Plaintext that came with the handshake's last bytes.
    pub(super) fn early(&mut self) -> Vec<u8> {
        let mut early = Vec::new();
        // It ends with WouldBlock, or with an end of stream that the next read sees again.
        let _ = self.connection.reader().read_to_end(&mut early);
        early
    }

    /// Reads plaintext. The end of `buffer` takes in ciphertext.
    pub(super) fn read(&mut self, tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<Received> {
        let split = buffer.len().saturating_sub(CIPHERTEXT).max(buffer.len() / 2);
        let (plain, cipher) = buffer.split_at_mut(split);
        loop {
            match self.connection.reader().read(plain) {
                Ok(len) => return Ok(Received { len, stamp: self.stamp, more: true }),
                // The peer left without saying so (RFC 8446 section 6.1); for us it is an end of stream.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Received { len: 0, stamp: self.stamp, more: false }),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
            let received = receive(tcp, cipher)?;
            self.stamp = received.stamp;
            let len = self.take_in(tcp, &cipher[..received.len], plain)?;
            if len > 0 {
                return Ok(Received { len, stamp: self.stamp, more: received.len == cipher.len() });
            }
        }
    }

    /// Decrypts `cipher`, empty at the end of the stream, into `plain`; how many bytes that gave.
    fn take_in(&mut self, tcp: &TcpStream, mut cipher: &[u8], plain: &mut [u8]) -> io::Result<usize> {
        let mut len = 0;
        loop {
            self.connection.read_tls(&mut cipher)?;
            if let Err(broken) = self.connection.process_new_packets() {
                // The alert that says so; the connection is lost whether or not it goes out.
                let _ = self.connection.write_tls(&mut &*tcp);
                return Err(io::Error::new(io::ErrorKind::InvalidData, broken));
            }
            len += match self.connection.reader().read(&mut plain[len..]) {
                Ok(n) => n,
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof) => 0,
                Err(e) => return Err(e),
            };
            if cipher.is_empty() {
                // Key updates and the like are answered here.
                return self.flush(tcp).map(|()| len);
            }
        }
    }

    /// Encrypts what fits and writes what the socket takes; how much plaintext was taken. What the socket
    /// did not take is behind, see [`Tls::is_behind`].
    pub(super) fn write(&mut self, tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(tcp)?;
        let mut taken = 0;
        // rustls takes 64 KiB at a time; only a socket that takes no more ends the writing.
        while taken < bytes.len() && !self.is_behind() {
            taken += self.connection.writer().write(&bytes[taken..])?;
            self.flush(tcp)?;
        }
        if taken == 0 && !bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Whether ciphertext waits for the socket.
    pub(super) fn is_behind(&self) -> bool {
        self.connection.wants_write()
    }

    /// Writes ciphertext that waits, as far as the socket takes it.
    pub(super) fn flush(&mut self, tcp: &TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut &*tcp) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Says that nothing more will be written.
    pub(super) fn finish_writing(&mut self, tcp: &TcpStream) {
        self.connection.send_close_notify();
        // An error means that the connection is gone already.
        let _ = self.flush(tcp);
    }
}

/// The kind and the words of a failed handshake.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Failure::new(kind(tls), format!("TLS: {tls}{}", advice(kind(tls)))),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Failure::new(Fault::Abnormal, "the server closed during the TLS handshake".into())
        }
        None => super::failure(error, "the TLS handshake"),
    }
}

/// The kind of an error of rustls.
pub(super) fn kind(error: &rustls::Error) -> Fault {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => Fault::TlsExpired,
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Fault::TlsName,
            Bad::UnknownIssuer => Fault::TlsIssuer,
            // What webpki says of a self-signed certificate that is marked as an authority.
            Bad::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Fault::TlsIssuer,
            _ => Fault::TlsCertificate,
        },
        rustls::Error::PeerIncompatible(_) => Fault::TlsVersion,
        rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        ) => Fault::TlsVersion,
        rustls::Error::AlertReceived(_) => Fault::TlsAlert,
        _ => Fault::TlsProtocol,
    }
}

/// What to do about it, for the kinds where something can be done.
fn advice(kind: Fault) -> &'static str {
    match kind {
        Fault::TlsIssuer => ". Trust its issuer with --ca FILE, or test against it with --insecure",
        Fault::TlsName => ". Use the name of the certificate in --target",
        Fault::TlsExpired => ". Renew the certificate, or check the clock of this machine",
        Fault::TlsVersion => ". volley speaks TLS 1.2 and 1.3",
        Fault::TlsAlert => ". A server that wants a client certificate gets one by --cert and --key",
        _ => "",
    }
}
